// Command verdicts writes the table of verdicts in every form that the project needs, from its source spec/verdicts.json:
// spec/verdicts.md for people and the constants of Go, Python and JavaScript. Run it from the root of the repository:
//
//	go run ./internal/gen/verdicts
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// outputs lists the generated files with their writers.
var outputs = []struct {
	path  string
	write func([]row) []byte
}{
	{"spec/verdicts.md", markdownPage},
	{"license/codes_gen.go", goSource},
	{"hosts/python/onelicense/verdicts.py", pythonSource},
	{"hosts/js/src/verdicts.js", javascriptSource},
	{"hosts/js/src/verdicts.d.ts", typescriptSource},
}

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	rows, err := read(filepath.Join(root, "spec", "verdicts.json"))
	if err != nil {
		return err
	}
	for _, out := range outputs {
		path := filepath.Join(root, filepath.FromSlash(out.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, out.write(rows), 0o644); err != nil {
			return err
		}
	}
	return nil
}
