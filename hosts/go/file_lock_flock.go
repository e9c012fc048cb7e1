//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package onelicense

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks an open file for this process without waiting. It reports whether the lock was free; closing the file releases it.
func lockFile(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR): // a signal came first: try again
			return false, err
		}
	}
}
