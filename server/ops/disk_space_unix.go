//go:build linux || darwin

package ops

import "syscall"

// freeSpace returns the bytes that may still be written below a directory.
func freeSpace(directory string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(directory, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
