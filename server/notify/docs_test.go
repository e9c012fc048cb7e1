package notify

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/licensing/events"
)

var update = flag.Bool("update", false, "write the table of docs/events.md")

const eventsPage = "../../docs/events.md"

// proves part of B14
func TestEventTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(eventsPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- events:begin -->\n", "<!-- events:end -->"
	head, rest, _ := strings.Cut(string(text), begin)
	_, tail, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("the page has no place for the table")
	}
	var table strings.Builder
	table.WriteString("| event | told when | made |\n|---|---|---|\n")
	for _, n := range events.Types {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", n.Type, n.About, n.Made)
	}
	want := head + begin + table.String() + end + tail
	if *update {
		if err := os.WriteFile(eventsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("docs/events.md is out of date: go test ./server/notify -run TestEventTable -update")
	}
}

// The examples in docs/events.md accept a genuine request, and refuse one that was changed or is old.
//
// proves part of B07
func TestExamplesVerifyRequests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(eventsPage)
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	s := w.node()
	r := w.newReceiver(func(http.ResponseWriter, *http.Request) {})
	secret, _ := w.createWebhook(s, r.URL)
	w.record(s, "1")
	w.runAll(s)
	head, body := r.heads[0], r.bodies[0]
	id, at, signed := head.Get("webhook-id"), head.Get("webhook-timestamp"), head.Get("webhook-signature")
	old := strconv.FormatInt(w.now().Unix()-1000, 10)
	for language, c := range map[string]struct {
		file    string
		command []string
	}{
		"go":     {"main.go", []string{"go", "run", "main.go"}},
		"js":     {"verify.mjs", []string{"node", "verify.mjs"}},
		"python": {"verify.py", []string{"python3", "verify.py"}},
	} {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(c.command[0]); err != nil {
				t.Skip(err)
			}
			_, code, ok := strings.Cut(string(text), "```"+language+"\n")
			code, _, _ = strings.Cut(code, "```")
			directory := t.TempDir()
			if err := os.WriteFile(filepath.Join(directory, c.file), []byte(code), 0o600); err != nil || !ok {
				t.Fatal(ok, err)
			}
			run := func(id, at, signed, body string) string {
				command := exec.CommandContext(
					t.Context(),
					c.command[0],
					append(c.command[1:], secret, id, at, signed, strconv.FormatInt(w.now().Unix(), 10))...)
				command.Dir, command.Stdin = directory, strings.NewReader(body)
				var problem bytes.Buffer
				command.Stderr = &problem
				out, err := command.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, problem.Bytes())
				}
				return strings.TrimSpace(string(out))
			}
			for name, c := range map[string]struct{ got, want string }{
				"a real one":   {run(id, at, signed, body), "genuine"},
				"two keys":     {run(id, at, "v1,AAAA "+signed, body), "genuine"},
				"another body": {run(id, at, signed, body+" "), "forged"},
				"another id":   {run(id+"0", at, signed, body), "forged"},
				"old":          {run(id, old, signed, body), "forged"},
				"not signed":   {run(id, at, "", body), "forged"},
				"another sign": {run(id, at, "v1,AAAA", body), "forged"},
			} {
				if c.got != c.want {
					t.Errorf("%s: %q, want %q", name, c.got, c.want)
				}
			}
		})
	}
}
