package ops_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/ops"
	"github.com/onelicense/onelicense/server/servertest"
)

// The epoch is that of the whole server: no organisation can end the freeze for the others, only the operator.
func TestEndFreeze(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if _, _, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, time.Now); err == nil ||
		!strings.Contains(err.Error(), "there is no") || data.Exists(dir) {
		t.Errorf("an empty directory: %v", err)
	}
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: dir}))
	p := w.Owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	w.NewDevice(product, version, id).MustSync()
	frozen := w.Clock.Now().UTC().Truncate(time.Millisecond)
	raised, err := w.Store.RaiseEpoch(w.Context(), frozen.Unix()+10, lease.Time(frozen.UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(2 * time.Second) // what a node knows of the epoch is a second old at most
	w.NewDevice(product, version, id).WantRefusal(license.CodeFrozen)
	p.Do("POST", "/epoch/end-freeze", nil).WantProblem(http.StatusNotFound, "no_route")
	if _, _, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, time.Now); err == nil {
		t.Error("two processes hold one directory")
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		epoch, since, err := ops.EndFreeze(t.Context(), data.Options{Dir: dir}, w.Clock.Now)
		if err != nil || epoch != raised.Value || !since.Equal(frozen) {
			t.Errorf("epoch %d, want %d; frozen since %v, want %v; %v", epoch, raised.Value, since, frozen, err)
		}
		frozen = time.Time{} // the second time there is nothing to do
	}
	w = servertest.Start(t, servertest.WithConfig(server.Config{Data: dir}))
	p = w.Login("owner@acme.test")
	w.NewDevice(product, version, id).MustSync()
	lines := p.Must(http.StatusOK, "GET", "/audit?chain=server&action=endFreeze", nil)["items"].([]any)
	if len(lines) != 1 || lines[0].(map[string]any)["actor"].(map[string]any)["kind"] != "system" {
		t.Errorf("the log says %v", lines)
	}
}
