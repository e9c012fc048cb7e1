package server

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// What was seen to break other servers, sent to this one over HTTP. The rules behind the answers are proven where they are kept, in
// server/licensing.

// refusalCode is the code of an answer that is no lease, signed or not, which a fault of the server never has.
func (r reply) refusalCode() license.Code {
	r.t.Helper()
	document, _, _ := strings.Cut(string(r.body), "\n")
	var said struct{ Code license.Code }
	if err := json.Unmarshal([]byte(document), &said); err != nil || r.status == http.StatusOK || r.status >= 500 {
		r.t.Errorf("%d %s is no refusal", r.status, r.body)
	}
	return said.Code
}

// licenseShop is a running license with its vendor.
type licenseShop struct {
	*testServer
	vendor               *user
	product, version, id string
}

func newShop(t *testing.T, slots int) licenseShop {
	t.Helper()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("perpetual", with(licenseBody("One"), "entitlements", []map[string]any{{"name": "seat", "slots": slots}}))
	return licenseShop{w, p, product, version, id}
}

func (s licenseShop) device() *device { return newDevice(s.vendor, s.product, s.version, s.id) }

func (s licenseShop) used() float64 {
	s.Helper()
	return s.vendor.must(http.StatusOK, "GET", "/licenses/"+s.id, nil)["used"].(float64)
}

func (s licenseShop) held() int {
	s.Helper()
	return len(s.vendor.must(http.StatusOK, "GET", "/licenses/"+s.id+"/reservations", nil)["items"].([]any))
}

var seat = lease.Slot{Entitlement: "seat", Context: "ui"}

// proves part of S24
func TestAttackReleaseSeatOfAnother(t *testing.T) {
	s := newShop(t, 1)
	mine, other := s.device(), s.device()
	mine.request.Want = []lease.ReservationRequest{{Slot: seat}}
	mine.mustSync()
	other.mustSync()
	other.request.Drop, other.request.Goodbye = []lease.Slot{seat}, true
	other.mustSync() // its own goodbye
	free := "/api/v1/licenses/" + s.id + "/activations/" + mine.id() + "/reservations/seat"
	s.anonymous().send("DELETE", free, http.Header{}, nil).wantProblem(http.StatusUnauthorized, "not_authenticated")
	rival := s.otherOrganisation()
	rival.do("DELETE", strings.TrimPrefix(free, "/api/v1"), nil).wantProblem(http.StatusNotFound, "not_found")
	if s.held() != 1 {
		t.Error("my seat is gone")
	}
}

// proves part of S24
func TestAttackHeartbeatWithoutSeat(t *testing.T) {
	s := newShop(t, 1)
	d := s.device()
	d.request.Number, d.request.Previous = 7, lease.HashOf([]byte("never"))
	if code := d.sync().refusalCode(); code.Verdict().Class == license.ClassOK {
		t.Errorf("an installation that never was is told %s", code)
	}
	if s.held() != 0 || len(s.vendor.must(http.StatusOK, "GET", "/licenses/"+s.id+"/activations", nil)["items"].([]any)) != 0 {
		t.Error("it was made up")
	}
}

// proves part of S24
func TestAttackFingerprints(t *testing.T) {
	s := newShop(t, 1)
	hash := strings.Repeat("0", 32)
	for name, parts := range map[string][]lease.FingerprintPart{
		"100_kB":     {{Name: "cpu", Hash: strings.Repeat("0", 100_000)}},
		"long":       {{Name: "cpu", Hash: hash + "0"}},
		"capitals":   {{Name: "cpu", Hash: strings.Repeat("A", 32)}},
		"twice":      {{Name: "cpu", Hash: hash}, {Name: "cpu", Hash: hash}},
		"with_NUL":   {{Name: "c\x00pu", Hash: hash}},
		"too_many":   manyParts(lease.MaxFingerprintParts + 1),
		"very_many":  manyParts(600),
		"empty_name": {{Name: "", Hash: hash}},
	} {
		d := s.device()
		d.request.Fingerprint = parts
		if code := d.sync().refusalCode(); code != license.CodeRequestMalformed && code != "too_large" {
			t.Errorf("%s: %s", name, code)
		}
	}
	d := s.device()
	d.request.Fingerprint = manyParts(lease.MaxFingerprintParts)
	d.mustSync()
}

func manyParts(n int) (parts []lease.FingerprintPart) {
	for i := range n {
		parts = append(parts, lease.FingerprintPart{Name: fmt.Sprintf("part%d", i), Hash: fmt.Sprintf("%032x", i)})
	}
	return parts
}

// proves part of S24
func TestAttackReplayedReport(t *testing.T) {
	s := newShop(t, 1)
	d := s.device()
	d.mustSync()
	d.request.Counted, d.request.Nonce, d.request.Lease = 5, strings.Repeat("a", 32), d.last
	body := d.request.Sign(d.key)
	send := func() reply { return s.anonymous().send("POST", "/api/v1/sync", http.Header{}, body) }
	first := d.verifyLease(send())
	for range 3 {
		if again := d.verifyLease(send()); again.Number != first.Number || again.Link != first.Link || again.Counters.Counted != 5 {
			t.Errorf("another answer: %+v", again)
		}
	}
	if s.used() != 5 {
		t.Errorf("counted %v", s.used())
	}
	d.mustSync() // the next
	if code := send().refusalCode(); code != license.CodeStaleState {
		t.Errorf("the old request again: %s", code)
	}
	if s.used() != 5 {
		t.Errorf("the old request again: %v", s.used())
	}
}

// proves part of S24
func TestAttackQuantities(t *testing.T) {
	s := newShop(t, 1)
	for _, n := range []int64{-1, -100, math.MinInt64, lease.MaxCount + 1, math.MaxInt64} {
		d := s.device()
		d.request.Counted = n
		if code := d.sync().refusalCode(); code != license.CodeNumberTooHigh {
			t.Errorf("counted %d: %s", n, code)
		}
		for _, set := range []func(*lease.Request){
			func(r *lease.Request) { r.Number = n }, func(r *lease.Request) { r.Generation = n }, func(r *lease.Request) { r.Epoch = n },
			func(r *lease.Request) { r.List = n }, func(r *lease.Request) { r.Want = []lease.ReservationRequest{{Slot: seat, Borrow: n}} },
		} {
			d := s.device()
			set(&d.request)
			if code := d.sync().refusalCode(); code != license.CodeRequestMalformed {
				t.Errorf("%d: %s", n, code)
			}
		}
		for _, member := range []string{"allowance", "expires_in", "max_machines"} {
			s.vendor.do("POST", "/versions/"+s.version+"/licenses", with(licenseBody("x"), member, n)).wantProblem(http.StatusUnprocessableEntity, "invalid")
		}
		s.vendor.do("POST", "/versions/"+s.version+"/licenses", with(licenseBody("x"), "entitlements", []map[string]any{{"name": "a", "slots": n}})).
			wantProblem(http.StatusUnprocessableEntity, "invalid")
	}
	for _, n := range []string{"1e400", "-1e400", "9223372036854775808", "1e18", "0.1", "01", "0x1", strings.Repeat("9", 10_000)} {
		body := `{"contexts":["ui"],"entitlements":[{"name":"a"}],"allowance":` + n + `}`
		if code := s.vendor.do("POST", "/versions/"+s.version+"/licenses", body).refusalCode(); code != "invalid" && code != "malformed" {
			t.Errorf("%.20s: %s", n, code)
		}
	}
	if s.used() != 0 {
		t.Errorf("counted %v", s.used())
	}
}

// proves part of S24
func TestAttackMalformedBodies(t *testing.T) {
	s := newShop(t, 1)
	d := s.device()
	good := string(d.request.Sign(d.key))
	document, signature, _ := strings.Cut(good, "\n")
	for name, body := range map[string]string{
		"empty": "", "abc": "abc", "a.b": "a.b", "a dot": ".", "null": "null", "null in two lines": "null\nnull\n", "a list": "[]\n" + signature, "a number": "1e999\n" + signature,
		"no signature": document + "\n", "signature garbage": document + "\ngarbage\n", "signature short": document + "\n" + signature[:10] + "\n",
		"signature of another": document + "\n" + strings.Repeat("A", len(signature)-1) + "\n", "twice": good + good, "NUL": good + "\x00", "deep": strings.Repeat("[", 10_000),
		"not UTF-8": strings.Replace(good, `"nonce"`, "\"non\xffe\"", 1), "member twice": strings.Replace(good, `{"type"`, `{"product":"x","type"`, 1),
		"CRLF": strings.ReplaceAll(good, "\n", "\r\n"), "a byte order mark": "\ufeff" + good, "blanks": " " + good, "later version": strings.Replace(good, "request/1", "request/99", 1),
	} {
		code := s.anonymous().send("POST", "/api/v1/sync", http.Header{}, []byte(body)).refusalCode()
		if code != license.CodeRequestMalformed && code != license.CodeRequestSignature && code != license.CodeProtocolUnsupported {
			t.Errorf("%s: %s", name, code)
		}
	}
	for name, ids := range map[string][3]string{
		"unknown product": {strings.Repeat("0", 24), s.version, s.id}, "unknown version": {s.product, strings.Repeat("0", 24), s.id},
		"unknown license": {s.product, s.version, strings.Repeat("0", 24)}, "one for the other": {s.product, s.id, s.version},
		"no ids": {"", "", ""}, "an id with a quote": {`"`, `\`, "\n"},
	} {
		d := newDevice(s.vendor, ids[0], ids[1], ids[2])
		if code := d.sync().refusalCode(); !strings.HasPrefix(string(code), "unknown_") && code != license.CodeRequestMalformed {
			t.Errorf("%s: %s", name, code)
		}
	}
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("errors of the server's own:\n%s", log)
	}
}

// A request from the future, or from the past, has no more to say than one of today.
//
// proves part of S24
func TestAttackFutureTimestamp(t *testing.T) {
	s := newShop(t, 1)
	for _, at := range []int64{math.MaxInt64, math.MinInt64, 0, s.clock.now().AddDate(10, 0, 0).UnixMilli()} {
		d := s.device()
		d.request.Time = lease.Time(at)
		if got := d.mustSync(); int64(got.Time) != s.clock.now().UnixMilli() {
			t.Errorf("a request of %d is answered at %d", at, got.Time)
		}
	}
}

// Two installations with the same everything take turns at one chain: the second is found out, and holds no second seat.
//
// proves part of S24
func TestAttackCloneWithSameFingerprint(t *testing.T) {
	s := newShop(t, 4)
	d := s.device()
	d.request.Want = []lease.ReservationRequest{{Slot: seat}}
	d.request.Fingerprint = manyParts(3)
	d.mustSync()
	clone := *d
	clone.request.Want, d.request.Want = nil, nil
	d.mustSync()
	if code := clone.sync().refusalCode(); code != license.CodeStaleState {
		t.Errorf("the clone is told %s", code)
	}
	if s.held() != 1 {
		t.Errorf("%d seats are held", s.held())
	}
}

// The server's clock goes back and forth. Nothing fails, nothing is counted twice, and no seat has two holders.
func TestServerClockSteps(t *testing.T) {
	s := newShop(t, 1)
	s.clock.advance(2 * 365 * 24 * time.Hour) // away from the keys, which sign nothing from before they were made
	one, two := s.device(), s.device()
	calls := int64(0)
	for _, step := range []time.Duration{0, -time.Hour, time.Second, 3 * time.Hour, -24 * time.Hour, 24 * time.Hour, -time.Millisecond, 365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		s.clock.advance(step)
		holders := 0
		for _, d := range []*device{one, two} {
			d.request.Want = []lease.ReservationRequest{{Slot: seat}}
			d.request.Counted++
			calls++
			holders += len(d.mustSync().Reservations)
		}
		if holders > 1 || s.stored() > 1 {
			t.Errorf("after a step of %v %d hold the seat, %d are stored", step, holders, s.stored())
		}
	}
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("something failed:\n%s", log)
	}
	s.vendor = s.login("owner@acme.test")
	if got := s.used(); got != float64(calls) {
		t.Errorf("%d calls, %v are counted", calls, got)
	}
}

// stored is how many seats the store knows of, whatever the time is for sessions.
func (s licenseShop) stored() int {
	s.Helper()
	return len(s.login("owner@acme.test").must(http.StatusOK, "GET", "/licenses/"+s.id+"/reservations", nil)["items"].([]any))
}
