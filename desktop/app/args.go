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

// Args is what the command line says.
type Args struct {
	Dir    string
	Server string
	Files  []string
}

// Usage is what the program says when it is asked, or not understood.
const Usage = `usage: onelicense-desktop [--server URL|embedded] [--data DIRECTORY] [license file ...]

  --server  connect to this server from now on; embedded: the one in this program
  --data    keep everything in this directory, with a server and a window of its own
`

// ParseArgs reads the command line of a program started in a directory.
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

// absolute makes paths independent of the directory that the program was started in. A desktop may hand over addresses of files.
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

// dataDir is where a person's programs keep what is not settings and does not travel to other machines.
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
