// Command policy writes every form of the table of policy members from its one source, spec/policy.json: the types, defaults and checks of
// the domain, the types and conversions of the API, the fields of the pages, and spec/policy.md for people. Each output names members,
// none depends on their position. Run it from the root of the repository:
//
//	go run ./internal/gen/policy
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// outputs lists the files with their writers.
var outputs = []struct {
	path  string
	write func([]member) []byte
}{
	{"spec/policy.md", markdown},
	{"server/licensing/policy_gen.go", domain},
	{"server/api/policy_gen.go", api},
	{"frontend/src/policy/fields_gen.ts", typescript},
}

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}

// run writes all outputs below root.
func run(root string) error {
	members, err := read(filepath.Join(root, "spec", "policy.json"))
	if err != nil {
		return err
	}
	for _, out := range outputs {
		path := filepath.Join(root, filepath.FromSlash(out.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, out.write(members), 0o644); err != nil {
			return err
		}
	}
	return nil
}
