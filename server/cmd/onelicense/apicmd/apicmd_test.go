package apicmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/spec"
)

// recordedRequest is a request that a command sent.
type recordedRequest struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
}

// testServer answers every request with success, unless respond is set, and records the requests.
type testServer struct {
	*httptest.Server
	requests []recordedRequest
	respond  http.HandlerFunc // nil: responds with an empty object
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	l := &testServer{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.requests = append(l.requests, recordedRequest{r.Method, r.URL.EscapedPath(), r.URL.Query(), r.Header, body})
		if l.respond != nil {
			l.respond(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(l.Close)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("ONELICENSE_URL", l.URL)
	t.Setenv("ONELICENSE_TOKEN", "olt_test")
	return l
}

// run executes a command line.
func run(t *testing.T, in string, args ...string) (out, errs string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "onelicense", SilenceErrors: true, SilenceUsage: true}
	if err := AddCommands(root, Environment{}); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	root.SetIn(strings.NewReader(in))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	err = root.Execute()
	return stdout.String(), stderr.String(), err
}

// Every operation of the document has a command that reaches it, with each of its parameters and members as a flag.
//
// proves B11
func TestEveryRouteHasACommand(t *testing.T) {
	l := newTestServer(t)
	var routes struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(spec.OpenAPI, &routes); err != nil {
		t.Fatal(err)
	}
	byRoute := map[string]*operation{}
	all, err := parseDocument(spec.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range all {
		byRoute[op.method+" "+op.path] = op
	}
	for path, methods := range routes.Paths {
		for method := range methods {
			method = strings.ToUpper(method)
			t.Run(method+" "+path, func(t *testing.T) {
				args, want, in := commandLine(t, byRoute[method+" "+path])
				l.requests = nil
				if _, errs, err := run(t, in, args...); err != nil {
					t.Fatalf("%q: %v %s", args, err, errs)
				}
				if len(l.requests) != 1 {
					t.Fatalf("%q sends %d requests", args, len(l.requests))
				}
				got := l.requests[0]
				if got.method != method || got.path != want.path || got.header.Get("Authorization") != "Bearer olt_test" {
					t.Errorf("%q asks %s %s", args, got.method, got.path)
				}
				if !maps.EqualFunc(got.query, want.query, slices.Equal) {
					t.Errorf("%q asks with %v, want %v", args, got.query, want.query)
				}
				for name := range want.header {
					if got.header.Get(name) != want.header.Get(name) {
						t.Errorf("%q asks with %s %q, want %q", args, name, got.header.Get(name), want.header.Get(name))
					}
				}
				if !sameBody(got.body, want.body) {
					t.Errorf("%q sends\n%s, want\n%s", args, got.body, want.body)
				}
			})
		}
	}
}

// commandLine returns a command line that sets everything an operation takes, and the request that it should cause.
func commandLine(t *testing.T, op *operation) (args []string, want recordedRequest, in string) {
	t.Helper()
	if op == nil {
		t.Fatal("the program does not know this route")
	}
	root := &cobra.Command{Use: "onelicense"}
	if err := AddCommands(root, Environment{}); err != nil {
		t.Fatal(err)
	}
	for _, group := range root.Commands() {
		for _, c := range group.Commands() {
			if strings.Contains(c.Long, "Operation: "+op.method+" "+op.path) &&
				(strings.HasSuffix(c.Long, op.path+".") || strings.Contains(c.Long, op.path+", ")) {
				args = append(args, group.Name(), c.Name())
			}
		}
	}
	if len(args) != 2 {
		t.Fatalf("its commands are %q", args)
	}
	want = recordedRequest{path: op.path, query: url.Values{}, header: http.Header{}}
	for _, p := range op.parametersIn("path") {
		text, _ := sampleValue(op.document, op.document.resolve(p.Schema))
		args = append(args, text)
		want.path = strings.Replace(want.path, "{"+p.Name+"}", url.PathEscape(text), 1)
	}
	for _, p := range op.parametersIn("query") {
		text, _ := sampleValue(op.document, op.document.resolve(p.Schema))
		args = append(args, "--"+kebabCase(p.Name)+"="+text)
		want.query.Set(p.Name, text)
	}
	for _, p := range op.parametersIn("header") {
		text, _ := sampleValue(op.document, op.document.resolve(p.Schema))
		args = append(args, "--"+strings.ToLower(p.Name)+"="+text)
		want.header.Set(p.Name, text)
	}
	if op.isDestructive() {
		args = append(args, "--yes")
	}
	switch {
	case op.bodySchema() != nil:
		b := &body{schema: op.bodySchema()}
		b.addFlags(op.document, (&cobra.Command{}).Flags())
		value := map[string]any{}
		for _, m := range b.members {
			text, v := sampleValue(op.document, m.schema)
			name := kebabCase(strings.Join(m.path, "."))
			if slices.Contains(reservedFlags, name) ||
				slices.ContainsFunc(op.Parameters, func(p parameter) bool { return kebabCase(strings.ToLower(p.Name)) == name }) {
				name = "body." + name
			}
			args = append(args, "--"+name+"="+text)
			within := value
			for _, above := range m.path[:len(m.path)-1] {
				if within[above] == nil {
					within[above] = map[string]any{}
				}
				within = within[above].(map[string]any)
			}
			within[m.path[len(m.path)-1]] = v
		}
		want.body, _ = json.Marshal(value)
	case op.RequestBody != nil:
		args, in = append(args, "--file=-"), "[]"
		want.body = []byte(in)
		want.header.Set("Content-Type", op.RequestBody.Content.mediaType())
	}
	return args, want, in
}

// sampleValue returns a text for the command line, and the JSON value that it stands for.
func sampleValue(d *document, s *schema) (string, any) {
	switch {
	case s.isDictionary():
		return "key=a=b", map[string]any{"key": "a=b"}
	case s.hasType("array"):
		element := d.resolve(s.Items)
		if len(element.Properties) == 0 {
			text, value := sampleValue(d, element)
			return text, []any{value}
		}
		whole := map[string]any{}
		for _, name := range element.memberNames() {
			_, whole[name] = sampleValue(d, d.resolve(element.Properties[name]))
		}
		text, _ := json.Marshal(whole)
		return string(text), []any{whole}
	case s.hasType("object"), len(s.Type) == 0:
		whole := map[string]any{}
		for _, name := range s.memberNames() {
			_, whole[name] = sampleValue(d, d.resolve(s.Properties[name]))
		}
		text, _ := json.Marshal(whole)
		return string(text), whole
	case len(s.Enum) > 0:
		return fmt.Sprint(s.Enum[0]), s.Enum[0]
	case s.hasType("integer"), s.hasType("number"):
		return "7", 7
	case s.hasType("boolean"):
		return "true", true
	}
	if s.Format == "date-time" {
		return "2030-01-02T03:04:05Z", "2030-01-02T03:04:05Z"
	}
	text := matchingText(s.Pattern)
	return text, text
}

// matchingText returns a text that matches a pattern.
func matchingText(pattern string) string {
	if pattern == "" {
		return "a-text"
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return pattern
	}
	var write func(*syntax.Regexp) string
	write = func(r *syntax.Regexp) string {
		var b strings.Builder
		switch r.Op {
		case syntax.OpLiteral:
			return string(r.Rune)
		case syntax.OpCharClass:
			return string(r.Rune[len(r.Rune)-1]) // the last one, which is a letter where there are letters
		case syntax.OpRepeat:
			return strings.Repeat(write(r.Sub[0]), max(r.Min, 1))
		case syntax.OpPlus, syntax.OpStar, syntax.OpQuest, syntax.OpAlternate:
			return write(r.Sub[0])
		case syntax.OpConcat, syntax.OpCapture:
			for _, sub := range r.Sub {
				b.WriteString(write(sub))
			}
		}
		return b.String()
	}
	return write(parsed)
}

func sameBody(got, want []byte) bool {
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil {
		return bytes.Equal(got, want)
	}
	return reflect.DeepEqual(a, b)
}
