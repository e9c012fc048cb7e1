package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license/lease"
)

// Both sides hold the same document, and either can be checked with nothing but the product's certificate, long after it has run out.
//
// proves N07
func TestReceipt(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("calls", with(licenseBody("One"), "allowance", 100))
	d := newDevice(p, product, version, id)
	d.request.Counted = 7
	d.mustSync()
	path := "/licenses/" + id + "/activations/"
	w.clock.advance(400 * 24 * time.Hour)
	p = w.login("owner@acme.test")

	theirs := p.do("GET", path+d.id()+"/receipt", nil)
	if theirs.status != http.StatusOK || !strings.HasPrefix(theirs.header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", theirs.status, theirs.body)
	}
	mine, _, _ := strings.Cut(d.last, "\n")
	if document, _, _ := strings.Cut(string(theirs.body), "\n"); document != mine {
		t.Errorf("the vendor has\n%s\nthe program\n%s", document, mine)
	}
	keys := w.certificate(product)
	for side, text := range map[string]string{"program": d.last, "vendor": string(theirs.body)} {
		a, err := lease.Open([]byte(text), keys, w.clock.now())
		if err != nil || a.Lease == nil || a.Lease.Counters.Counted != 7 || a.Lease.Activation != lease.Hash(d.id()) || !a.Lease.Request.Valid() {
			t.Errorf("%s: %v %+v", side, err, a)
		}
		forged := strings.Replace(text, `"counted":7`, `"counted":6`, 1)
		if a, err := lease.Open([]byte(forged), keys, w.clock.now()); err == nil {
			t.Errorf("%s: a forged receipt is good: %+v", side, a)
		}
	}
	p.do("GET", path+strings.Repeat("0", 64)+"/receipt", nil).wantProblem(http.StatusNotFound, "not_found")
}
