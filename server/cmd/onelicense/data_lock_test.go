package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A second process on the same data refuses to start and says why; the first is not disturbed.
//
// proves part of S28
func TestTwoProcessesOnOneDirectory(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := startServe(t, data)
	first.tokenIn(t)
	exit, out, errs := run(nil, "serve", "--listen", "127.0.0.1:0", "--data", data)
	if exit != exitRefused || out != "" || !strings.Contains(errs, "--data") ||
		!strings.Contains(errs, data+" is in use by another process") {
		t.Errorf("exit %d, %q, %q", exit, out, errs)
	}
	if got := get(t, first.base+"/readyz"); got != "ok\n" {
		t.Errorf("the first says %q", got)
	}
	first.stop(t)
	again := startServe(t, data)
	again.tokenIn(t)
	again.stop(t)
}
