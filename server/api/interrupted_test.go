package api_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/servertest"
	"github.com/onelicense/onelicense/server/store"
	"github.com/onelicense/onelicense/server/telemetry"
)

// failingStore simulates a node that dies after some write of a request: the write is made, but its result is lost and no other write
// follows.
type failingStore struct {
	store.Store
	left atomic.Int64 // writes that it will see the end of
	dead atomic.Bool
}

// write makes one write if the node is alive. Writes of background jobs are not counted: their time is unpredictable.
func (m *failingStore) write(ctx context.Context, do func() error) error {
	if m.dead.Load() {
		return licensing.ErrUnavailable
	}
	if telemetry.RequestID(ctx) == "" || m.left.Add(-1) >= 0 {
		return do()
	}
	m.dead.Store(true)
	_ = do() // nobody hears of it
	return licensing.ErrUnavailable
}

func (m *failingStore) CreateEntry(ctx context.Context, e licensing.Entry) error {
	return m.write(ctx, func() error { return m.Store.CreateEntry(ctx, e) })
}

func (m *failingStore) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	return e, m.write(ctx, func() (err error) { e, err = m.Store.ReplaceEntry(ctx, e); return err })
}

func (m *failingStore) DeleteEntry(ctx context.Context, kind, id string, revision int64) error {
	return m.write(ctx, func() error { return m.Store.DeleteEntry(ctx, kind, id, revision) })
}

func (m *failingStore) CreateLicense(ctx context.Context, l licensing.License) error {
	return m.write(ctx, func() error { return m.Store.CreateLicense(ctx, l) })
}

func (m *failingStore) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	return l, m.write(ctx, func() (err error) { l, err = m.Store.UpdateLicense(ctx, l); return err })
}

func (m *failingStore) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	return m.write(ctx, func() error { return m.Store.DeleteLicense(ctx, org, id, revision) })
}

func (m *failingStore) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	return p, m.write(ctx, func() (err error) { p, err = m.Store.UpdateProduct(ctx, p); return err })
}

func (m *failingStore) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	return m.write(ctx, func() error { return m.Store.Deactivate(ctx, org, key, now) })
}

// startFailing starts a server whose node can be made to die, or the next one on the data it left; users stay logged in.
func startFailing(t *testing.T, before *testServer, c server.Config, people ...*user) (*testServer, *failingStore) {
	t.Helper()
	m := &failingStore{}
	m.left.Store(math.MaxInt64)
	c.WrapStore = func(s store.Store) store.Store { m.Store = s; return m }
	if before != nil {
		before.StoreClosed = true
		_ = before.Close() // a dead node's complaints
	}
	w := startServerWith(t, c)
	if before != nil {
		w.Clock.Advance(before.Clock.Now().Sub(w.Clock.Now()))
	}
	for _, p := range people {
		p.w, p.Server = w, w.Server
	}
	return w, m
}

// A node that dies at any point of a change leaves one audit entry and an event if it has changed anything, and never two entries.
//
// proves part of B07, N10
func TestInterruptedChangeIsAudited(t *testing.T) {
	t.Parallel()
	c := server.Config{Data: filepath.Join(t.TempDir(), "data")}
	w, m := startFailing(t, nil, c)
	p := w.owner()
	_, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	state := func(id string) string {
		r := p.Do("GET", "/licenses/"+id, nil)
		return fmt.Sprint(r.Status, r.Header.Get("ETag"))
	}
	for _, change := range []struct {
		action, event, method, path string
		body                        func(id string) any
	}{
		{"suspendLicense", "license.suspended", "POST", "/licenses/%s/suspend", nil},
		{"updateLicense", "license.changed", "PATCH", "/licenses/%s", func(string) any {
			return map[string]any{"revision": 1,
				"customer": "Initech"}
		}},
		{"deleteLicense", "license.deleted", "DELETE", "/licenses/%s", nil},
		{"suspendLicenses", "license.suspended", "POST", "/bulk/licenses/suspend",
			func(id string) any { return map[string]any{"ids": []string{id}} }},
	} {
		for writes := int64(0); ; writes++ {
			id := p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("Next"))["id"].(string)
			before, path, body := state(id), change.path, any(nil)
			if change.body != nil {
				body = change.body(id)
			}
			if strings.Contains(path, "%s") {
				path = fmt.Sprintf(path, id)
			}
			m.left.Store(writes)
			r := p.Do(change.method, path, body)
			died := m.dead.Load()
			if m.left.Store(math.MaxInt64); died {
				w, m = startFailing(t, w, c, p)
			}
			w.Clock.Advance(audit.MaxDuration)
			if err := w.RunJobs(t.Context()); err != nil {
				t.Fatal(err)
			}
			var about []audit.Line
			for _, l := range p.auditLines("action=" + change.action) {
				if l.Request == r.Header.Get("X-Request-ID") {
					about = append(about, l)
				}
			}
			changed := state(id) != before
			what := fmt.Sprintf("%s, whose node ended: %v, after %d writes, which changed anything: %v", change.action, died, writes, changed)
			if len(about) > 1 || changed && len(about) == 0 || !changed && len(about) == 1 && !about[0].Unknown || !died &&
				(!changed || about[0].Unknown) {
				t.Errorf("%s: %+v", what, about)
			}
			if len(about) == 1 && (about[0].Actor.Name != "Ada Owner" || about[0].Address == "" ||
				fmt.Sprint(about[0].Records) != "[licenses/"+id+"]") {
				t.Errorf("%s: %+v", what, about)
			}
			// The change has its own event, or there is one that says where to look.
			var list struct {
				Items []struct {
					Type string
					Data struct{ License string }
				}
			}
			p.Do("GET", "/events?limit=50", nil).Decode(&list)
			told := map[string]int{}
			for _, e := range list.Items {
				if e.Data.License == id {
					told[e.Type]++
				}
			}
			if cut := told["server.interrupted"]; changed && told[change.event]+cut == 0 || !changed && told[change.event] > 0 || cut > 1 || !died &&
				cut > 0 {
				t.Errorf("%s: told %v", what, told)
			}
			if left, err := w.Store.DueEntries(t.Context(), "audit_begun", 1<<50, 10); err != nil || len(left) != 0 {
				t.Errorf("%s: left behind %v %v", what, left, err)
			}
			if !died {
				break
			}
		}
	}
	if _, err := audit.Verify(bytes.NewReader(p.Do("GET", "/audit/export", nil).Body)); err != nil {
		t.Error(err)
	}
}
