package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/servertest"
)

const dayMS = 24 * 3600 * 1000

// proves B05
func TestTrialLifecycle(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("time", with(servertest.LicenseBody("One"), "trial", true, "expires_after_ms", 14*dayMS,
		"expires_from", "activation"))
	path := "/licenses/" + id
	if l := p.Must(http.StatusOK, "GET", path, nil); l["trial"] != true || l["expires"] != nil || l["expires_after_ms"] != 14.0*dayMS ||
		l["expires_from"] != "activation" {
		t.Errorf("made %v", l)
	}
	w.Clock.Advance(30 * 24 * time.Hour)
	d := newDevice(p, product, version, id)
	d.MustSync()
	p = w.login("owner@acme.test")
	if l := p.Must(http.StatusOK, "GET", path, nil); l["expires"] != "2030-02-15T03:04:05Z" {
		t.Errorf("begun %v", l)
	}
	w.Clock.Advance(15 * 24 * time.Hour)
	d.WantRefusal(license.CodeExpired)
	p = w.login("owner@acme.test")

	order := map[string]any{"key": "order 7", "extend_ms": 365 * dayMS}
	for range 2 {
		if l := p.Must(http.StatusOK, "POST", path+"/renew", order); l["expires"] != "2031-02-16T03:04:05Z" {
			t.Errorf("renewed %v", l)
		}
	}
	p.Do("POST", path+"/renew", with(order, "extend_ms", 1)).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Do("POST", path+"/renew", map[string]any{"key": "2", "calls": 5}).WantProblem(http.StatusUnprocessableEntity, "invalid")
	l := p.Must(http.StatusOK, "GET", path, nil)
	p.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": l["revision"], "trial": false})
	d.MustSync()

	if l := p.Must(http.StatusOK, "POST", path+"/transfer",
		map[string]any{"customer": "Globex", "deactivate_installations": true}); l["customer"] != "Globex" ||
		l["trial"] != nil {
		t.Errorf("transferred %v", l)
	}
	d.WantRefusal(license.CodeDeactivated)
	var kinds []any
	for _, e := range p.Must(http.StatusOK, "GET", path+"/history?limit=2", nil)["items"].([]any) {
		kinds = append(kinds, e.(map[string]any)["kind"])
	}
	if len(kinds) != 2 || kinds[0] != "transferred" || kinds[1] != "renewed" {
		t.Errorf("history %v", kinds)
	}
}

// proves B06
func TestMaintenanceWindow(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, _, id := p.CreateLicense("perpetual", with(servertest.LicenseBody("One"), "maintenance", "2030-06-01T00:00:00Z"))
	made := func(name, released string) string {
		return p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{
			"name": name, "released": released, "policy": map[string]any{"type": "perpetual"},
		})["id"].(string)
	}
	second, third := made("2", "2030-06-01T00:00:00Z"), made("3", "2030-06-01T00:00:01Z")
	d := newDevice(p, product, second, id)
	d.MustSync()
	d.Request.Version = license.ID(third)
	d.WantRefusal(license.CodeMaintenanceEnded)
	p.Must(http.StatusOK, "POST", "/licenses/"+id+"/renew", map[string]any{"key": "m", "maintenance_ms": dayMS})
	d.MustSync()
	v := p.Must(http.StatusOK, "GET", "/versions/"+third, nil)
	if v["released"] != "2030-06-01T00:00:01Z" {
		t.Errorf("released %v", v["released"])
	}
	p.Must(http.StatusOK, "PATCH", "/versions/"+third, map[string]any{"revision": v["revision"], "released": nil})
	d.WantRefusal(license.CodeMaintenanceEnded)
}
