package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
)

// Args holds the command line.
type Args struct {
	Dir    string
	Server string
	Files  []string
}

// Usage is the help text.
const Usage = `usage: onelicense-desktop [--server URL|embedded] [--data DIRECTORY] [LICENSE_FILE ...]

  --server  server to connect to from now on: a URL, or embedded for the server in this program
  --data    data directory; each one has its own server and window
`

// ParseArgs parses the command line of a program that was started in dir.
func ParseArgs(args []string, dir string) (Args, error) {
	var a Args
	f := flag.NewFlagSet("onelicense-desktop", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&a.Dir, "data", "", "")
	f.StringVar(&a.Server, "server", "", "")
	if err := f.Parse(args); err != nil {
		return a, err
	}
	a.Files = absolute(dir, f.Args())
	if a.Dir == "" {
		var err error
		if a.Dir, err = dataDir(); err != nil {
			return a, fmt.Errorf("finding the data directory: %w", err)
		}
	} else if !filepath.IsAbs(a.Dir) {
		a.Dir = filepath.Join(dir, a.Dir)
	}
	return a, nil
}

// absolute makes paths independent of the directory that the program was started in. A desktop may pass file:// URLs.
func absolute(dir string, paths []string) []string {
	var all []string
	for _, path := range paths {
		if u, err := url.Parse(path); err == nil && u.Scheme == "file" {
			path = filepath.FromSlash(u.Path)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		all = append(all, path)
	}
	return all
}

// dataDir returns the directory for data that is not settings and stays on this machine.
func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if local := os.Getenv("LocalAppData"); local != "" {
			return filepath.Join(local, "One License"), nil
		}
		return "", errors.New("LocalAppData is not set")
	case "darwin":
		config, err := os.UserConfigDir()
		return filepath.Join(config, "One License"), err
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "onelicense"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share", "onelicense"), err
}
