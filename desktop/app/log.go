package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
)

// largestLog limits the log in bytes when the program starts: a larger one is renamed first, replacing the previous one.
const largestLog = 4 << 20

// OpenLog is the program's log, a file beside its data, as a window has no other place to complain. What a crash leaves goes into it, too.
func OpenLog(dir string) (*slog.Logger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "desktop.log")
	info, err := os.Stat(path)
	if err == nil && info.Size() > largestLog {
		err = os.Rename(path, path+".1")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewTextHandler(f, nil)), debug.SetCrashOutput(f, debug.CrashOptions{})
}
