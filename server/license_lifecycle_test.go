package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

const dayMS = 24 * 3600 * 1000

// proves B05
func TestTrialLifecycle(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("time", with(licenseBody("One"), "trial", true, "expires_after", 14*dayMS, "expires_from", "activation"))
	path := "/licenses/" + id
	if l := p.must(http.StatusOK, "GET", path, nil); l["trial"] != true || l["expires"] != nil || l["expires_after"] != 14.0*dayMS || l["expires_from"] != "activation" {
		t.Errorf("made %v", l)
	}
	w.clock.advance(30 * 24 * time.Hour)
	d := newDevice(p, product, version, id)
	d.mustSync()
	p = w.login("owner@acme.test")
	if l := p.must(http.StatusOK, "GET", path, nil); l["expires"] != "2030-02-15T03:04:05Z" {
		t.Errorf("begun %v", l)
	}
	w.clock.advance(15 * 24 * time.Hour)
	d.wantRefusal(license.CodeExpired)
	p = w.login("owner@acme.test")

	order := map[string]any{"key": "order 7", "extend": 365 * dayMS}
	for range 2 {
		if l := p.must(http.StatusOK, "POST", path+"/renew", order); l["expires"] != "2031-02-16T03:04:05Z" {
			t.Errorf("renewed %v", l)
		}
	}
	p.do("POST", path+"/renew", with(order, "extend", 1)).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.do("POST", path+"/renew", map[string]any{"key": "2", "calls": 5}).wantProblem(http.StatusUnprocessableEntity, "invalid")
	l := p.must(http.StatusOK, "GET", path, nil)
	p.must(http.StatusOK, "PATCH", path, map[string]any{"revision": l["revision"], "trial": false})
	d.mustSync()

	if l := p.must(http.StatusOK, "POST", path+"/transfer", map[string]any{"customer": "Globex", "close": true}); l["customer"] != "Globex" || l["trial"] != nil {
		t.Errorf("transferred %v", l)
	}
	d.wantRefusal(license.CodeDeactivated)
	var kinds []any
	for _, e := range p.must(http.StatusOK, "GET", path+"/history?limit=2", nil)["items"].([]any) {
		kinds = append(kinds, e.(map[string]any)["kind"])
	}
	if len(kinds) != 2 || kinds[0] != "transferred" || kinds[1] != "renewed" {
		t.Errorf("history %v", kinds)
	}
}

// proves B06
func TestMaintenanceWindow(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, _, id := p.createLicense("perpetual", with(licenseBody("One"), "maintenance", "2030-06-01T00:00:00Z"))
	made := func(name, released string) string {
		return p.must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{
			"name": name, "released": released, "policy": map[string]any{"type": "perpetual"},
		})["id"].(string)
	}
	second, third := made("2", "2030-06-01T00:00:00Z"), made("3", "2030-06-01T00:00:01Z")
	d := newDevice(p, product, second, id)
	d.mustSync()
	d.request.Version = license.ID(third)
	d.wantRefusal(license.CodeMaintenanceEnded)
	p.must(http.StatusOK, "POST", "/licenses/"+id+"/renew", map[string]any{"key": "m", "maintenance": dayMS})
	d.mustSync()
	v := p.must(http.StatusOK, "GET", "/versions/"+third, nil)
	if v["released"] != "2030-06-01T00:00:01Z" {
		t.Errorf("released %v", v["released"])
	}
	p.must(http.StatusOK, "PATCH", "/versions/"+third, map[string]any{"revision": v["revision"], "released": nil})
	d.wantRefusal(license.CodeMaintenanceEnded)
}
