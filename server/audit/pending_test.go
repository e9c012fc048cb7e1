package audit

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// verifiedChain returns all lines, after verifying them.
func verifiedChain(t *testing.T, l *Log) (all []Line) {
	t.Helper()
	text, err := l.Export(t.Context(), acme, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(bytes.NewReader(text)); err != nil && len(text) > 0 {
		t.Errorf("%v\n%s", err, text)
	}
	found, err := l.Lines(t.Context(), acme, Filter{}, licensing.Page{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(found.Items)
	return found.Items
}

func mustBegin(t *testing.T, l *Log, n int) Line {
	t.Helper()
	begun, err := l.Begin(t.Context(), acme, testLine(n))
	if err != nil {
		t.Fatal(err)
	}
	return begun
}

// proves part of B07, N10
func TestInterruptedChangeHasOneLine(t *testing.T) {
	t.Parallel()
	embedded, err := sqlite.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	for name, store := range map[string]licensing.EntryStore{"memory": memory.New(), "sqlite": embedded} {
		now := startTime.Add(time.Hour)
		clock := func() time.Time { return now }
		dead := New(store, clock, discardLogger())
		appendAndExport(t, dead, 3)
		for n := range 20 {
			begun := mustBegin(t, dead, 3600+n)
			switch n % 3 {
			case 1:
				dead.Cancel(t.Context(), begun)
			case 2:
				if err := dead.Append(t.Context(), acme, begun); err != nil {
					t.Fatal(err)
				}
			}
		}
		var others []*Log
		for range 4 {
			others = append(others, New(store, clock, discardLogger()))
		}
		conclude := func() {
			var all sync.WaitGroup
			for _, l := range others {
				all.Go(func() {
					for n := range 5 { // with lines of their own
						if err := errors.Join(l.Append(t.Context(), acme, testLine(n)), l.WriteInterrupted(t.Context())); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					}
				})
			}
			all.Wait()
		}
		conclude()
		if n := len(verifiedChain(t, others[0])); n != 3+6+20 {
			t.Errorf("%s: before it is late: %d lines", name, n)
		}
		now = now.Add(time.Minute + MaxDuration)
		conclude()
		conclude()
		times := map[string]int{}
		unknown := 0
		for _, l := range verifiedChain(t, others[1]) {
			times[l.ID]++
			if l.Unknown {
				unknown++
				if l.Actor.ID != ada || l.Action != "updateProduct" {
					t.Errorf("%s: %+v", name, l)
				}
			}
		}
		if unknown != 7 || len(times) != 3+6+60+7 {
			t.Errorf("%s: %d lines of unknown outcome, %d altogether", name, unknown, len(times))
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s: %s has %d lines", name, id, n)
			}
		}
		if left, err := store.DueEntries(t.Context(), pendingKind, 1<<50, 10); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v %v", name, left, err)
		}
	}
}

// A node that was only slow knows more than the one that wrote the interrupted line.
//
// proves part of B07
func TestLateResultFollowsInterruptedLine(t *testing.T) {
	t.Parallel()
	now := startTime
	store := memory.New()
	slow, other := New(store, func() time.Time { return now }, discardLogger()), New(store, func() time.Time { return now }, discardLogger())
	appendAndExport(t, slow, 2)
	begun := mustBegin(t, slow, 9)
	now = now.Add(9*time.Second + MaxDuration)
	if err := other.WriteInterrupted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := slow.Append(t.Context(), acme, begun); err != nil {
		t.Fatal(err)
	}
	lines := verifiedChain(t, other)
	if n := len(lines); n != 4 || lines[2].ID != lines[3].ID || !lines[2].Unknown || lines[3].Unknown {
		t.Errorf("%+v", lines)
	}
}

// undeletingStore deletes nothing, like the store of a node that ends right after writing a line.
type undeletingStore struct{ entries }

func (undeletingStore) DeleteEntry(context.Context, string, string, int64) error {
	return errUnavailable
}

// proves part of B07
func TestWrittenLineIsNotRepeated(t *testing.T) {
	t.Parallel()
	now := startTime
	clock := func() time.Time { return now }
	store := memory.New()
	ended, other := New(undeletingStore{store}, clock, discardLogger()), New(store, clock, discardLogger())
	begun := mustBegin(t, ended, 9)
	if err := ended.Append(t.Context(), acme, begun); err != nil {
		t.Fatal(err)
	}
	for n := range 300 { // more than a page
		if err := other.Append(t.Context(), acme, testLine(n)); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(9*time.Second + MaxDuration)
	if err := other.WriteInterrupted(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for number := range int64(302) {
		if _, err := store.Entry(t.Context(), kind, entryID(string(acme), number)); err == nil {
			n++
		}
	}
	if n != 301 {
		t.Errorf("%d lines", n)
	}
	if _, err := store.Entry(t.Context(), pendingKind, begun.ID); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("it is still noted: %v", err)
	}
}

// proves part of B07
func TestAppendOnceAcrossNodes(t *testing.T) {
	t.Parallel()
	store := memory.New()
	var all sync.WaitGroup
	for range 8 {
		l := New(store, time.Now, discardLogger())
		all.Go(func() {
			for n := range 10 {
				one := testLine(n)
				one.ID = string(lease.HashOf([]byte{byte(n)}))[:16]
				if err := l.AppendOnce(t.Context(), acme, one); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, l := range verifiedChain(t, New(store, time.Now, discardLogger())) {
		seen[l.ID] = true
	}
	if lines := verifiedChain(t, New(store, time.Now, discardLogger())); len(lines) != 10 || len(seen) != 10 {
		t.Errorf("%d lines, %d ids", len(lines), len(seen))
	}
}
