package client

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSpecPageHasTransitions compares the table of spec/lease.md with transitions; -update writes it.
//
// proves part of N11
func TestSpecPageHasTransitions(t *testing.T) {
	const file, head, tail = "../../spec/lease.md", "<!-- states:begin -->\n", "<!-- states:end -->"
	var b strings.Builder
	b.WriteString("| from | on | to | why |\n| --- | --- | --- | --- |\n")
	for _, r := range transitions {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.from, r.on, r.to, r.reason)
	}
	b.WriteString("\n```mermaid\nstateDiagram-v2\n    [*] --> ready\n")
	for _, r := range transitions {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", r.from, r.to, r.on)
	}
	b.WriteString("```\n")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), head)
	_, after, ok2 := strings.Cut(rest, tail)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	want := []byte(before + head + b.String() + tail + after)
	if bytes.Equal(page, want) {
		return
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Fatal("the page's state table is not the machine's; -update writes it anew")
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A state has one transition at most for each trigger.
func TestTransitionsAreDeterministic(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range transitions {
		key := string(r.from) + " " + string(r.on)
		if seen[key] {
			t.Errorf("two rows for %s", key)
		}
		seen[key] = true
	}
}
