package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var root = filepath.Join("..", "..", "..")

func members(t *testing.T) []member {
	t.Helper()
	all, err := read(filepath.Join(root, "spec", "policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	all := members(t)
	for _, out := range outputs {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(out.path)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, out.write(all)) {
			t.Errorf("%s: run go run ./internal/gen/policy", out.path)
		}
	}
}

func TestEveryMemberHasALineInTheSpec(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "spec", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members(t) {
		if strings.Count(string(page), "\n| `"+m.Name+"` |") != 1 {
			t.Errorf("spec/policy.md has no line for %s, or several", m.Name)
		}
	}
}

// The rule test of a member must exist and use the member: itself, or by a function of its package's tests that it calls.
func TestEveryMemberHasARuleTest(t *testing.T) {
	functions := testFunctions(t, "server/licensing", "wasm/client", "server/sim")
	for _, m := range members(t) {
		used := false
		for _, in := range functions {
			used = used || in.uses(m.RuleTest, m.Go, 3)
		}
		if !used {
			t.Errorf("%s: no test named %s that sets or reads %s in server/licensing or below, wasm/client or server/sim", m.Name, m.RuleTest, m.Go)
		}
	}
}

// declarations maps the functions and variables of a package's tests to the identifiers that they mention.
type declarations map[string]map[string]bool

// uses reports whether the declaration mentions the identifier, itself or by those it mentions, up to a depth.
func (d declarations) uses(name, identifier string, depth int) bool {
	if d[name][identifier] {
		return true
	}
	for mentioned := range d[name] {
		if depth > 0 && mentioned != name && d.uses(mentioned, identifier, depth-1) {
			return true
		}
	}
	return false
}

func testFunctions(t *testing.T, folders ...string) []declarations {
	t.Helper()
	packages := map[string]declarations{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			at := filepath.Dir(path)
			if packages[at] == nil {
				packages[at] = declarations{}
			}
			for _, d := range file.Decls {
				packages[at].add(d)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []declarations
	for _, in := range packages {
		all = append(all, in)
	}
	return all
}

func (d declarations) add(declaration ast.Decl) {
	mentioned := map[string]bool{}
	ast.Inspect(declaration, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			mentioned[id.Name] = true
		}
		return true
	})
	switch of := declaration.(type) {
	case *ast.FuncDecl:
		d[of.Name.Name] = mentioned
	case *ast.GenDecl:
		for _, spec := range of.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				for _, name := range v.Names {
					d[name.Name] = mentioned
				}
			}
		}
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	const good = `{"name":"a_limit","kind":"limit","go":"ALimit","section":"type","label":"L",` +
		`"description":"Noun phrase.","min":0,"max":9,"default":null,` +
		`"rule_test":"TestA"}`
	if _, err := parse([]byte("[" + good + "]")); err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"repeated":             "[" + good + "," + good + "]",
		"camel case":           strings.Replace(good, "a_limit", "aLimit", 1),
		"unknown kind":         strings.Replace(good, `"kind":"limit"`, `"kind":"number"`, 1),
		"count without value":  strings.Replace(good, `"kind":"limit"`, `"kind":"count"`, 1),
		"duration without _ms": strings.Replace(strings.Replace(good, `"kind":"limit"`, `"kind":"duration"`, 1), "null", "0", 1),
		"default out of range": strings.Replace(good, "null", "10", 1),
		"no sentence":          strings.Replace(good, "Noun phrase.", "noun phrase", 1),
		"unknown section":      strings.Replace(good, `"section":"type"`, `"section":"other"`, 1),
		"unknown condition":    strings.Replace(good, `"min"`, `"applies":{"b":["c"]},"min"`, 1),
		"no rule test":         strings.Replace(good, "TestA", "", 1),
		"unknown member":       strings.Replace(good, `"min"`, `"least":1,"min"`, 1),
		"more text":            "[" + good + "] []",
		"no JSON":              "members",
	} {
		if !strings.HasPrefix(table, "[") {
			table = "[" + table + "]"
		}
		if _, err := parse([]byte(table)); err == nil {
			t.Errorf("%s: the table was accepted", name)
		}
	}
}
