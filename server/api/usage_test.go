package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/servertest"
)

// policy replaces the policy of a version, which must be of the same type.
func (p *user) policy(version string, policy map[string]any) {
	p.w.Helper()
	v := p.Must(http.StatusOK, "GET", "/versions/"+version, nil)
	p.Must(http.StatusOK, "PATCH", "/versions/"+version, map[string]any{"revision": v["revision"], "policy": policy})
}

// proves S26
// proves part of B01
func TestCountersAndTimes(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("calls", with(servertest.LicenseBody("One"), "allowance", 10))
	p.policy(version, map[string]any{"type": "calls", "interval_ms": 3600_000, "activation_limit": 10, "period": "month", "max_machines": 2,
		"transfer_limit": 1})
	path := "/licenses/" + id
	if u := p.Must(http.StatusOK, "GET", path+"/usage", nil); u["calls_used"] != 0.0 || u["last_sync"] != nil || u["activations"] != nil {
		t.Errorf("of a new license: %v", u)
	}
	a, b := newDevice(p, product, version, id), newDevice(p, product, version, id)
	a.Request.Counted = 4
	a.MustSync()
	w.Clock.Advance(time.Minute)
	b.MustSync()
	w.Clock.Advance(time.Minute)
	b.Request.Goodbye = true
	b.MustSync()
	w.Clock.Advance(time.Minute)
	newDevice(p, product, version, id).MustSync()

	u := p.Must(http.StatusOK, "GET", path+"/usage", nil)
	want := func(name string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	window, transfers, period := u["activations"].(map[string]any), u["transfers"].(map[string]any), u["period"].(map[string]any)
	want("used", u["calls_used"], 4.0)
	want("machines", u["machines"], 2.0)
	want("last activation", u["last_activation"], "2030-01-02T03:07:05Z")
	want("last sync", u["last_sync"], "2030-01-02T03:07:05Z")
	want("activations", window["count"], 3.0)
	want("limit", window["limit"], 10.0)
	want("reset", window["until"], "2030-01-02T04:04:05Z")
	want("transfers", transfers["count"], 1.0)
	want("transfers until", transfers["until"], "2030-02-01T03:07:05Z")
	want("period", period["calls_used"], 4.0)
	want("period until", period["until"], "2030-02-01T00:00:00Z")

	w.Clock.Advance(31 * 24 * time.Hour)
	p = w.login("owner@acme.test")
	a.Request.Counted = 14
	if l := a.MustSync(); l.Counters != (lease.Counters{Used: 14, Allowance: 14, Counted: 14}) || l.Verdict != license.CodeOK {
		t.Errorf("a new month: %+v", l)
	}
	past := p.Must(http.StatusOK, "GET", path+"/usage/periods", nil)["items"].([]any)
	if len(past) != 1 || past[0].(map[string]any)["calls_used"] != 4.0 || past[0].(map[string]any)["from"] != "2030-01-01T00:00:00Z" {
		t.Errorf("%v", past)
	}
}

// proves B01
func TestActivationsNamedSearchedAndTransferred(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	p.policy(version, map[string]any{"type": "perpetual", "activation_limit": 10, "max_machines": 1, "transfer_limit": 1})
	path := "/licenses/" + id + "/activations"
	a, b, c := newDevice(p, product, version, id), newDevice(p, product, version, id), newDevice(p, product, version, id)
	a.MustSync()
	b.WantRefusal(license.CodeMachineLimit)
	p.Must(http.StatusNoContent, "PATCH", path+"/"+a.ID(), map[string]any{"name": "Großer Plotter"})
	p.Do("PATCH", path+"/"+b.ID(), map[string]any{"name": "nobody"}).WantProblem(http.StatusNotFound, "not_found")
	p.Do("PATCH", path+"/"+a.ID(), map[string]any{"name": "a\x00b"}).WantProblem(http.StatusUnprocessableEntity, "invalid")
	found := p.Must(http.StatusOK, "GET", path+"?search=plotter", nil)["items"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["id"] != a.ID() || found[0].(map[string]any)["name"] != "Großer Plotter" {
		t.Errorf("found %v", found)
	}

	a.Request.Goodbye = true
	a.MustSync()
	b.MustSync() // the one move
	b.Request.Goodbye = true
	b.MustSync()
	c.WantRefusal(license.CodeMoveLimit)
	p.Must(http.StatusNoContent, "POST", path+"/"+b.ID()+"/deactivate", nil) // the vendor lets them
	c.MustSync()
}
