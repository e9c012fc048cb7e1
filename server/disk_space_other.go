//go:build !linux && !darwin

package server

import "errors"

func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
