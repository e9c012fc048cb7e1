package onelicense_test

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostModules is the largest number of modules that a program may see that embeds the Go host and nothing else, itself included.
const mostModules = 12

// TestEmbedderModules builds a program outside of the tree that requires the Go host, and counts the modules of its build list: what the
// server and the desktop app need must not reach a program that only checks a license.
func TestEmbedderModules(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + filepath.ToSlash(root) +
			"\n",
		"main.go": `package main

import (
	"context"

	onelicense "` + module + `/hosts/go"
)

func main() {
	if _, err := onelicense.New(context.Background(), onelicense.Config{}); err != nil {
		println(err.Error())
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(arguments ...string) string {
		t.Helper()
		cmd := exec.Command("go", arguments...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.Output()
		if err != nil {
			detail := ""
			if exit, ok := err.(*exec.ExitError); ok {
				detail = string(exit.Stderr)
			}
			t.Fatalf("%s: %v\n%s", cmd, err, detail)
		}
		return string(out)
	}
	run("mod", "tidy")
	run("build", "-o", filepath.Join(dir, "app"), ".")
	modules := strings.Fields(run("list", "-m", "-f", "{{.Path}}", "all"))
	if len(modules) > mostModules {
		t.Errorf("a program that embeds the Go host sees %d modules, at most %d are wanted:\n%s", len(modules), mostModules,
			strings.Join(modules, "\n"))
	}
}

// maxZip is the size of the root module's download, in bytes: the built client core is more than half of it.
const maxZip = 4 << 20

// TestModuleZip packs the files that the root module consists of as the module proxy does, and holds the result to maxZip. Files of nested
// modules do not count.
func TestModuleZip(t *testing.T) {
	listed, err := exec.Command("git", "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(listed))
	var nested []string
	for _, file := range files {
		if dir, name := filepath.Split(file); name == "go.mod" && dir != "" {
			nested = append(nested, dir)
		}
	}
	size := &counter{}
	pack := zip.NewWriter(size)
	for _, file := range files {
		if slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(file, dir) }) {
			continue
		}
		source, err := os.Open(file)
		if os.IsNotExist(err) { // removed and not committed yet
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		w, err := pack.Create(file)
		if err == nil {
			_, err = io.Copy(w, source)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := pack.Close(); err != nil {
		t.Fatal(err)
	}
	if size.bytes > maxZip {
		t.Errorf("the root module packs to %d bytes, at most %d are wanted", size.bytes, maxZip)
	}
	t.Logf("the root module packs to %d bytes", size.bytes)
}

// counter counts what is written to it.
type counter struct{ bytes int }

func (c *counter) Write(b []byte) (int, error) {
	c.bytes += len(b)
	return len(b), nil
}
