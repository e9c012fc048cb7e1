//go:build unix && !native

package onelicense

import (
	"os"
	"syscall"
)

// isOwnedByUser reports whether path is a plain file or directory of this user that nobody else can write.
func isOwnedByUser(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}

// isSafeParent reports whether nobody else can replace what this user has in the directory. A missing directory is safe: it will be made.
func isSafeParent(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || info.Mode().Perm()&0o022 == 0 || info.Mode()&os.ModeSticky != 0
}
