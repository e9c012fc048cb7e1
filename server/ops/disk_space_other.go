//go:build !linux && !darwin

package ops

import "errors"

// freeSpace is not implemented on this system.
func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
