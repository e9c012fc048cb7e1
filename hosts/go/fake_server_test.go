package onelicense

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

const (
	product = "5edb10fecc150913cb7640f6"
	version = "5edb1105cc150913cb7640f7"
	first   = "5edb1264cc150913cb7640f8"
	second  = "5edb1264cc150913cb7640f9"
)

// fakeServer is a small honest server: it activates every installation, counts, and hands out slots. Tests change its fields between
// requests, under mu.
type fakeServer struct {
	*httptest.Server
	secret *pgp.SecretKeyring
	ring   string // armored
	root   string

	mu        sync.Mutex
	settings  lease.Settings
	allowance int64
	slots     int
	borrow    int64        // ms, at most
	list      []byte       // of revoked licenses; goes beside each lease
	refuse    license.Code // instead of a lease
	asked     []lease.Request
	texts     []string
	stored    map[lease.Hash][]byte
	counted   map[lease.Hash]int64 // by activation
	held      map[lease.Hash][]lease.Reservation
}

var secretOnce = sync.OnceValues(func() (*pgp.SecretKeyring, error) {
	return pgp.Generate("Acme", rand.Reader, time.Now().Add(-time.Hour))
})

func newFakeServer(t testing.TB) *fakeServer {
	t.Helper()
	secret, err := secretOnce()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.Public().Armored()
	if err != nil {
		t.Fatal(err)
	}
	v := &fakeServer{
		secret: secret, ring: string(ring), root: secret.Public().Root(), allowance: 1000, slots: 2,
		settings: lease.Settings{
			Type: lease.Calls, Trigger: lease.Interval, Interval: 60_000, MaxRetries: 2, Grace: 600_000, ClockTolerance: 300_000, JournalEvery: 100,
		},
		stored: map[lease.Hash][]byte{}, counted: map[lease.Hash]int64{}, held: map[lease.Hash][]lease.Reservation{},
	}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/api/v1/sync" || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		http.Error(w, "not this way", http.StatusBadRequest)
		return
	}
	request, hash, err := lease.OpenRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, *request)
	v.texts = append(v.texts, string(body))
	answer, known := v.stored[hash]
	if !known {
		answer = v.answer(request, hash)
	}
	w.Write(answer)
}

func (v *fakeServer) answer(r *lease.Request, hash lease.Hash) []byte {
	now := time.Now()
	at := lease.Time(now.UnixMilli())
	activation := r.Activation()
	var document lease.Document
	if v.refuse != "" {
		document = lease.Refusal{
			Product: r.Product, License: r.License, Activation: activation, Request: hash, Nonce: r.Nonce, Time: at, Epoch: 1,
			Code: v.refuse, NotAfter: at + lease.RefusalLifetime,
		}.Document()
	} else {
		v.counted[activation] = r.Counted
		verdict := license.CodeOK
		var used int64
		for _, n := range v.counted {
			used += n
		}
		if used > v.allowance {
			v.counted[activation] -= used - v.allowance
			used, verdict = v.allowance, license.CodeExhausted
		}
		var denied []lease.Denial
		held := slices.DeleteFunc(v.held[activation], func(h lease.Reservation) bool { return r.Goodbye || slices.Contains(r.Drop, h.Slot) })
		v.held[activation] = held
		for _, want := range r.Want {
			taken := 0
			for _, all := range v.held {
				for _, h := range all {
					if h.Entitlement == want.Entitlement {
						taken++
					}
				}
			}
			switch {
			case want.Borrow > v.borrow:
				denied = append(denied, lease.Denial{Slot: want.Slot, Code: license.CodeBorrowNotAllowed})
			case taken >= v.slots:
				denied = append(denied, lease.Denial{Slot: want.Slot, Code: license.CodeNoSlots})
			default:
				held = append(held, lease.Reservation{Slot: want.Slot, Until: at + lease.Time(want.Borrow)})
			}
		}
		for i := range held {
			held[i].Until = max(held[i].Until, at+60_000)
		}
		v.held[activation] = held
		document = lease.Lease{
			Product: r.Product, License: r.License, Activation: activation, Generation: r.Generation, Number: r.Number,
			Link: lease.NextLink(r.Previous, hash), Request: hash, Nonce: r.Nonce, Time: at, Epoch: 1, Verdict: verdict, Settings: v.settings,
			Counters:     lease.Counters{Used: used, Allowance: v.allowance, Counted: v.counted[activation]},
			Reservations: held, Denied: denied, NotAfter: at + lease.Time(v.settings.Interval+v.settings.Grace),
		}.Document()
	}
	text, err := document.Sign(v.secret, now)
	if err != nil {
		panic(err)
	}
	beside := lease.Attachments{List: v.list}
	if ring := v.secret.Public().Certificate(); r.Keyring != lease.HashOf(ring) {
		beside.Keyring = ring
	}
	text = beside.Append(text)
	if v.refuse == "" {
		v.stored[hash] = text
	}
	return text
}

// set changes the server between requests.
func (v *fakeServer) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

// requests returns the requests so far.
func (v *fakeServer) requests() []lease.Request {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.asked)
}

// total returns the usage of all activations.
func (v *fakeServer) total() (n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.counted {
		n += c
	}
	return n
}

// config returns the settings of a program of this vendor, with its own storage, an OnVerdict that does nothing, and a clock that only
// the test moves, so that a slow machine syncs no earlier.
func (v *fakeServer) config(t testing.TB) Config {
	return Config{
		ServerURL: v.URL + "/api/v1#" + v.root, ProductID: product, VersionID: version, LicenseID: first,
		StorageDir: t.TempDir(), OnVerdict: func(Verdict) {}, Clock: newHand(),
	}
}

// files is config for a program with license files.
func (v *fakeServer) files(t testing.TB, directory string) FilesConfig {
	c := v.config(t)
	c.LicenseID, c.Keyring = "", v.ring
	return FilesConfig{Config: c, Directory: directory}
}

// file returns a license file.
func (v *fakeServer) file(t testing.TB, id license.ID, contexts []string, entitlements ...string) []byte {
	t.Helper()
	claims := license.Claims{ID: id, Contexts: contexts}
	for _, name := range entitlements {
		claims.Entitlements = append(claims.Entitlements, license.Entitlement{Name: name})
	}
	file, err := license.Seal(claims, v.secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// statement returns a revocation list.
func (v *fakeServer) statement(t testing.TB, number int64, revoked ...license.ID) []byte {
	t.Helper()
	now := time.Now()
	text, err := lease.SignStatement(lease.Statement{Product: product, Number: number, Time: lease.Time(now.UnixMilli()), Licenses: revoked},
		v.secret, now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// must opens a client that is closed with the test.
func must(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func wantCode(t testing.TB, err error, want license.Code) {
	t.Helper()
	if got := CodeOf(err); got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
