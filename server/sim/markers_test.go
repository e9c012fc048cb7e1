package sim

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A rule that a test must miss when it is removed carries a marker, a comment on the line before the code that keeps it:
//
//	//mutant:<suite> <change>: <rule>
//
// The suite is the first that is known to notice (stories, searching, years, tests); the change is applied to the syntax tree of the marked
// statement, so that renaming and formatting leave a marker as it is. The changes, on the condition of an if or a case, on what is
// assigned, returned or called, or on an element of a literal:
//
//	never           the condition is false
//	always          the condition is true
//	drop N          operand N of a chain of && or || is left out; N.M is operand M within the parentheses of operand N
//	or              the first && becomes ||
//	operator OP     the first binary operator becomes OP
//	left            the first binary expression becomes its left operand
//	unwrap F N      the first call of F becomes its argument N
//	arg N CODE      argument N of the first call becomes CODE
//	element N CODE  element N of the first literal becomes CODE; more of them follow behind semicolons
//	value CODE      the value becomes CODE, in which _ stands for the value as it was; value:N is the Nth of several
//	blank           the assignment goes to the blank identifier
//	with CODE       the statement becomes CODE
//	remove          the statement is left out
type mutant struct {
	rule   string
	suite  string
	change string
	file   string // path from the root of the tree
	line   int    // of the marked code
}

// markedFolders hold the rules, from the root of the tree.
var markedFolders = []string{"wasm/client", "server/licensing"}

const markerPrefix = "//mutant:"

// readMutants returns the markers of all files below markedFolders, in order of file and line.
func readMutants(root string) ([]mutant, error) {
	var found []mutant
	for _, folder := range markedFolders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			lines := strings.Split(string(source), "\n")
			for n, line := range lines {
				marker, is := strings.CutPrefix(strings.TrimSpace(line), markerPrefix)
				if !is {
					continue
				}
				head, rule, _ := strings.Cut(marker, ": ")
				suite, change, _ := strings.Cut(head, " ")
				at := n + 1
				for at < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[at]), "//") {
					at++
				}
				name, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				found = append(found, mutant{rule: rule, suite: suite, change: change, file: name, line: at + 1})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// apply returns the mutant's file without its rule. It is an error if the marked line holds nothing that the change fits.
func (m mutant) apply(source []byte) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, m.file, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	e := &editor{source: source, files: files}
	target := e.marked(file, m.line)
	if target == nil {
		return nil, fmt.Errorf("%s:%d: no statement begins on the line below the marker", m.file, m.line)
	}
	if err := e.change(target, m.change); err != nil {
		return nil, fmt.Errorf("%s:%d: %s: %w", m.file, m.line, m.change, err)
	}
	changed := e.apply()
	if bytes.Equal(changed, source) {
		return nil, fmt.Errorf("%s:%d: %s changes nothing", m.file, m.line, m.change)
	}
	return format.Source(changed)
}

// editor collects replacements of parts of a source.
type editor struct {
	source []byte
	files  *token.FileSet
	edits  []edit
}

type edit struct {
	from, to int
	text     string
}

func (e *editor) offset(p token.Pos) int { return e.files.Position(p).Offset }

func (e *editor) text(n ast.Node) string {
	return string(e.source[e.offset(n.Pos()):e.offset(n.End())])
}

func (e *editor) replace(n ast.Node, text string) {
	e.edits = append(e.edits, edit{e.offset(n.Pos()), e.offset(n.End()), text})
}

func (e *editor) apply() []byte {
	slices.SortFunc(e.edits, func(a, b edit) int { return b.from - a.from })
	out := string(e.source)
	for _, d := range e.edits {
		out = out[:d.from] + d.text + out[d.to:]
	}
	return []byte(out)
}

// marked returns the outermost statement, case or element of a literal that begins on the line.
func (e *editor) marked(file *ast.File, line int) (found ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil || found != nil {
			return false
		}
		if e.files.Position(n.Pos()).Line == line {
			switch n.(type) {
			case *ast.IfStmt, *ast.CaseClause, *ast.ReturnStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.ExprStmt, *ast.KeyValueExpr,
				*ast.CompositeLit:
				found = n
				return false
			}
		}
		return true
	})
	return found
}

var errMisfit = errors.New("the marked code has no such part")

// values returns the expressions of the target that a change is about.
func values(target ast.Node) []ast.Expr {
	switch n := target.(type) {
	case *ast.IfStmt:
		return []ast.Expr{n.Cond}
	case *ast.CaseClause:
		return n.List
	case *ast.ReturnStmt:
		return n.Results
	case *ast.AssignStmt:
		return n.Rhs
	case *ast.ExprStmt:
		return []ast.Expr{n.X}
	case *ast.KeyValueExpr:
		return []ast.Expr{n.Value}
	case ast.Expr:
		return []ast.Expr{n}
	}
	return nil
}

// firstNode returns the first node of the type within the values that the function accepts, in the order of the text.
func firstNode[T ast.Node](in []ast.Expr, accept func(T) bool) (found T, ok bool) {
	for _, x := range in {
		ast.Inspect(x, func(n ast.Node) bool {
			if t, is := n.(T); is && !ok && accept(t) {
				found, ok = t, true
			}
			return !ok
		})
	}
	return found, ok
}

func every[T ast.Node](T) bool { return true }

// operands returns the operands of a chain of one logical operator.
func operands(x ast.Expr) []ast.Expr {
	top, ok := x.(*ast.BinaryExpr)
	if !ok || top.Op != token.LAND && top.Op != token.LOR {
		return []ast.Expr{x}
	}
	var list []ast.Expr
	for left := ast.Expr(top); ; {
		b, ok := left.(*ast.BinaryExpr)
		if !ok || b.Op != top.Op {
			return append([]ast.Expr{left}, list...)
		}
		list = append([]ast.Expr{b.Y}, list...)
		left = b.X
	}
}

// drop leaves one operand out of a chain; the path leads through parentheses.
func (e *editor) drop(x ast.Expr, path []string) error {
	n, err := strconv.Atoi(path[0])
	list := operands(x)
	if err != nil || n < 1 || n > len(list) || len(list) == 1 {
		return errMisfit
	}
	if len(path) > 1 {
		inner, ok := list[n-1].(*ast.ParenExpr)
		if !ok {
			return errMisfit
		}
		return e.drop(inner.X, path[1:])
	}
	from, to := list[n-1].Pos(), list[n-1].End()
	if n < len(list) {
		to = list[n].Pos()
	} else {
		from = list[n-2].End()
	}
	e.edits = append(e.edits, edit{e.offset(from), e.offset(to), ""})
	return nil
}

// element replaces one item of a list, a pair of key and value keeping its key.
func (e *editor) element(list []ast.Expr, number, code string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(list) || code == "" {
		return errMisfit
	}
	item := list[n-1]
	if pair, ok := item.(*ast.KeyValueExpr); ok {
		item = pair.Value
	}
	e.replace(item, code)
	return nil
}

// change notes what the marker asks for.
func (e *editor) change(target ast.Node, change string) error {
	operation, argument, _ := strings.Cut(change, " ")
	exprs := values(target)
	operation, which, _ := strings.Cut(operation, ":")
	switch operation {
	case "remove":
		e.replace(target, "")
		return nil
	case "with":
		e.replace(target, argument)
		return nil
	case "blank":
		if a, ok := target.(*ast.AssignStmt); ok && len(a.Lhs) == 1 {
			e.replace(a.Lhs[0], "_")
			return nil
		}
		return errMisfit
	}
	if len(exprs) == 0 {
		return errMisfit
	}
	switch operation {
	case "never":
		e.replace(exprs[0], "false && ("+e.text(exprs[0])+")")
		return nil
	case "always":
		e.replace(exprs[0], "true || ("+e.text(exprs[0])+")")
		return nil
	case "drop":
		return e.drop(exprs[0], strings.Split(argument, "."))
	case "value":
		n := 1
		if which != "" {
			n, _ = strconv.Atoi(which)
		}
		if n < 1 || n > len(exprs) {
			return errMisfit
		}
		if rest, ok := strings.CutPrefix(argument, "_ "); ok {
			argument = "(" + e.text(exprs[n-1]) + ") " + rest
		}
		e.replace(exprs[n-1], argument)
		return nil
	case "or", "operator", "left":
		b, ok := firstNode(exprs, func(b *ast.BinaryExpr) bool { return operation != "or" || b.Op == token.LAND })
		switch {
		case !ok:
			return errMisfit
		case operation == "left":
			e.replace(b, e.text(b.X))
		default:
			if operation == "or" {
				argument = "||"
			}
			at := e.offset(b.OpPos)
			e.edits = append(e.edits, edit{at, at + len(b.Op.String()), argument})
		}
		return nil
	case "unwrap":
		name, number, _ := strings.Cut(argument, " ")
		call, ok := firstNode(exprs, func(c *ast.CallExpr) bool { return e.text(c.Fun) == name })
		n, _ := strconv.Atoi(number)
		if !ok || n < 1 || n > len(call.Args) {
			return errMisfit
		}
		e.replace(call, e.text(call.Args[n-1]))
		return nil
	case "arg":
		number, code, _ := strings.Cut(argument, " ")
		call, ok := firstNode(exprs, every[*ast.CallExpr])
		if !ok {
			return errMisfit
		}
		return e.element(call.Args, number, code)
	case "element":
		literal, ok := firstNode(exprs, every[*ast.CompositeLit])
		if !ok {
			return errMisfit
		}
		for _, one := range strings.Split(argument, "; ") {
			number, code, _ := strings.Cut(one, " ")
			if err := e.element(literal.Elts, number, code); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("there is no change %q", operation)
}

// mutationSuites lists the suites that a marker may name, in the order in which they are tried.
var mutationSuites = []string{"stories", "searching", "years", "tests"}

// TestMutantMarkers holds every marker to code that it fits, so that an edit which moves a marker from its rule fails at once and not
// after the minutes that the mutants take.
func TestMutantMarkers(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := readMutants(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 71 {
		t.Errorf("%d rules are marked; there were 71", len(mutants))
	}
	rules := map[string]bool{}
	for _, m := range mutants {
		if m.rule == "" || rules[m.rule] {
			t.Errorf("%s:%d: the rule %q has no name or one that is taken", m.file, m.line, m.rule)
		}
		rules[m.rule] = true
		if !slices.Contains(mutationSuites, m.suite) {
			t.Errorf("%s:%d: there is no suite %q", m.file, m.line, m.suite)
		}
		source, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Fatal(err)
		}
		changed, err := m.apply(source)
		if err != nil {
			t.Error(err)
			continue
		}
		known := packageIdentifiers(t, filepath.Join(root, filepath.Dir(m.file)))
		for name := range identifiers(t, changed) {
			if !known[name] {
				t.Errorf("%s:%d: the change %q names %s, which the package does not have: was it renamed?", m.file, m.line, m.change, name)
			}
		}
	}
}

// packageIdentifiers returns the identifiers of a folder's files, and the predeclared ones that changes use.
func packageIdentifiers(t *testing.T, folder string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{"nil": true, "true": true, "false": true, "_": true}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, identifiers(t, source))
	}
	return all
}

// identifiers returns all identifiers of a source.
func identifiers(t *testing.T, source []byte) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			all[id.Name] = true
		}
		return true
	})
	return all
}

// TestMutantChanges shows what each change does.
func TestMutantChanges(t *testing.T) {
	cases := []struct{ change, code, want string }{
		{"never", "if a && b {\n}", "if false && (a && b) {\n}"},
		{"always", "return a == b", "return true || (a == b)"},
		{"drop 2", "if a && b && c {\n}", "if a && c {\n}"},
		{"drop 3", "if a && b && c {\n}", "if a && b {\n}"},
		{"drop 1", "x = a && b || c", "x = c"},
		{"drop 2.1", "if a && (b || c) {\n}", "if a && (c) {\n}"},
		{"or", "x = a && (b || c)", "x = a || (b || c)"},
		{"operator !=", "if n > m {\n}", "if n != m {\n}"},
		{"left", "f(n - m)", "f(n)"},
		{"unwrap min 2", "x = max(n, min(m, o))", "x = max(n, o)"},
		{"arg 2 nil", "f(n, m)", "f(n, nil)"},
		{"element 1 7; 2 x", "x = T{A: n, B: m}", "x = T{A: 7, B: x}"},
		{"value _ + 1", "x = n", "x = (n) + 1"},
		{`value:2 ""`, "x, y = n, m", `x, y = n, ""`},
		{"blank", "x = f(n)", "_ = f(n)"},
		{"with g()", "f(n)", "g()"},
		{"remove", "x++", ""},
	}
	for _, c := range cases {
		t.Run(c.change, func(t *testing.T) {
			source := "package p\n\nfunc _() {\n" + c.code + "\n}\n"
			got, err := mutant{file: "p.go", line: 4, change: c.change}.apply([]byte(source))
			if err != nil {
				t.Fatal(err)
			}
			want, err := format.Source([]byte("package p\n\nfunc _() {\n" + c.want + "\n}\n"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestMutantMisfits shows that a change that does not fit its code is an error.
func TestMutantMisfits(t *testing.T) {
	for _, c := range []struct{ change, code string }{
		{"drop 3", "if a && b {\n}"}, {"drop 1", "if a {\n}"}, {"or", "x = a || b"}, {"unwrap min 1", "x = max(n, m)"}, {"arg 3 nil", "f(n)"},
		{"element 1 7", "x = n"}, {"blank", "f(n)"}, {"never", "x++"}, {"mystery", "x = n"}, {"never", "var x int"},
	} {
		source := "package p\n\nfunc _() {\n" + c.code + "\n}\n"
		if got, err := (mutant{file: "p.go", line: 4, change: c.change}).apply([]byte(source)); err == nil {
			t.Errorf("%s fits %q and makes\n%s", c.change, c.code, got)
		}
	}
}
