package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// The epoch is the whole server's: no organisation ends the wait after a restore for the others, whoever operates the server does.
func TestEndFreeze(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, _, err := EndFreeze(t.Context(), Config{Data: data}); err == nil || !strings.Contains(err.Error(), "there is no") || exists(data) {
		t.Errorf("an empty directory: %v", err)
	}
	w := startServerWith(t, Config{Data: data})
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	newDevice(p, product, version, id).mustSync()
	frozen := w.clock.now().UTC().Truncate(time.Millisecond)
	raised, err := w.s.store.RaiseEpoch(w.Context(), frozen.Unix()+10, lease.Time(frozen.UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(2 * time.Second) // what a node knows of the epoch is a second old at most
	newDevice(p, product, version, id).wantRefusal(license.CodeFrozen)
	p.do("POST", "/epoch/settle", nil).wantProblem(http.StatusNotFound, "no_route")
	if _, _, err := EndFreeze(t.Context(), Config{Data: data}); err == nil {
		t.Error("two processes hold one directory")
	}

	stop(t, w)
	for range 2 {
		epoch, since, err := EndFreeze(t.Context(), Config{Data: data, Now: w.clock.now})
		if err != nil || epoch != raised.Value || !since.Equal(frozen) {
			t.Errorf("epoch %d, want %d; frozen since %v, want %v; %v", epoch, raised.Value, since, frozen, err)
		}
		frozen = time.Time{} // the second time there is nothing to do
	}
	w = startServerWith(t, Config{Data: data})
	p = w.login("owner@acme.test")
	newDevice(p, product, version, id).mustSync()
	lines := p.must(http.StatusOK, "GET", "/audit?chain=server&action=settle", nil)["items"].([]any)
	if len(lines) != 1 || lines[0].(map[string]any)["actor"].(map[string]any)["kind"] != "system" {
		t.Errorf("the log says %v", lines)
	}
}
