//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package onelicense

import (
	"fmt"
	"os"
	"runtime"
)

// lockFile refuses: a directory that two clients may use at a time would look like a clone to the server.
func lockFile(*os.File) (bool, error) {
	return false, fmt.Errorf("files cannot be locked on %s; set Config.Storage", runtime.GOOS)
}
