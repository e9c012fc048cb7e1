package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/servertest"
)

// reserves syncs with a request for a seat and reports whether it was granted.
func (d *device) reserves() bool {
	d.Server.Helper()
	d.Request.Want, d.Request.Drop = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "solid_modeling", Context: "ui"}}}, nil
	return len(d.MustSync().Reservations) == 1
}

func (d *device) releases() {
	d.Server.Helper()
	d.Request.Want, d.Request.Drop = nil, []lease.Slot{{Entitlement: "solid_modeling", Context: "ui"}}
	d.MustSync()
}

// createFloatingLicense creates a license with two seats, a queue, borrowing, and leases of two minutes.
func (p *user) createFloatingLicense() (product, version, id string) {
	p.w.Helper()
	product, version, id = p.CreateLicense("perpetual", with(servertest.LicenseBody("One"), "entitlements",
		[]map[string]any{{"name": "solid_modeling", "slots": 2}}))
	p.policy(version, map[string]any{"type": "perpetual", "interval_ms": 60_000, "grace_ms": 60_000, "activation_limit": 20,
		"queue_timeout_ms": 300_000,
		"max_borrow_ms":    3600_000})
	return product, version, id
}

// proves B03
func TestSeatQueueOrder(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createFloatingLicense()
	var d []*device
	for range 4 {
		d = append(d, newDevice(p, product, version, id))
	}
	want := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	want("the first", d[0].reserves(), true)
	want("the second", d[1].reserves(), true)
	want("the third", d[2].reserves(), false)
	want("the fourth", d[3].reserves(), false)
	line := p.Must(http.StatusOK, "GET", "/licenses/"+id+"/queue", nil)["items"].([]any)
	first := line[0].(map[string]any)
	if len(line) != 2 || first["activation"] != d[2].ID() || first["position"] != 1.0 || first["expected"] != "2030-01-02T03:06:05Z" ||
		first["until"] != "2030-01-02T03:09:05Z" {
		t.Errorf("line %v", line)
	}
	d[0].releases()
	want("the fourth, out of turn", d[3].reserves(), false)
	want("the third, in turn", d[2].reserves(), true)

	w.Clock.Advance(2 * time.Minute) // the second and the third are heard of no more, and their seats lapse
	want("the fourth", d[3].reserves(), true)
	d[0].Request.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "solid_modeling", Context: "ui"}, Borrow: 3600_000}}
	d[0].Request.Drop = nil
	if l := d[0].MustSync(); len(l.Reservations) != 1 || l.Reservations[0].Until != l.Time+3600_000 {
		t.Errorf("borrowed %+v", l.Reservations)
	}
	w.Clock.Advance(30 * time.Minute)
	want("the second takes what lapsed", d[1].reserves(), true)
	want("the third waits for what is borrowed", d[2].reserves(), false)
	d[0].releases() // early
	want("the third", d[2].reserves(), true)
}

// A machine without a network gets its reserved seat by the offline exchange in the same way, whenever it syncs.
//
// proves N06
func TestHoldsReserveSeats(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createFloatingLicense()
	path := "/licenses/" + id + "/holds"
	hold := func(more ...any) map[string]any {
		return with(map[string]any{"entitlement": "solid_modeling", "until": "2030-01-02T12:00:00Z"}, more...)
	}
	island := newDevice(p, product, version, id)
	p.Must(http.StatusCreated, "POST", path, hold("activation", island.ID(), "note", "the ship"))
	p.Must(http.StatusCreated, "POST", path, hold("part", map[string]any{"name": "user", "value": "ada"}, "from", "2030-01-02T03:10:00Z"))
	p.Do("POST", path, hold("part", map[string]any{"name": "user", "value": "bob"})).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Do("POST", path, hold()).WantProblem(http.StatusUnprocessableEntity, "invalid")

	one, other, ada := newDevice(p, product, version, id), newDevice(p, product, version, id), newDevice(p, product, version, id)
	if !one.reserves() || other.reserves() {
		t.Error("one slot is anybody's, the other is not")
	}
	w.Clock.Advance(20 * time.Minute)
	if one.reserves() {
		t.Error("by now both are held for somebody")
	}
	ada.Request.Fingerprint = []lease.FingerprintPart{lease.NewFingerprintPart(license.ID(id), "user", "ada")}
	if !ada.reserves() {
		t.Error("Ada has hers at once")
	}
	island.Request.Time = 0 // its clock decides nothing
	if !island.reserves() {
		t.Error("what came from the ship is granted")
	}
	items := p.Must(http.StatusOK, "GET", path, nil)["items"].([]any)
	if len(items) != 2 || items[0].(map[string]any)["note"] != "the ship" || items[1].(map[string]any)["part"] != "user" {
		t.Errorf("holds %v", items)
	}
	p.Must(http.StatusNoContent, "DELETE", path+"/"+items[0].(map[string]any)["id"].(string), nil)
	p.Do("DELETE", path+"/"+items[0].(map[string]any)["id"].(string), nil).WantProblem(http.StatusNotFound, "not_found")
	island.releases()
	if other.reserves() || !one.reserves() {
		t.Error("what is held no longer is the next in line's")
	}
}
