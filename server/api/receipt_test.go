package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/servertest"
)

// Both sides hold the same receipt, and either copy can be verified with only the product's certificate, long after it has expired.
//
// proves N07
func TestReceipt(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("calls", with(servertest.LicenseBody("One"), "allowance", 100))
	d := newDevice(p, product, version, id)
	d.Request.Counted = 7
	d.MustSync()
	path := "/licenses/" + id + "/activations/"
	w.Clock.Advance(400 * 24 * time.Hour)
	p = w.login("owner@acme.test")

	theirs := p.Do("GET", path+d.ID()+"/receipt", nil)
	if theirs.Status != http.StatusOK || !strings.HasPrefix(theirs.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", theirs.Status, theirs.Body)
	}
	mine, _, _ := strings.Cut(d.Last, "\n")
	if document, _, _ := strings.Cut(string(theirs.Body), "\n"); document != mine {
		t.Errorf("the vendor has\n%s\nthe program\n%s", document, mine)
	}
	keys := w.Certificate(product)
	for side, text := range map[string]string{"program": d.Last, "vendor": string(theirs.Body)} {
		a, err := lease.Open([]byte(text), keys, w.Clock.Now())
		if err != nil || a.Lease == nil || a.Lease.Counters.Counted != 7 || a.Lease.Activation != lease.Hash(d.ID()) || !a.Lease.Request.Valid() {
			t.Errorf("%s: %v %+v", side, err, a)
		}
		forged := strings.Replace(text, `"counted":7`, `"counted":6`, 1)
		if a, err := lease.Open([]byte(forged), keys, w.Clock.Now()); err == nil {
			t.Errorf("%s: a forged receipt is good: %+v", side, a)
		}
	}
	p.Do("GET", path+strings.Repeat("0", 64)+"/receipt", nil).WantProblem(http.StatusNotFound, "not_found")
}
