package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

const (
	acme = license.ID("aaaaaaaaaaaaaaaaaaaaaaaa")
	ada  = license.ID("bbbbbbbbbbbbbbbbbbbbbbbb")
)

var startTime = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func testLine(n int) Line {
	return Line{Time: startTime.Add(time.Duration(n) * time.Second), Actor: Actor{Kind: "member", ID: ada, Name: "Ada"},
		Action:  "updateProduct",
		Records: []string{fmt.Sprintf("products/%024d", n)}, Changed: map[string]Change{"name": {From: Quote("Old"), To: Quote(n)}}}
}

// appendAndExport appends n lines and returns the export of the chain.
func appendAndExport(t *testing.T, l *Log, n int) []byte {
	t.Helper()
	for i := range n {
		if err := l.Append(t.Context(), acme, testLine(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := l.Export(t.Context(), acme, 0)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// proves part of N10
func TestChainVerifies(t *testing.T) {
	t.Parallel()
	l := New(memory.New(), time.Now, discardLogger())
	text := appendAndExport(t, l, 5)
	head, err := Verify(bytes.NewReader(text))
	if err != nil || head.Number != 5 || head.Chain != string(acme) {
		t.Fatalf("%+v %v\n%s", head, err, text)
	}
	if known, err := l.Head(t.Context(), acme); err != nil || known != head {
		t.Errorf("the head is %+v, by its lines %+v: %v", known, head, err)
	}
	// A second export continues where the first ended.
	appendAndExport(t, l, 2)
	more, err := l.Export(t.Context(), acme, 5)
	if err != nil {
		t.Fatal(err)
	}
	if last, err := Verify(bytes.NewReader(more), head); err != nil || last.Number != 7 {
		t.Errorf("%+v %v", last, err)
	}
	if last, err := Verify(bytes.NewReader(append(text, more...))); err != nil || last.Number != 7 {
		t.Errorf("%+v %v", last, err)
	}
	// Another process finds the end of the chain by itself.
	if text := appendAndExport(t, New(l.store, time.Now, discardLogger()), 1); bytes.Count(text, []byte("\n")) != 8 {
		t.Errorf("%s", text)
	}
}

// The example in the specification is a valid chain.
func TestSpecificationExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../spec/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```\n")
	example, _, _ = strings.Cut(example, "```")
	if head, err := Verify(strings.NewReader(example)); err != nil || head.Number != 2 {
		t.Errorf("%+v %v", head, err)
	}
}

// proves part of N10
func TestVerifyReportsFirstBrokenLine(t *testing.T) {
	t.Parallel()
	store := memory.New()
	text := appendAndExport(t, New(store, time.Now, discardLogger()), 5)
	head, err := Verify(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")[:5]
	join := func(order ...int) string {
		var b strings.Builder
		for _, i := range order {
			b.WriteString(lines[i-1])
		}
		return b.String()
	}
	changed := strings.Replace(string(text), `"to":3`, `"to":4`, 1)
	other := New(memory.New(), time.Now, discardLogger())
	for i := range 5 {
		if err := other.Append(t.Context(), acme, testLine(i+2)); err != nil {
			t.Fatal(err)
		}
	}
	forged, err := other.Export(t.Context(), acme, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text  string
		known []ChainHead
		line  int // 0: the chain is valid
		says  string
	}{
		"changed":           {changed, nil, 3, "was changed"},
		"white space added": {strings.Replace(string(text), `"number":2,`, `"number": 2,`, 1), nil, 2, "was changed"},
		"removed":           {join(1, 2, 4, 5), nil, 3, "lines are missing"},
		"beginning removed": {join(2, 3, 4, 5), nil, 1, "lines are missing"},
		"swapped":           {join(1, 3, 2, 4, 5), nil, 2, "lines are missing"},
		"put in twice":      {join(1, 2, 2, 3, 4, 5), nil, 3, "inserted or moved"},
		"something else":    {join(1, 2) + "{}\n", nil, 3, "has the type"},
		"no JSON":           {join(1, 2) + "\n", nil, 3, "not an audit log line"},
		"of another chain":  {join(1) + strings.Replace(lines[1], string(acme), string(ada), 1), nil, 2, "belongs to the chain"},
		"cut in the middle": {join(1, 2) + lines[2][:50], nil, 3, "ends in the middle"},
		"last line changed": {strings.Replace(string(text), `"to":5`, `"to":6`, 1), []ChainHead{head}, 5,
			"another hash than the known head"},
		"last line changed, blind": {strings.Replace(string(text), `"to":5`, `"to":6`, 1), nil, 0, ""},
		"tail cut off":             {join(1, 2, 3), []ChainHead{head}, 4, "head of number 5 is known"},
		"tail cut off, blind":      {join(1, 2, 3), nil, 0, ""},
		"all cut off":              {"", []ChainHead{head}, 1, "head of number 5 is known"},
		"written anew":             {string(forged), []ChainHead{head}, 5, "another hash than the known head"},
		"head of another chain":    {string(text), []ChainHead{{Server, 9, head.Hash}}, 0, ""},
		"goes on elsewhere":        {join(4, 5), []ChainHead{{string(acme), 3, head.Hash}}, 1, "another previous hash"},
	} {
		_, err := Verify(strings.NewReader(c.text), c.known...)
		var broken *ChainError
		switch {
		case c.line == 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.line == 0:
		case !errors.As(err, &broken) || broken.Line != c.line || !strings.Contains(broken.Reason, c.says):
			t.Errorf("%s: %v, want line %d: %s", name, err, c.line, c.says)
		}
	}
}

// Deleting a line from the database breaks the export, wherever the line was.
//
// proves part of N10
func TestVerifyDetectsDeletedLine(t *testing.T) {
	t.Parallel()
	for number := int64(1); number <= 4; number++ {
		store := memory.New()
		l := New(store, time.Now, discardLogger())
		appendAndExport(t, l, 5)
		if err := store.DeleteEntry(t.Context(), kind, entryID(string(acme), number), 0); err != nil {
			t.Fatal(err)
		}
		text, err := New(store, time.Now, discardLogger()).Export(t.Context(), acme, 0)
		if err != nil {
			t.Fatal(err)
		}
		var broken *ChainError
		if _, err := Verify(bytes.NewReader(text)); !errors.As(err, &broken) || !strings.Contains(broken.Reason, "lines are missing") {
			t.Errorf("without line %d: %v\n%s", number, err, text)
		}
	}
	// The node that wrote the last line still knows its head.
	store := memory.New()
	l := New(store, time.Now, discardLogger())
	appendAndExport(t, l, 5)
	if err := store.DeleteEntry(t.Context(), kind, entryID(string(acme), 5), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(bytes.NewReader(appendAndExport(t, l, 1))); err == nil {
		t.Error("without the last line: nobody knows")
	}
}

// Two nodes are two logs on one store.
//
// proves part of N10
func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	embedded, err := sqlite.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	for name, store := range map[string]licensing.EntryStore{"memory": memory.New(), "sqlite": embedded} {
		nodes := []*Log{New(store, time.Now, discardLogger()), New(store, time.Now, discardLogger())}
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if err := nodes[i%2].Append(t.Context(), acme,
					testLine(i/2)); err != nil { // each line twice, because two nodes may write the same at one time
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		text, err := nodes[0].Export(t.Context(), acme, 0)
		if err != nil {
			t.Fatal(err)
		}
		head, err := Verify(bytes.NewReader(text))
		if err != nil || head.Number != 64 {
			t.Errorf("%s: %+v %v", name, head, err)
		}
		for i := range 32 {
			if n := bytes.Count(text, fmt.Appendf(nil, `"products/%024d"`, i)); n != 2 {
				t.Errorf("%s: line %d is there %d times", name, i, n)
			}
		}
	}
}

type entries licensing.EntryStore // a name of its own, because the interface has a method of that name

// flakyStore fails before or after it writes.
type flakyStore struct {
	entries
	before, after bool
}

var errUnavailable = errors.New("away")

func (f *flakyStore) CreateEntry(ctx context.Context, e licensing.Entry) error {
	if f.before {
		return errUnavailable
	}
	if err := f.entries.CreateEntry(ctx, e); err != nil {
		return err
	}
	if f.after {
		return errUnavailable
	}
	return nil
}

// proves part of B07
func TestFailingStoreLosesNoLine(t *testing.T) {
	t.Parallel()
	store := &flakyStore{entries: memory.New()}
	l := New(store, time.Now, discardLogger())
	ctx := t.Context()
	fails := func(n int) {
		t.Helper()
		if err := l.Append(ctx, acme, testLine(n)); !errors.Is(err, errUnavailable) {
			t.Errorf("line %d: %v", n, err)
		}
	}
	store.before = true
	fails(1)
	store.before, store.after = false, true
	fails(2) // line 1 was written, but the log does not know
	store.after = false
	if err := l.Append(ctx, acme, testLine(3)); err != nil {
		t.Fatal(err)
	}
	store.before = true
	fails(4)
	store.before = false
	if err := l.WriteUnwritten(ctx); err != nil {
		t.Fatal(err)
	}
	text, err := l.Export(ctx, acme, 0)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := Verify(bytes.NewReader(text)); err != nil || head.Number != 4 {
		t.Errorf("%+v %v\n%s", head, err, text)
	}
	for n := 1; n <= 4; n++ {
		if !strings.Contains(strings.Split(string(text), "\n")[n-1], fmt.Sprintf(`"to":%d`, n)) {
			t.Errorf("line %d is not in its place:\n%s", n, text)
		}
	}
}

// proves part of B07
func TestFilter(t *testing.T) {
	t.Parallel()
	l := New(memory.New(), time.Now, discardLogger())
	appendAndExport(t, l, 9)
	token := testLine(10)
	token.Actor, token.Action = Actor{Kind: "token", ID: "cccccccccccccccccccccccc", Member: ada}, "deleteProduct"
	if err := l.Append(t.Context(), acme, token); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter Filter
		want   []int64
	}{
		"all":          {Filter{}, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		"record":       {Filter{Record: testLine(3).Records[0]}, []int64{3}},
		"its token":    {Filter{Actor: ada, Action: "deleteProduct"}, []int64{10}},
		"the token":    {Filter{Actor: token.Actor.ID}, []int64{10}},
		"time":         {Filter{From: startTime.Add(4 * time.Second), Until: startTime.Add(6 * time.Second)}, []int64{5, 4}},
		"part":         {Filter{Action: "delete"}, nil},
		"other's":      {Filter{Actor: acme}, nil},
		"both":         {Filter{Record: testLine(3).Records[0], Action: "deleteProduct"}, nil},
		"from the end": {Filter{From: startTime.Add(10 * time.Second)}, []int64{10}},
	} {
		var got []int64
		page := licensing.Page{Limit: 2}
		for {
			found, err := l.Lines(t.Context(), acme, c.filter, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range found.Items {
				got = append(got, line.Number)
			}
			if page.After = found.Next; page.After == "" {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// While the store is unavailable nobody can be looked up; the failed logins are kept.
//
// proves part of B07
func TestFailedLoginsSurviveOutage(t *testing.T) {
	t.Parallel()
	l := New(memory.New(), func() time.Time { return startTime }, discardLogger())
	away := true
	whose := func(context.Context, string) (license.ID, license.ID, error) {
		if away {
			return "", "", errUnavailable
		}
		return acme, ada, nil
	}
	for range 3 {
		l.RecordFailedLogin(FailedLogin{"ada@acme.test", Line{Time: startTime, Actor: Actor{Kind: "nobody"}, Action: "login",
			Refused: "bad_credentials"}})
	}
	if err := l.WriteFailedLogins(t.Context(), whose); !errors.Is(err, errUnavailable) {
		t.Errorf("%v", err)
	}
	away = false
	if err := l.WriteFailedLogins(t.Context(), whose); err != nil {
		t.Fatal(err)
	}
	if found, err := l.Lines(t.Context(), acme, Filter{}, licensing.Page{}); err != nil || len(found.Items) != 3 {
		t.Errorf("%d lines: %v", len(found.Items), err)
	}
}

// proves part of B07
func TestFailedLoginsAreLimited(t *testing.T) {
	t.Parallel()
	now := startTime
	l := New(memory.New(), func() time.Time { return now }, discardLogger())
	whose := func(_ context.Context, email string) (license.ID, license.ID, error) {
		if email == "ada@acme.test" {
			return acme, ada, nil
		}
		return "", "", licensing.ErrNotFound
	}
	try := func(at time.Time, times int, email string) {
		t.Helper()
		for range times {
			l.RecordFailedLogin(FailedLogin{email, Line{Time: at, Actor: Actor{Kind: "nobody"}, Action: "login", Refused: "bad_credentials"}})
		}
		now = at
		if err := l.WriteFailedLogins(t.Context(), whose); err != nil {
			t.Fatal(err)
		}
	}
	lines := func(org license.ID) []Line {
		t.Helper()
		found, err := l.Lines(t.Context(), org, Filter{}, licensing.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return found.Items
	}
	try(startTime, 300, "stranger@nowhere.test")
	try(startTime, 300, "ada@acme.test")
	if known, others := lines(acme), lines(""); len(known) != maxFailedLoginsPerMember || len(others) != maxFailedLoginsUnknown {
		t.Errorf("%d and %d lines", len(known), len(others))
	}
	try(startTime.Add(failedLoginWindow), 1, "ada@acme.test")
	if last := lines(acme)[0]; last.Missing != 300-maxFailedLoginsPerMember || fmt.Sprint(last.Records) != "[members/"+string(ada)+"]" {
		t.Errorf("%+v", last)
	}
	try(startTime.Add(failedLoginWindow), 3*maxWaitingFailedLogins, "stranger@nowhere.test")
	if others := lines(""); len(others) != 2*maxFailedLoginsUnknown || others[0].Chain != Server {
		t.Errorf("%d lines", len(others))
	}
}
