package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The module is built with its own list of dependencies, the native packages with go.mod. Both must select the same code.
//
// proves N01
func TestPinnedMatchesGoMod(t *testing.T) {
	list := func(args ...string) string {
		cmd := exec.Command("go", append([]string{"list"}, append(args, "-deps", "-f",
			`{{with .Module}}{{if .Version}}{{.Path}} {{.Version}}{{end}}{{end}}`, ".")...)...)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	pinned, selected := list("-modfile=pinned.mod"), list()
	if pinned != selected || !strings.Contains(pinned, "ProtonMail/go-crypto") {
		t.Errorf("pinned.mod gives\n%s\ngo.mod selects\n%s", pinned, selected)
	}
}
