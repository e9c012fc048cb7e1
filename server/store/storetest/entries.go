package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

func (w *fixture) newEntry(id string) licensing.Entry {
	return licensing.Entry{Kind: "note", ID: id, Org: w.org, List: "fridge", Search: "Buy Milk", Revision: 1, Created: noon, Due: noon + 5,
		Until: noon + 9,
		Body:  []byte("\x00 anything \xff")}
}

func entryRoundTrip(t *testing.T, w *fixture) {
	_, err := w.Entry(ctx, "note", "a.b:c ä")
	requireError(t, err, licensing.ErrNotFound)
	e := w.newEntry("a.b:c ä")
	must(t, w.CreateEntry(ctx, e))
	got, err := w.Entry(ctx, "note", e.ID)
	must(t, err)
	requireDeepEqual(t, got, e)

	bare := licensing.Entry{Kind: "note", ID: "bare", Revision: 1, Created: noon, Body: []byte{}}
	must(t, w.CreateEntry(ctx, bare))
	got, err = w.Entry(ctx, "note", "bare")
	must(t, err)
	requireDeepEqual(t, len(got.Body), 0)
	got.Body = bare.Body
	requireDeepEqual(t, got, bare)
}

func entriesWithOneID(t *testing.T, w *fixture) {
	must(t, w.CreateEntry(ctx, w.newEntry("a")))
	requireError(t, w.CreateEntry(ctx, w.newEntry("a")), licensing.ErrExists)
	other := w.newEntry("a")
	other.Kind = "memo"
	must(t, w.CreateEntry(ctx, other)) // another kind is independent
}

func entriesOutOfBounds(t *testing.T, w *fixture) {
	for field, spoil := range map[string]func(*licensing.Entry){
		"kind": func(e *licensing.Entry) { e.Kind = "Note:" },
		"id":   func(e *licensing.Entry) { e.ID = strings.Repeat("x", licensing.MaxEntryID+1) },
		"body": func(e *licensing.Entry) { e.Body = make([]byte, licensing.MaxEntryBody+1) },
	} {
		e := w.newEntry("a")
		spoil(&e)
		var invalid *licensing.Invalid
		if err := w.CreateEntry(ctx, e); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func entriesAreReplacedByRevision(t *testing.T, w *fixture) {
	e := w.newEntry("a")
	_, err := w.ReplaceEntry(ctx, e)
	requireError(t, err, licensing.ErrNotFound)
	must(t, w.CreateEntry(ctx, e))
	changed := licensing.Entry{Kind: e.Kind, ID: e.ID, Org: newID(), List: "elsewhere", Created: 1, Revision: 1, Search: "done",
		Body: []byte("new")}
	got, err := w.ReplaceEntry(ctx, changed)
	must(t, err)
	want := licensing.Entry{Kind: e.Kind, ID: e.ID, Org: w.org, List: "fridge", Created: noon, Revision: 2, Search: "done",
		Body: []byte("new")}
	requireDeepEqual(t, got, want) // its organisation and list do not change
	got, err = w.Entry(ctx, e.Kind, e.ID)
	must(t, err)
	requireDeepEqual(t, got, want)
	_, err = w.ReplaceEntry(ctx, changed)
	requireError(t, err, licensing.ErrStale)
	got.Due = noon + 1
	got, err = w.ReplaceEntry(ctx, got)
	must(t, err)
	requireDeepEqual(t, got.Revision, int64(3))
}

func entriesAreDeleted(t *testing.T, w *fixture) {
	requireError(t, w.DeleteEntry(ctx, "note", "a", 0), licensing.ErrNotFound)
	must(t, w.CreateEntry(ctx, w.newEntry("a")))
	requireError(t, w.DeleteEntry(ctx, "note", "a", 7), licensing.ErrStale)
	must(t, w.DeleteEntry(ctx, "note", "a", 1))
	_, err := w.Entry(ctx, "note", "a")
	requireError(t, err, licensing.ErrNotFound)
	must(t, w.CreateEntry(ctx, w.newEntry("a")))
	must(t, w.DeleteEntry(ctx, "note", "a", 0))
}

func entriesInLists(t *testing.T, w *fixture) {
	const n = 7
	for i := range n {
		e := w.newEntry(fmt.Sprint("e", i))
		e.Created += lease.Time(i)
		e.Search = fmt.Sprintf("Number %d", i)
		if i%2 == 1 {
			e.List = "door"
		}
		must(t, w.CreateEntry(ctx, e))
	}
	stranger := w.newEntry("s")
	stranger.Org = newID()
	must(t, w.CreateEntry(ctx, stranger))

	walk := func(list, search string, limit int) string {
		var got []string
		page := licensing.Page{Search: search, Limit: limit}
		for {
			found, err := w.Entries(ctx, "note", w.org, list, page)
			must(t, err)
			for _, e := range found.Items {
				got = append(got, e.ID)
			}
			if page.After = found.Next; page.After == "" {
				return strings.Join(got, " ")
			}
		}
	}
	requireDeepEqual(t, walk("", "", 2), "e6 e5 e4 e3 e2 e1 e0")
	requireDeepEqual(t, walk("fridge", "", 3), "e6 e4 e2 e0")
	requireDeepEqual(t, walk("door", "", 0), "e5 e3 e1")
	requireDeepEqual(t, walk("", "NUMBER 3", 0), "e3")
	requireDeepEqual(t, walk("cellar", "", 0), "")
	found, err := w.Entries(ctx, "memo", w.org, "", licensing.Page{})
	must(t, err)
	requireDeepEqual(t, len(found.Items), 0)

	_, err = licensing.OrgEntry(ctx, w, w.org, "note", "s")
	requireError(t, err, licensing.ErrNotFound)
	e, err := licensing.OrgEntry(ctx, w, stranger.Org, "note", "s")
	must(t, err)
	requireDeepEqual(t, e, stranger)
}

func entriesComeDue(t *testing.T, w *fixture) {
	for id, due := range map[string]lease.Time{"c": noon + 3, "a": noon + 1, "b": noon + 2, "never": 0} {
		e := w.newEntry(id)
		e.Due, e.Org = due, newID()
		must(t, w.CreateEntry(ctx, e))
	}
	ids := func(now lease.Time, limit int) string {
		due, err := w.DueEntries(ctx, "note", now, limit)
		must(t, err)
		var got []string
		for _, e := range due {
			got = append(got, e.ID)
		}
		return strings.Join(got, " ")
	}
	requireDeepEqual(t, ids(noon, 9), "")
	requireDeepEqual(t, ids(noon+2, 9), "a b")
	requireDeepEqual(t, ids(noon+9, 2), "a b")
	e, err := w.Entry(ctx, "note", "a")
	must(t, err)
	e.Due = noon + 7 // somebody has taken it on
	_, err = w.ReplaceEntry(ctx, e)
	must(t, err)
	requireDeepEqual(t, ids(noon+5, 9), "b c")
	e, err = w.Entry(ctx, "note", "b")
	must(t, err)
	e.Due = 0
	_, err = w.ReplaceEntry(ctx, e)
	must(t, err)
	requireDeepEqual(t, ids(noon+5, 9), "c")
}

func expiredEntriesAreDeleted(t *testing.T, w *fixture) {
	for id, until := range map[string]lease.Time{"soon": noon + 1, "late": noon + 9, "never": 0} {
		e := w.newEntry(id)
		e.Until = until
		must(t, w.CreateEntry(ctx, e))
	}
	must(t, w.DeleteExpiredEntries(ctx, noon))
	_, err := w.Entry(ctx, "note", "soon")
	must(t, err)
	must(t, w.DeleteExpiredEntries(ctx, noon+1))
	for id, want := range map[string]error{"soon": licensing.ErrNotFound, "late": nil, "never": nil} {
		if _, err := w.Entry(ctx, "note", id); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
}

func concurrentEntryCreation(t *testing.T, w *fixture) {
	made := runConcurrently(t, func(int) error { return w.CreateEntry(ctx, w.newEntry("a")) },
		func(err error) bool { return errors.Is(err, licensing.ErrExists) })
	requireDeepEqual(t, made, 1)
}

// Each of many raises a number by one, and tries again until it has: no increment is lost.
func concurrentEntryUpdates(t *testing.T, w *fixture) {
	counter := w.newEntry("a")
	counter.Body = []byte{0}
	must(t, w.CreateEntry(ctx, counter))
	raised := runConcurrently(t, func(int) error {
		for {
			e, err := w.Entry(ctx, "note", "a")
			if err != nil {
				return err
			}
			e.Body = []byte{e.Body[0] + 1}
			if _, err := w.ReplaceEntry(ctx, e); !errors.Is(err, licensing.ErrStale) {
				return err
			}
		}
	}, func(error) bool { return false })
	requireDeepEqual(t, raised, concurrency)
	e, err := w.Entry(ctx, "note", "a")
	must(t, err)
	requireDeepEqual(t, e.Body, []byte{concurrency})
	requireDeepEqual(t, e.Revision, int64(concurrency+1))
}
