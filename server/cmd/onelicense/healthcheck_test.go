package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// proves part of S01
func TestHealthcheck(t *testing.T) {
	s := startServe(t, filepath.Join(t.TempDir(), "data"))
	s.tokenIn(t)
	_, address, _ := strings.Cut(s.base, "//")
	ask := func(more ...string) (int, string) {
		exit, out, errs := run(nil, append([]string{"healthcheck", "--listen", address}, more...)...)
		return exit, out + errs
	}
	for _, more := range [][]string{nil, {"--ready"}} {
		if exit, said := ask(more...); exit != exitOK || said != "" {
			t.Errorf("%v: exit %d, %s", more, exit, said)
		}
	}
	s.stop(t)
	if exit, said := ask(); exit != exitRefused || said == "" {
		t.Errorf("nobody is there: exit %d, %s", exit, said)
	}
	if exit, said := ask("--log-format", "xml"); exit != exitUsage || !strings.Contains(said, "--log-format") {
		t.Errorf("a bad setting: exit %d, %s", exit, said)
	}
}
