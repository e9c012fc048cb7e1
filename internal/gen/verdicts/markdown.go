package main

import (
	"bytes"
	"fmt"
)

const intro = `# Verdicts

Every decision of One License has a **code** from this page, the same in every language. A code never changes its meaning and is never
reused. A program that gets a code it does not know, from a newer server, treats it as *transient* and does not continue.

A verdict states its code, its class, whether the app may continue (` + "`allow_continue`" + `), the evidence (as its detail), what
changed, and what to do about it. The source of this page and of every constant is ` + "`spec/verdicts.json`" + `.

## Classes

The class determines the client's reaction to a code. Only *final* codes end the work at once, without a grace period.

## Offline

A program that was started offline ([abi.md](abi.md#offline)) is neither kept from starting nor stopped by a code that says no more
than that the server was not reached: these codes are marked in the column *offline*. The client core decides that, and marks the verdict.

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
		fmt.Fprintf(&b, "\n## Class %s\n\n%s\n\n", c.name, c.meaning)
		b.WriteString("| code | message | when | evidence | what changed | what to do | offline |\n|---|---|---|---|---|---|---|\n")
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
