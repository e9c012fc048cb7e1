package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/ops"
)

// The epoch is the whole server's: no organisation ends the wait after a restore for the others, whoever operates the server does.
func TestEndFreeze(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, _, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, time.Now); err == nil || !strings.Contains(err.Error(), "there is no") || data.Exists(dir) {
		t.Errorf("an empty directory: %v", err)
	}
	w := startServerWith(t, Config{Data: dir})
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	newDevice(p, product, version, id).mustSync()
	frozen := w.clock.now().UTC().Truncate(time.Millisecond)
	raised, err := w.s.data.Store.RaiseEpoch(w.Context(), frozen.Unix()+10, lease.Time(frozen.UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(2 * time.Second) // what a node knows of the epoch is a second old at most
	newDevice(p, product, version, id).wantRefusal(license.CodeFrozen)
	p.do("POST", "/epoch/settle", nil).wantProblem(http.StatusNotFound, "no_route")
	if _, _, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, time.Now); err == nil {
		t.Error("two processes hold one directory")
	}

	stop(t, w)
	for range 2 {
		epoch, since, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, w.clock.now)
		if err != nil || epoch != raised.Value || !since.Equal(frozen) {
			t.Errorf("epoch %d, want %d; frozen since %v, want %v; %v", epoch, raised.Value, since, frozen, err)
		}
		frozen = time.Time{} // the second time there is nothing to do
	}
	w = startServerWith(t, Config{Data: dir})
	p = w.login("owner@acme.test")
	newDevice(p, product, version, id).mustSync()
	lines := p.must(http.StatusOK, "GET", "/audit?chain=server&action=settle", nil)["items"].([]any)
	if len(lines) != 1 || lines[0].(map[string]any)["actor"].(map[string]any)["kind"] != "system" {
		t.Errorf("the log says %v", lines)
	}
}
