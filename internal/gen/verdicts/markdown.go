package main

import (
	"bytes"
	"fmt"
)

const intro = `# Verdicts

Everything that One License decides has a **code** from this page, the same in every language. A code never changes its meaning
and is never reused. A program that meets a code it does not know, from a newer server, treats it as *transient* and does not go on.

A verdict says: its code, its class, whether the app may go on (` + "`allow_continue`" + `), what decided it (the evidence, given as the detail),
what changed, and what to do about it. The source of this page and of every constant is ` + "`spec/verdicts.json`" + `.

## Classes

The class says what the client does about a code. Only *final* codes end the work at once; none of them rides the grace.

## Offline

A program that was started offline (spec/abi.md, ` + "`offline`" + `) is neither kept from starting nor stopped by a code that says no more than
that the server was not heard: these are marked *offline* in the tables. The client core decides that, and says it in the verdict.

`

func markdownPage(rows []row) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- %s -->\n\n%s| class | what it means | codes |\n|---|---|---|\n", mark, intro)
	for _, c := range classes {
		n := 0
		for _, r := range rows {
			if r.Class == c.name {
				n++
			}
		}
		fmt.Fprintf(&b, "| [%s](#class-%s) | %s | %d |\n", c.name, c.name, c.meaning, n)
	}
	for _, c := range classes {
		fmt.Fprintf(&b, "\n## Class %s\n\n%s\n\n| code | message | when | evidence | what changed | what to do | offline |\n|---|---|---|---|---|---|---|\n", c.name, c.meaning)
		for _, r := range rows {
			if r.Class == c.name {
				offline := ""
				if r.OfflineTolerable {
					offline = "tolerated"
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", r.Code, r.Message, r.When, r.Evidence, r.Changed, r.Do, offline)
			}
		}
	}
	return b.Bytes()
}
