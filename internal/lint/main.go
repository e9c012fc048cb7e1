// Command lint refuses what the house rules in CONTRIBUTING.md forbid and no other linter looks for: doc comments that say what something
// "is what" or "is who" instead of what it does, and lines of hand-written code that are too long to read.
//
//	go run ./internal/lint
//
// Run it at the root of the repository. It looks at the files that git tracks or would add, and leaves out those that .gitattributes marks
// as generated. It prints a line for each fault and exits with 1 if there is one.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxColumns is the longest line of hand-written code, in characters; a tab counts as one.
const maxColumns = 140

// handWritten are the endings of files whose lines are measured.
var handWritten = []string{".go", ".ts", ".tsx", ".js", ".mjs", ".py", ".css"}

// riddle matches a doc comment that postpones what the name means.
var riddle = regexp.MustCompile(`^\w+ (is|are) (what|who|whom|whose|how|when|where|whether|whoever|whatever)\b`)

func main() {
	files, err := sources()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	faults := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) { // removed and not committed yet
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "lint:", err)
			os.Exit(2)
		}
		for _, fault := range append(longLines(text), riddles(path, text)...) {
			fmt.Printf("%s:%s\n", path, fault)
			faults++
		}
	}
	if faults > 0 {
		fmt.Fprintf(os.Stderr, "lint: %d faults in %d files\n", faults, len(files))
		os.Exit(1)
	}
}

// sources lists the hand-written files of the repository.
func sources() ([]string, error) {
	listed, err := exec.Command("git", "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	check := exec.Command("git", "check-attr", "--stdin", "linguist-generated")
	check.Stdin = bytes.NewReader(listed)
	marks, err := check.Output()
	if err != nil {
		return nil, fmt.Errorf("git check-attr: %w", err)
	}
	var files []string
	for line := range strings.Lines(string(marks)) {
		path, attribute, _ := strings.Cut(strings.TrimSpace(line), ": linguist-generated: ")
		if attribute != "set" && slices.ContainsFunc(handWritten, func(ending string) bool { return strings.HasSuffix(path, ending) }) {
			files = append(files, path)
		}
	}
	return files, nil
}

// longLines returns a fault for each line of more than maxColumns characters.
func longLines(text []byte) (faults []string) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if columns := utf8.RuneCount(bytes.TrimRight(line, "\r\n")); columns > maxColumns {
			faults = append(faults, fmt.Sprintf("%d: the line has %d columns, at most %d are allowed", n, columns, maxColumns))
		}
	}
	return faults
}

// riddles returns a fault for each doc comment of a Go declaration, field or method that riddle matches.
func riddles(path string, text []byte) (faults []string) {
	if !strings.HasSuffix(path, ".go") {
		return nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		return []string{fmt.Sprintf("1: %v", err)}
	}
	look := func(doc *ast.CommentGroup) {
		if doc == nil {
			return
		}
		if found := riddle.FindString(doc.Text()); found != "" {
			faults = append(faults, fmt.Sprintf("%d: the doc comment begins with %q: say what it does or holds", files.Position(doc.Pos()).Line,
				found))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			look(n.Doc)
		case *ast.GenDecl:
			look(n.Doc)
		case *ast.TypeSpec:
			look(n.Doc)
		case *ast.ValueSpec:
			look(n.Doc)
		case *ast.Field:
			look(n.Doc)
		}
		return true
	})
	return faults
}
