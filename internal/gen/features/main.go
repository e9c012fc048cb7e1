// Command features prints which test proves which row of spec/features.md, and the rows that no test names.
//
//	go run ./internal/gen/features
//
// A test names its rows in a comment: the word proves and one or more row ids. The mark stands directly above the test or
// inside it. "proves part of" marks a test that proves only a part of a row. A mark with an unknown id is an error: a misspelt
// id would otherwise leave its row without a test.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.DirFS("."), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
		os.Exit(1)
	}
}

// row is one statement of spec/features.md.
type row struct{ id, statement string }

// proof is one mark: the test at file claims the row id.
type proof struct {
	id, file, test string
	part           bool // of the row only
}

func (p proof) String() string {
	s := p.file
	if p.test != "" {
		s += ": " + p.test
	}
	if p.part {
		s += " (in part)"
	}
	return s
}

func run(root fs.FS, out io.Writer) error {
	spec, err := fs.ReadFile(root, "spec/features.md")
	if err != nil {
		return fmt.Errorf("reading the rows: %w", err)
	}
	rows := parseRows(string(spec))
	if len(rows) == 0 {
		return fmt.Errorf("spec/features.md has no rows")
	}
	proofs, err := scan(root)
	if err != nil {
		return fmt.Errorf("looking for tests: %w", err)
	}
	return report(rows, proofs, out)
}

func report(rows []row, proofs []proof, out io.Writer) error {
	byRow := make(map[string][]proof)
	for _, p := range proofs {
		byRow[p.id] = append(byRow[p.id], p)
	}
	var without []row
	whole := 0
	for _, r := range rows {
		if len(byRow[r.id]) == 0 {
			without = append(without, r)
			continue
		}
		fmt.Fprintf(out, "%s  %s\n", r.id, r.statement)
		for _, p := range byRow[r.id] {
			fmt.Fprintf(out, "     → %s\n", p)
		}
		if slices.ContainsFunc(byRow[r.id], func(p proof) bool { return !p.part }) {
			whole++
		}
		delete(byRow, r.id)
	}
	if len(without) > 0 {
		fmt.Fprintf(out, "\nRows without a test:\n")
		for _, r := range without {
			fmt.Fprintf(out, "%s  %s\n", r.id, r.statement)
		}
	}
	fmt.Fprintf(out, "\n%d of %d rows have a test, %d more in part\n", whole, len(rows), len(rows)-len(without)-whole)

	var unknown []string
	for _, ps := range byRow {
		for _, p := range ps {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", p.id, p))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("no such row: %s", strings.Join(unknown, ", "))
	}
	return nil
}

var tableRow = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]{2}) \| (.+) \|$`)

func parseRows(spec string) []row {
	var rows []row
	for _, m := range tableRow.FindAllStringSubmatch(spec, -1) {
		rows = append(rows, row{m[1], m[2]})
	}
	return rows
}

// language describes how the tests of some files are named.
type language struct {
	files []string
	test  *regexp.Regexp // its first group that matched is the test's name; nil where the file is one test
}

var languages = []language{
	{[]string{"*_test.go"}, regexp.MustCompile(`^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)},
	{[]string{"test_*.py"}, regexp.MustCompile(`^\s*(?:async )?def (test_\w+)\(`)},
	{[]string{"*.test.js", "*.test.mjs", "*.test.ts", "*.test.tsx"},
		regexp.MustCompile("^\\s*(?:await )?(?:test|it)(?:\\.\\w+)?\\(\\s*(?:'([^']+)'|\"([^\"]+)\"|`([^`]+)`)")},
	{[]string{"server/cmd/onelicense/demo/license_files.go", "server/cmd/onelicense/demo/story.go"}, nil},
}

// Folders without tests of this project: by name anywhere, and by path.
var (
	foreignNames = []string{"node_modules", "testdata"}
	foreignPaths = []string{".git", "build", "frontend/dist"}
)

func scan(root fs.FS) ([]proof, error) {
	var proofs []proof
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(foreignNames, d.Name()) || slices.Contains(foreignPaths, name) {
				return fs.SkipDir
			}
			return nil
		}
		for _, l := range languages {
			if !l.matches(name) {
				continue
			}
			source, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			proofs = append(proofs, l.marks(name, string(source))...)
		}
		return nil
	})
	return proofs, err
}

func (l language) matches(name string) bool {
	return slices.ContainsFunc(l.files, func(pattern string) bool {
		if strings.Contains(pattern, "/") {
			return name == pattern
		}
		ok, _ := path.Match(pattern, path.Base(name))
		return ok
	})
}

var (
	mark    = regexp.MustCompile(`(?://|#|\*|""").*\bproves (part of )?((?:[A-Z][0-9]{2}\b[, ]*)+)`)
	ids     = regexp.MustCompile(`[A-Z][0-9]{2}`)
	leading = regexp.MustCompile(`^\s*(?://|/\*|\*|#|@|$)`) // lines that may separate a mark from the test below it
)

func (l language) marks(file, source string) []proof {
	lines := strings.Split(source, "\n")
	var proofs []proof
	enclosing := ""
	for i, line := range lines {
		if name := l.name(line); name != "" {
			enclosing = name
		}
		m := mark.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		test := enclosing
		if below := l.below(lines[i:]); below != "" {
			test = below
		}
		for _, id := range ids.FindAllString(m[2], -1) {
			proofs = append(proofs, proof{id, file, test, m[1] != ""})
		}
	}
	return proofs
}

// below returns the test that follows lines, or nothing if other code comes first.
func (l language) below(lines []string) string {
	for _, line := range lines {
		if name := l.name(line); name != "" {
			return name
		}
		if !leading.MatchString(line) {
			return ""
		}
	}
	return ""
}

// name returns the test that the line declares, or nothing.
func (l language) name(line string) string {
	if l.test == nil {
		return ""
	}
	if m := l.test.FindStringSubmatch(line); m != nil {
		return strings.Join(m[1:], "") // one group matched
	}
	return ""
}
