package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// What the core's steps cost, in time and allocations, without the JSON of the module's edge and, but where said, without OpenPGP:
//
//	go test -run '^$' -bench Cost ./wasm/client

// trustingKeyring is a keyring that believes every signature, so that what is left is the core's own.
type trustingKeyring struct {
	license.Keyring
	now time.Time
}

func (k trustingKeyring) Verify(license.Use, []byte, []byte, time.Time) (license.Signature, error) {
	return license.Signature{Key: k.Root(), Created: k.now}, nil
}

func (trustingKeyring) Follows(license.Keyring) error { return nil }

// benchClient is a client with a disk that is always there and a server that is always reached.
type benchClient struct {
	t      testing.TB
	server *server
	cfg    abi.Config
	parse  func([]byte) (license.Keyring, error)
	*client.Client
	now    lease.Time
	mono   int64
	random []byte
	disk   string
}

func newBenchClient(t testing.TB, trust bool) *benchClient {
	t.Helper()
	s := newServer(t, "Acme CAD")
	s.allowance = 1 << 40
	s.settings.Interval, s.settings.JournalEvery = 30*24*hour, 1_000_000_000
	m := &benchClient{
		t: t, server: s, now: begin, mono: 5_000, random: (&stream{seed: "machine"}).bytes(32), parse: parse,
		cfg: abi.Config{
			ServerURL: "https://licenses.example.com/api/v1#" + s.secret.Public().Root(),
			ProductID: productID, VersionID: versionID, LicenseID: licenseID,
		},
	}
	if trust {
		m.parse = func([]byte) (license.Keyring, error) { return trustingKeyring{s.secret.Public(), begin.Std()}, nil }
	}
	s.now = func() lease.Time { return m.now }
	return m
}

func (m *benchClient) open(state string) {
	m.t.Helper()
	var err error
	if m.Client, err = client.New(m.cfg, state, m.random, m.parse); err != nil {
		m.t.Fatal(err)
	}
}

// step feeds one event.
func (m *benchClient) step(e abi.Event) []abi.Effect {
	e.Now, e.Mono, e.Random = m.now, m.mono, m.random[:16]
	effects, err := m.Step(e)
	if err != nil {
		m.t.Fatal(err)
	}
	return effects
}

// answered carries effects out and gives the reply to the request among them, which is still to be fed; without one, the last event is
// the zero one.
func (m *benchClient) answered(effects []abi.Effect) (reply abi.Event) {
	m.t.Helper()
	for len(effects) > 0 {
		f := effects[0]
		effects = effects[1:]
		switch f.Type {
		case abi.EffectSave:
			m.disk = f.State
			effects = append(effects, m.step(abi.Event{Type: abi.EventSaved, ID: f.ID})...)
		case abi.EffectSend:
			m.server.requests = nil
			status, body := m.server.answer(f.Body)
			reply = abi.Event{Type: abi.EventReply, ID: f.ID, Status: status, Body: body}
		case abi.EffectNotify:
			if !f.Verdict.OK {
				m.t.Fatalf("%s %s", f.Verdict.Code, f.Verdict.Detail)
			}
		}
	}
	return reply
}

// call makes a call of the program, with all that follows from it.
func (m *benchClient) call(e abi.Event) {
	m.t.Helper()
	e.Call = 1
	for e.Type != "" {
		e = m.answered(m.step(e))
	}
}

// activated holds one license, by its id.
func activated(t testing.TB, trust bool) *benchClient {
	t.Helper()
	m := newBenchClient(t, trust)
	m.open("")
	m.call(abi.Event{Type: abi.EventStart})
	return m
}

// holding is a client with n licenses from files, a slot of each reserved.
func holding(t testing.TB, n int) *benchClient {
	t.Helper()
	m := newBenchClient(t, true)
	m.cfg.LicenseID, m.cfg.Keyring = "", armored(t, m.server.secret.Public())
	m.open("")
	m.call(abi.Event{Type: abi.EventStart})
	var files []abi.File
	for i := range n {
		entitlement := fmt.Sprintf("part_%d", i)
		m.server.slots[entitlement] = 1
		c := license.Claims{
			ID: license.ID(fmt.Sprintf("%024x", i+1)), Contexts: []string{"ui"}, Entitlements: []license.Entitlement{{Name: entitlement}},
		}
		data, err := license.Seal(c, m.server.secret, begin.Std())
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, abi.File{Name: entitlement + ".txt", Data: data})
	}
	m.call(abi.Event{Type: abi.EventFiles, Files: files})
	for i := range n {
		m.call(abi.Event{Type: abi.EventReserve, Context: "ui", Entitlement: fmt.Sprintf("part_%d", i)})
	}
	if got := len(m.Status().Licenses); got != n {
		t.Fatalf("%d licenses, want %d", got, n)
	}
	return m
}

func BenchmarkCostOfAStep(b *testing.B) {
	b.Run("timer=nothing_to_do", func(b *testing.B) {
		m := activated(b, true)
		b.ReportAllocs()
		for b.Loop() {
			m.step(abi.Event{Type: abi.EventTimer})
		}
	})
	b.Run("consume=event", func(b *testing.B) {
		m := activated(b, true)
		b.ReportAllocs()
		for b.Loop() {
			m.step(abi.Event{Type: abi.EventConsume, Call: 1, N: 1})
		}
	})
	b.Run("consume=fast", func(b *testing.B) {
		m := activated(b, true)
		m.Consume(1, m.now) // the first makes the state differ from the disk, and says so
		b.ReportAllocs()
		for b.Loop() {
			if m.Consume(1, m.now) != abi.ConsumeCounted {
				b.Fatal("not counted")
			}
		}
	})
}

// A sync by its two halves: the request is formed, signed and put into a save; the answer is judged, taken and put into another.
func BenchmarkCostOfASync(b *testing.B) {
	ask := abi.Event{Type: abi.EventSync, Call: 1}
	b.Run("request", func(b *testing.B) {
		m := activated(b, true)
		b.ReportAllocs()
		for b.Loop() {
			effects := m.step(ask)
			b.StopTimer()
			m.answered(m.step(m.answered(effects)))
			b.StartTimer()
		}
	})
	for _, trust := range []bool{true, false} {
		name := "lease=trusted"
		if !trust {
			name = "lease=verified" // with OpenPGP
		}
		b.Run(name, func(b *testing.B) {
			m := activated(b, trust)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				reply := m.answered(m.step(ask))
				b.StartTimer()
				effects := m.step(reply)
				b.StopTimer()
				m.answered(effects)
				b.StartTimer()
			}
		})
	}
}

// The state is written whole with each save, and read at each start, when every lease in it is judged again.
func BenchmarkCostOfTheState(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("snapshot/chains=%d", n), func(b *testing.B) {
			m := holding(b, n)
			b.ReportAllocs()
			for b.Loop() {
				m.now, m.mono = m.now+second, m.mono+second // what was counted is saved once a second
				m.Consume(1, m.now)
				effects := m.step(abi.Event{Type: abi.EventPoll})
				if len(effects) == 0 || effects[0].Type != abi.EffectSave {
					b.Fatalf("no save but %+v", effects)
				}
			}
			b.ReportMetric(float64(len(m.disk)), "state-bytes")
		})
		b.Run(fmt.Sprintf("restore/chains=%d", n), func(b *testing.B) {
			m := holding(b, n)
			b.ReportAllocs()
			for b.Loop() {
				m.open(m.disk)
			}
			if got := len(m.Status().Licenses); got != n {
				b.Fatalf("%d licenses, want %d", got, n)
			}
		})
	}
}
