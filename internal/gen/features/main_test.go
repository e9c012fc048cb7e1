package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The marks below are written §, so that this file claims no row of the real list.
func tree(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"spec/features.md": {Data: []byte(`# Rows
| id | statement |
|---|---|
| S01 | it starts |
| S02 | it stops |
| C09 | it only counts |
`)}}
	for name, source := range files {
		root[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(source, "§", "proves"))}
	}
	return root
}

func TestRowsAndTheirTests(t *testing.T) {
	cases := []struct {
		name, file, source string
		want               string // a line of the report
	}{
		{"go_above", "a/x_test.go", "// § S01\n\n// more words\nfunc TestStart(t *testing.T) {}\nfunc TestOther(t *testing.T) {}",
			"→ a/x_test.go: TestStart"},
		{"go_inside", "a/x_test.go", "func TestStart(t *testing.T) {\n\tok() // § S01\n}\nfunc TestOther(t *testing.T) {}",
			"→ a/x_test.go: TestStart"},
		{"go_last_line_of_a_test", "a/x_test.go", "func TestStart(t *testing.T) {\n\t// § S01\n}\nfunc TestOther(t *testing.T) {}",
			"→ a/x_test.go: TestStart"},
		{"python_decorated", "a/test_x.py", "# § S01, C09\n@slow\ndef test_start():\n    pass", "→ a/test_x.py: test_start"},
		{"python_docstring", "a/test_x.py", "def test_start():\n    \"\"\"It starts, and so § S01.\"\"\"\n", "→ a/test_x.py: test_start"},
		{"node", "a/x.test.js", "test(\"it starts\", () => {\n  // § S01\n})", "→ a/x.test.js: it starts"},
		{"typescript", "a/x.test.ts", "// § S01\nit.each(rows)\nit('starts', () => {})", "→ a/x.test.ts"},
		{"demo", "server/cmd/onelicense/demo/story.go", "// § S01\nstep", "→ server/cmd/onelicense/demo/story.go"},
		{"prose_is_no_mark", "a/x_test.go", "// this § that S01 is fine\nfunc TestStart(t *testing.T) {}",
			"0 of 3 rows have a test, 0 more in part"},
		{"not_a_test_file", "a/x.go", "// § S01", "0 of 3 rows have a test, 0 more in part"},
		{"not_our_code", "node_modules/x/a.test.js", "// § S01", "0 of 3 rows have a test, 0 more in part"},
		{"a_part", "a/x_test.go", "// § part of S01\nfunc TestStart(t *testing.T) {}", "TestStart (in part)"},
		{"parts_do_not_count", "a/x_test.go", "// § part of S01\nfunc TestStart(t *testing.T) {}", "0 of 3 rows have a test, 1 more in part"},
		{"rows_left", "a/x_test.go", "// § S01 C09\nfunc TestStart(t *testing.T) {}",
			"\nRows without a test:\nS02  it stops\n\n2 of 3 rows have a test, 0 more in part"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := run(tree(map[string]string{c.file: c.source}), &out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), c.want+"\n") {
				t.Errorf("printed\n%s\nwant %q", out.String(), c.want)
			}
		})
	}
}

func TestUnknownRowIsAnError(t *testing.T) {
	err := run(tree(map[string]string{"a/x_test.go": "// § S01 X99\nfunc TestStart(t *testing.T) {}"}), &strings.Builder{})
	if err == nil || err.Error() != "no such row: X99 (a/x_test.go: TestStart)" {
		t.Errorf("got %v", err)
	}
}

func TestRealFeatureList(t *testing.T) {
	spec, err := os.ReadFile("../../../spec/features.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := parseRows(string(spec))
	if lines := strings.Count(string(spec), "\n| ") - strings.Count(string(spec), "\n| id |"); len(rows) != lines {
		t.Errorf("read %d rows of %d table lines", len(rows), lines)
	}
	seen := make(map[string]bool)
	for _, r := range rows {
		if seen[r.id] {
			t.Errorf("row %s stands twice", r.id)
		}
		seen[r.id] = true
	}
}
