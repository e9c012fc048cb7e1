package api_test

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
	"github.com/onelicense/onelicense/server/servertest"
)

// Attacks that are known to have broken other license servers, sent over HTTP. The rules that prevent them are tested in server/licensing.

// refusalCode returns the code of a refusal, signed or not, and requires that it is not a failure of the server.
func (r reply) refusalCode() license.Code {
	r.TB.Helper()
	document, _, _ := strings.Cut(string(r.Body), "\n")
	var said struct{ Code license.Code }
	if err := json.Unmarshal([]byte(document), &said); err != nil || r.Status == http.StatusOK || r.Status >= 500 {
		r.TB.Errorf("%d %s is no refusal", r.Status, r.Body)
	}
	return said.Code
}

// licenseShop is a vendor with an active license.
type licenseShop struct {
	*testServer
	vendor               *user
	product, version, id string
}

func newShop(t *testing.T, slots int) licenseShop {
	t.Helper()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", with(servertest.LicenseBody("One"), "entitlements",
		[]map[string]any{{"name": "seat", "slots": slots}}))
	return licenseShop{w, p, product, version, id}
}

func (s licenseShop) device() *device { return newDevice(s.vendor, s.product, s.version, s.id) }

func (s licenseShop) used() float64 {
	s.Helper()
	return s.vendor.Must(http.StatusOK, "GET", "/licenses/"+s.id, nil)["calls_used"].(float64)
}

func (s licenseShop) held() int {
	s.Helper()
	return len(s.vendor.Must(http.StatusOK, "GET", "/licenses/"+s.id+"/reservations", nil)["items"].([]any))
}

var seat = lease.Slot{Entitlement: "seat", Context: "ui"}

// proves part of S24
func TestAttackReleaseSeatOfAnother(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	mine, other := s.device(), s.device()
	mine.Request.Want = []lease.ReservationRequest{{Slot: seat}}
	mine.MustSync()
	other.MustSync()
	other.Request.Drop, other.Request.Goodbye = []lease.Slot{seat}, true
	other.MustSync() // its own goodbye
	free := "/api/v1/licenses/" + s.id + "/activations/" + mine.ID() + "/reservations/seat"
	s.anonymous().Send("DELETE", free, http.Header{}, nil).WantProblem(http.StatusUnauthorized, "not_authenticated")
	rival := s.otherOrganisation()
	rival.Do("DELETE", strings.TrimPrefix(free, "/api/v1"), nil).WantProblem(http.StatusNotFound, "not_found")
	if s.held() != 1 {
		t.Error("my seat is gone")
	}
}

// proves part of S24
func TestAttackHeartbeatWithoutSeat(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	d := s.device()
	d.Request.Number, d.Request.Previous = 7, lease.HashOf([]byte("never"))
	if code := d.Sync().refusalCode(); code.Verdict().Class == license.ClassOK {
		t.Errorf("an installation that never was is told %s", code)
	}
	if s.held() != 0 || len(s.vendor.Must(http.StatusOK, "GET", "/licenses/"+s.id+"/activations", nil)["items"].([]any)) != 0 {
		t.Error("it was made up")
	}
}

// proves part of S24
func TestAttackFingerprints(t *testing.T) {
	t.Parallel()
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
		d.Request.Fingerprint = parts
		if code := d.Sync().refusalCode(); code != license.CodeRequestMalformed && code != "too_large" {
			t.Errorf("%s: %s", name, code)
		}
	}
	d := s.device()
	d.Request.Fingerprint = manyParts(lease.MaxFingerprintParts)
	d.MustSync()
}

func manyParts(n int) (parts []lease.FingerprintPart) {
	for i := range n {
		parts = append(parts, lease.FingerprintPart{Name: fmt.Sprintf("part%d", i), Hash: fmt.Sprintf("%032x", i)})
	}
	return parts
}

// proves part of S24
func TestAttackReplayedReport(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	d := s.device()
	d.MustSync()
	d.Request.Counted, d.Request.Nonce, d.Request.Lease = 5, strings.Repeat("a", 32), d.Last
	body := d.Request.Sign(d.Key)
	send := func() reply { return s.anonymous().Send("POST", "/api/v1/sync", http.Header{}, body) }
	first := d.Accept(send())
	for range 3 {
		if again := d.Accept(send()); again.Number != first.Number || again.Link != first.Link || again.Counters.Counted != 5 {
			t.Errorf("another answer: %+v", again)
		}
	}
	if s.used() != 5 {
		t.Errorf("counted %v", s.used())
	}
	d.MustSync() // the next
	if code := send().refusalCode(); code != license.CodeStaleState {
		t.Errorf("the old request again: %s", code)
	}
	if s.used() != 5 {
		t.Errorf("the old request again: %v", s.used())
	}
}

// proves part of S24
func TestAttackQuantities(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	for _, n := range []int64{-1, -100, math.MinInt64, lease.MaxCount + 1, math.MaxInt64} {
		d := s.device()
		d.Request.Counted = n
		if code := d.Sync().refusalCode(); code != license.CodeNumberTooHigh {
			t.Errorf("counted %d: %s", n, code)
		}
		for _, set := range []func(*lease.Request){
			func(r *lease.Request) { r.Number = n }, func(r *lease.Request) { r.Generation = n }, func(r *lease.Request) { r.Epoch = n },
			func(r *lease.Request) { r.List = n }, func(r *lease.Request) { r.Want = []lease.ReservationRequest{{Slot: seat, Borrow: n}} },
		} {
			d := s.device()
			set(&d.Request)
			if code := d.Sync().refusalCode(); code != license.CodeRequestMalformed {
				t.Errorf("%d: %s", n, code)
			}
		}
		for _, member := range []string{"allowance", "expires_in", "max_machines"} {
			s.vendor.Do("POST", "/versions/"+s.version+"/licenses", with(servertest.LicenseBody("x"), member,
				n)).WantProblem(http.StatusUnprocessableEntity, "invalid")
		}
		s.vendor.Do("POST", "/versions/"+s.version+"/licenses", with(servertest.LicenseBody("x"), "entitlements",
			[]map[string]any{{"name": "a", "slots": n}})).
			WantProblem(http.StatusUnprocessableEntity, "invalid")
	}
	for _, n := range []string{"1e400", "-1e400", "9223372036854775808", "1e18", "0.1", "01", "0x1", strings.Repeat("9", 10_000)} {
		body := `{"contexts":["ui"],"entitlements":[{"name":"a"}],"allowance":` + n + `}`
		if code := s.vendor.Do("POST", "/versions/"+s.version+"/licenses", body).refusalCode(); code != "invalid" && code != "malformed" {
			t.Errorf("%.20s: %s", n, code)
		}
	}
	if s.used() != 0 {
		t.Errorf("counted %v", s.used())
	}
}

// proves part of S24
func TestAttackMalformedBodies(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	d := s.device()
	good := string(d.Request.Sign(d.Key))
	document, signature, _ := strings.Cut(good, "\n")
	for name, body := range map[string]string{
		"empty": "", "abc": "abc", "a.b": "a.b", "a dot": ".", "null": "null", "null in two lines": "null\nnull\n", "a list": "[]\n" + signature,
		"a number":     "1e999\n" + signature,
		"no signature": document + "\n", "signature garbage": document + "\ngarbage\n", "signature short": document + "\n" + signature[:10] +
			"\n",
		"signature of another": document + "\n" + strings.Repeat("A", len(signature)-1) + "\n", "twice": good + good, "NUL": good + "\x00",
		"deep":      strings.Repeat("[", 10_000),
		"not UTF-8": strings.Replace(good, `"nonce"`, "\"non\xffe\"", 1), "member twice": strings.Replace(good, `{"type"`,
			`{"product":"x","type"`, 1),
		"CRLF": strings.ReplaceAll(good, "\n", "\r\n"), "a byte order mark": "\ufeff" + good, "blanks": " " + good,
		"later version": strings.Replace(good, "request/1", "request/99", 1),
	} {
		code := s.anonymous().Send("POST", "/api/v1/sync", http.Header{}, []byte(body)).refusalCode()
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
		if code := d.Sync().refusalCode(); !strings.HasPrefix(string(code), "unknown_") && code != license.CodeRequestMalformed {
			t.Errorf("%s: %s", name, code)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("errors of the server's own:\n%s", log)
	}
}

// A request with a time in the future or the past has the same effect as one of today.
//
// proves part of S24
func TestAttackFutureTimestamp(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	for _, at := range []int64{math.MaxInt64, math.MinInt64, 0, s.Clock.Now().AddDate(10, 0, 0).UnixMilli()} {
		d := s.device()
		d.Request.Time = lease.Time(at)
		if got := d.MustSync(); int64(got.Time) != s.Clock.Now().UnixMilli() {
			t.Errorf("a request of %d is answered at %d", at, got.Time)
		}
	}
}

// Two installations with identical state and fingerprint take turns on one chain: the second is detected, and gets no second seat.
//
// proves part of S24
func TestAttackCloneWithSameFingerprint(t *testing.T) {
	t.Parallel()
	s := newShop(t, 4)
	d := s.device()
	d.Request.Want = []lease.ReservationRequest{{Slot: seat}}
	d.Request.Fingerprint = manyParts(3)
	d.MustSync()
	clone := *d
	clone.Request.Want, d.Request.Want = nil, nil
	d.MustSync()
	if code := clone.Sync().refusalCode(); code != license.CodeStaleState {
		t.Errorf("the clone is told %s", code)
	}
	if s.held() != 1 {
		t.Errorf("%d seats are held", s.held())
	}
}

// The server's clock steps back and forth. Nothing fails, nothing is counted twice, and no seat has two holders.
func TestServerClockSteps(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.Clock.Advance(2 * 365 * 24 * time.Hour) // away from the keys, which sign nothing from before they were made
	one, two := s.device(), s.device()
	calls := int64(0)
	for _, step := range []time.Duration{0, -time.Hour, time.Second, 3 * time.Hour, -24 * time.Hour, 24 * time.Hour, -time.Millisecond,
		365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		s.Clock.Advance(step)
		holders := 0
		for _, d := range []*device{one, two} {
			d.Request.Want = []lease.ReservationRequest{{Slot: seat}}
			d.Request.Counted++
			calls++
			holders += len(d.MustSync().Reservations)
		}
		if holders > 1 || s.stored() > 1 {
			t.Errorf("after a step of %v %d hold the seat, %d are stored", step, holders, s.stored())
		}
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("something failed:\n%s", log)
	}
	s.vendor = s.login("owner@acme.test")
	if got := s.used(); got != float64(calls) {
		t.Errorf("%d calls, %v are counted", calls, got)
	}
}

// stored returns the number of seats held in the store, independent of the clock.
func (s licenseShop) stored() int {
	s.Helper()
	return len(s.login("owner@acme.test").Must(http.StatusOK, "GET", "/licenses/"+s.id+"/reservations", nil)["items"].([]any))
}
