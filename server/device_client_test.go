package server

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// device is an installation of the vendor's program that speaks the protocol by hand. It trusts what it is told: whether answers are
// genuine is proven where the client is.
type device struct {
	p       *user
	key     ed25519.PrivateKey
	request lease.Request
	last    string
}

func newDevice(p *user, product, version, id string) *device {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		p.w.Fatal(err)
	}
	return &device{p: p, key: key, request: lease.Request{
		Product: license.ID(product), Version: license.ID(version), License: license.ID(id),
		Generation: 1, Number: 1, Previous: lease.OriginLink, Time: lease.Time(p.w.clock.now().UnixMilli()),
	}}
}

func (d *device) id() string {
	return string(lease.ActivationID(d.key.Public().(ed25519.PublicKey)))
}

// sync sends the next request.
func (d *device) sync() reply {
	d.p.w.Helper()
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	d.request.Nonce = hex.EncodeToString(nonce)
	d.request.Lease = d.last
	text := d.request.Sign(d.key)
	return d.p.w.anonymous().send("POST", "/api/v1/sync", http.Header{"Content-Type": {"text/plain"}}, text)
}

// mustSync syncs and moves on.
func (d *device) mustSync() lease.Lease {
	d.p.w.Helper()
	return d.verifyLease(d.sync())
}

// verifyLease takes an answer over.
func (d *device) verifyLease(r reply) lease.Lease {
	d.p.w.Helper()
	document, rest, _ := bytes.Cut(r.body, []byte("\n"))
	signature, _, _ := bytes.Cut(rest, []byte("\n"))
	var l lease.Lease
	if err := json.Unmarshal(document, &l); err != nil || r.status != http.StatusOK || l.Type != lease.TypeLease {
		d.p.w.Fatalf("not accepted: %d %v %s", r.status, err, r.body)
	}
	d.last = string(document) + "\n" + string(signature) + "\n"
	d.request.Number, d.request.Previous, d.request.Epoch = l.Number+1, l.Link, l.Epoch
	return l
}

// wantRefusal wants a signed refusal.
func (d *device) wantRefusal(code license.Code) {
	d.p.w.Helper()
	r := d.sync()
	document, _, _ := bytes.Cut(r.body, []byte("\n"))
	var refusal lease.Refusal
	if err := json.Unmarshal(document, &refusal); err != nil || refusal.Type != lease.TypeRefusal || refusal.Code != code {
		d.p.w.Errorf("got %d %s, want the refusal %s", r.status, r.body, code)
	}
}

// proves S22
func TestSuspendedRevokedAndReinstated(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	running, late := newDevice(p, product, version, id), newDevice(p, product, version, id)
	running.mustSync()
	set := func(what, want string) {
		t.Helper()
		if got := p.must(http.StatusOK, "POST", "/licenses/"+id+"/"+what, nil); got["status"] != want {
			t.Errorf("%s: %v", what, got["status"])
		}
	}
	set("suspend", "suspended")
	running.wantRefusal(license.CodeSuspended)
	late.wantRefusal(license.CodeSuspended)
	set("suspend", "suspended")
	set("reinstate", "active")
	running.mustSync()
	late.mustSync()
	set("revoke", "revoked")
	running.wantRefusal(license.CodeRevoked)
	p.do("POST", "/licenses/"+id+"/reinstate", nil).wantProblem(http.StatusUnprocessableEntity, "invalid")
}

// proves part of S08, part of S09, part of S10
func TestArchived(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	d := newDevice(p, product, version, id)
	for _, path := range []string{"/products/" + product, "/versions/" + version, "/licenses/" + id} {
		d.mustSync()
		p.must(http.StatusOK, "POST", path+"/archive", nil)
		d.wantRefusal(license.CodeArchived)
		p.must(http.StatusOK, "POST", path+"/unarchive", nil)
	}
	d.mustSync()
}

// proves part of S26
func TestVendorListsAndDeactivatesInstallations(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	d := newDevice(p, product, version, id)
	d.request.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "solid_modeling", Context: "ui"}}}
	d.mustSync()
	d.request.Want, d.request.Counted = nil, 5
	d.mustSync()

	if got := p.must(http.StatusOK, "GET", "/licenses/"+id, nil); got["used"] != 5.0 {
		t.Errorf("used %v", got["used"])
	}
	list := p.must(http.StatusOK, "GET", "/licenses/"+id+"/activations", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("activations %v", list)
	}
	one := list[0].(map[string]any)
	if one["id"] != d.id() || one["counted"] != 5.0 || one["number"] != 2.0 || one["created"] != "2030-01-02T03:04:05Z" || one["closed"] != nil {
		t.Errorf("activation %v", one)
	}
	held := func() []any {
		return p.must(http.StatusOK, "GET", "/licenses/"+id+"/reservations", nil)["items"].([]any)
	}
	if got := held(); len(got) != 1 || got[0].(map[string]any)["entitlement"] != "solid_modeling" || got[0].(map[string]any)["activation"] != d.id() {
		t.Errorf("reservations %v", got)
	}
	for range 2 { // it is idempotent
		p.must(http.StatusNoContent, "DELETE", "/licenses/"+id+"/activations/"+d.id()+"/reservations/solid_modeling", nil)
	}
	if got := held(); len(got) != 0 {
		t.Errorf("reservations %v", got)
	}
	if got := d.mustSync(); len(got.Reservations) != 0 {
		t.Errorf("the program was not told: %v", got.Reservations)
	}
	for range 2 {
		p.must(http.StatusNoContent, "POST", "/licenses/"+id+"/activations/"+d.id()+"/deactivate", nil)
	}
	d.wantRefusal(license.CodeDeactivated)
	p.do("POST", "/licenses/"+id+"/activations/"+strings.Repeat("0", 64)+"/deactivate", nil).wantProblem(http.StatusNotFound, "not_found")
}
