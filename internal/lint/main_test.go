package main

import (
	"strings"
	"testing"
)

func TestRiddles(t *testing.T) {
	for _, c := range []struct {
		source string
		faults int
	}{
		{"// Price is what a license costs.\nfunc Price() {}", 1},
		{"// limits are when it stops.\nvar limits int", 1},
		{"type T struct {\n\t// Owner is who pays.\n\tOwner string\n}", 1},
		{"type I interface {\n\t// Do is how it is done.\n\tDo()\n}", 1},
		{"// Price returns what a license costs, in cents.\nfunc Price() {}", 0},
		{"// Price is the cost of a license in cents.\nfunc Price() {}", 0},
		{"// IsOpen reports whether it is open.\nfunc IsOpen() {}", 0},
	} {
		if got := riddles("p.go", []byte("package p\n\n"+c.source+"\n")); len(got) != c.faults {
			t.Errorf("%q: %d faults, want %d: %q", c.source, len(got), c.faults, got)
		}
	}
	if got := riddles("p.py", []byte("# Price is what it costs.\n")); got != nil {
		t.Errorf("a file of another language: %q", got)
	}
}

func TestLongLines(t *testing.T) {
	long, longest := strings.Repeat("ä", 141), "\t"+strings.Repeat("ä", 139)
	if got := longLines([]byte("short\n" + long + "\r\n" + longest + "\n")); len(got) != 1 ||
		!strings.HasPrefix(got[0], "2: the line has 141 columns") {
		t.Errorf("found %q, want one fault on line 2", got)
	}
}
