//go:build !unix && !native

package onelicense

import "os"

// private tells whether path is a plain file or directory. The user's cache directory is private by its access list here.
func private(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && (info.IsDir() || info.Mode().IsRegular())
}

func steady(string) bool { return true }
