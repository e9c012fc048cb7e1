package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves S22
func TestSuspendedRevokedAndReinstated(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	running, late := newDevice(p, product, version, id), newDevice(p, product, version, id)
	running.MustSync()
	set := func(what, want string) {
		t.Helper()
		if got := p.Must(http.StatusOK, "POST", "/licenses/"+id+"/"+what, nil); got["status"] != want {
			t.Errorf("%s: %v", what, got["status"])
		}
	}
	set("suspend", "suspended")
	running.WantRefusal(license.CodeSuspended)
	late.WantRefusal(license.CodeSuspended)
	set("suspend", "suspended")
	set("reinstate", "active")
	running.MustSync()
	late.MustSync()
	set("revoke", "revoked")
	running.WantRefusal(license.CodeRevoked)
	p.Do("POST", "/licenses/"+id+"/reinstate", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
}

// proves part of S08, part of S09, part of S10
func TestArchived(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := newDevice(p, product, version, id)
	for _, path := range []string{"/products/" + product, "/versions/" + version, "/licenses/" + id} {
		d.MustSync()
		p.Must(http.StatusOK, "POST", path+"/archive", nil)
		d.WantRefusal(license.CodeArchived)
		p.Must(http.StatusOK, "POST", path+"/unarchive", nil)
	}
	d.MustSync()
}

// proves part of S26
func TestVendorListsAndDeactivatesInstallations(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := newDevice(p, product, version, id)
	d.Request.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "solid_modeling", Context: "ui"}}}
	d.MustSync()
	d.Request.Want, d.Request.Counted = nil, 5
	d.MustSync()

	if got := p.Must(http.StatusOK, "GET", "/licenses/"+id, nil); got["calls_used"] != 5.0 {
		t.Errorf("used %v", got["calls_used"])
	}
	list := p.Must(http.StatusOK, "GET", "/licenses/"+id+"/activations", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("activations %v", list)
	}
	one := list[0].(map[string]any)
	if one["id"] != d.ID() || one["calls_used"] != 5.0 || one["lease_number"] != 2.0 || one["created"] != "2030-01-02T03:04:05Z" ||
		one["closed"] != nil {
		t.Errorf("activation %v", one)
	}
	held := func() []any {
		return p.Must(http.StatusOK, "GET", "/licenses/"+id+"/reservations", nil)["items"].([]any)
	}
	if got := held(); len(got) != 1 || got[0].(map[string]any)["entitlement"] != "solid_modeling" ||
		got[0].(map[string]any)["activation"] != d.ID() {
		t.Errorf("reservations %v", got)
	}
	for range 2 { // it is idempotent
		p.Must(http.StatusNoContent, "DELETE", "/licenses/"+id+"/activations/"+d.ID()+"/reservations/solid_modeling", nil)
	}
	if got := held(); len(got) != 0 {
		t.Errorf("reservations %v", got)
	}
	if got := d.MustSync(); len(got.Reservations) != 0 {
		t.Errorf("the program was not told: %v", got.Reservations)
	}
	for range 2 {
		p.Must(http.StatusNoContent, "POST", "/licenses/"+id+"/activations/"+d.ID()+"/deactivate", nil)
	}
	d.WantRefusal(license.CodeDeactivated)
	p.Do("POST", "/licenses/"+id+"/activations/"+strings.Repeat("0", 64)+"/deactivate", nil).WantProblem(http.StatusNotFound, "not_found")
}
