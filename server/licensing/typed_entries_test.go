package licensing_test

import (
	"errors"
	"testing"

	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/memory"
)

func TestTypedEntries(t *testing.T) {
	t.Parallel()
	type note struct {
		Text string `json:"text"`
	}
	store, ctx := memory.New(), t.Context()
	notes := licensing.EntriesOf[note](store, "note")
	if _, err := notes.Get(ctx, "1"); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("no entry: %v", err)
	}
	created, err := notes.Create(ctx, licensing.Entry{ID: "1", Org: "o", List: "l", Created: 5, Due: 7}, note{"first"})
	if err != nil || created.Revision != 1 || created.Kind != "note" || string(created.Body) != `{"text":"first"}` {
		t.Fatalf("created %+v: %v", created, err)
	}
	if _, err := notes.Create(ctx, licensing.Entry{ID: "1"}, note{}); !errors.Is(err, licensing.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := notes.GetOf(ctx, "another", "1"); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("of another organisation: %v", err)
	}
	stored, err := notes.GetOf(ctx, "o", "1")
	if err != nil || stored.Value.Text != "first" || stored.Created != 5 {
		t.Errorf("read %+v: %v", stored, err)
	}
	stored.Value.Text = "second"
	replaced, err := notes.Put(ctx, stored)
	if err != nil || replaced.Revision != 2 || replaced.List != "l" {
		t.Errorf("replaced %+v: %v", replaced, err)
	}
	if _, err := notes.Replace(ctx, stored); !errors.Is(err, licensing.ErrStale) {
		t.Errorf("replaced at an old revision: %v", err)
	}
	if _, err := notes.Put(ctx, licensing.TypedEntry[note]{Entry: licensing.Entry{ID: "2", Org: "o", Created: 6},
		Value: note{"other"}}); err != nil {
		t.Error(err)
	}
	listed, err := notes.List(ctx, "o", "", licensing.Page{})
	if err != nil || len(listed.Items) != 2 || listed.Items[0].Value.Text != "other" || listed.Items[1].Value.Text != "second" {
		t.Errorf("listed %+v: %v", listed, err)
	}
	due, err := notes.Due(ctx, 7, 10)
	if err != nil || len(due) != 1 || due[0].Value.Text != "second" {
		t.Errorf("due %+v: %v", due, err)
	}
	if err := notes.Delete(ctx, "1", 1); !errors.Is(err, licensing.ErrStale) {
		t.Errorf("deleted at an old revision: %v", err)
	}
	for range 2 {
		if err := notes.DeleteIfExists(ctx, "1"); err != nil {
			t.Error(err)
		}
	}
	if err := store.CreateEntry(ctx, licensing.Entry{Kind: "note", ID: "3", Org: "o", Created: 9, Body: []byte("no JSON")}); err != nil {
		t.Fatal(err)
	}
	if _, err := notes.Get(ctx, "3"); err == nil {
		t.Error("a body that is no JSON was read")
	}
	if _, err := notes.List(ctx, "o", "", licensing.Page{}); err == nil {
		t.Error("a body that is no JSON was listed")
	}
}
