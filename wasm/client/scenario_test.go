package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
	"github.com/onelicense/onelicense/wasm/trace"
)

const (
	productID = license.ID("5edb10fecc150913cb7640f6")
	versionID = license.ID("5edb1105cc150913cb7640f7")
	licenseID = license.ID("5edb1264cc150913cb7640f8")
	begin     = lease.Time(1_790_000_000_000) // when each story starts
	second    = 1_000
	minute    = 60 * second
	hour      = 60 * minute
)

// stream is a source of randomness that is the same in each run.
type stream struct {
	seed string
	n    uint64
}

func (s *stream) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 32 {
		s.n++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.seed), s.n))
		copy(p[i:], sum[:])
	}
	return len(p), nil
}

func (s *stream) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = s.Read(b)
	return b
}

// keyring makes the private keys of a product, the same for the same name.
func keyring(t testing.TB, name string) *pgp.SecretKeyring {
	t.Helper()
	s, err := pgp.Generate(name, &stream{seed: name}, begin.Std().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func armored(t testing.TB, k *pgp.Keyring) string {
	t.Helper()
	b, err := k.Armored()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parse(b []byte) (license.Keyring, error) {
	k, err := pgp.Parse(b)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// world simulates one installation: a module, a disk, clocks, and a server that it may or may not reach. It carries out effects as a host
// must, and records every call for the traces.
type world struct {
	t      testing.TB
	server *server
	cfg    abi.Config
	random *stream

	m        *client.Module
	handle   int32
	now      lease.Time
	mono     int64
	disk     string // the last confirmed state
	diskFull bool
	wake     int64 // mono of the timer; 0: none

	sent     []abi.Effect // on their way to the server, with hold
	hold     bool         // requests wait in sent instead of being answered
	offline  bool
	todo     []abi.Effect
	busy     bool
	posts    int // requests that left the machine
	saves    int
	calls    int64
	answers  map[int64]abi.Verdict
	told     []abi.Verdict
	exported string // the request that the last export was answered with
	trace    trace.Trace
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := newServer(t, "Acme CAD")
	w := &world{
		t: t, server: s, now: begin, mono: 5_000, random: &stream{seed: "machine"}, answers: map[int64]abi.Verdict{},
		cfg: abi.Config{
			ServerURL: "https://licenses.example.com/api/v1#" + s.secret.Public().Root(),
			ProductID: productID, VersionID: versionID, LicenseID: licenseID,
		},
	}
	s.now = func() lease.Time { return w.now }
	record(w)
	return w
}

// started returns a world whose client is activated.
func started(t testing.TB, change func(*server)) *world {
	t.Helper()
	w := newWorld(t)
	if change != nil {
		change(w.server)
	}
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	return w
}

func (w *world) do(c abi.Call) abi.Reply {
	w.t.Helper()
	in, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	out := w.m.Call(in)
	w.note(trace.Exchange{Call: string(in), Reply: string(out)})
	var r abi.Reply
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// open starts the process: a new module, with the state on the disk.
func (w *world) open() *abi.Verdict {
	w.t.Helper()
	w.m = client.NewModule(parse)
	w.wake, w.sent = 0, nil
	w.trace.BeginRun()
	r := w.do(abi.Call{Op: abi.OpNew, Config: &w.cfg, State: w.disk, Random: w.random.bytes(32)})
	w.handle = r.Handle
	return r.Error
}

// crash ends the process without notice; some time passes before the next start.
func (w *world) crash() {
	w.m = nil
	w.now += 10 * second
	w.mono = 5_000
}

// step feeds one event and carries out everything that follows from it.
func (w *world) step(e abi.Event) {
	w.t.Helper()
	e.Now, e.Mono, e.Random = w.now, w.mono, w.random.bytes(16)
	r := w.do(abi.Call{Op: abi.OpStep, Handle: w.handle, Event: &e})
	if r.Error != nil {
		w.t.Fatalf("%s: %s %s", e.Type, r.Error.Code, r.Error.Detail)
	}
	// In order, and before the effects that follow from them, as in a host with a queue of events.
	w.todo = append(w.todo, r.Effects...)
	if w.busy {
		return
	}
	w.busy = true
	for len(w.todo) > 0 {
		f := w.todo[0]
		w.todo = w.todo[1:]
		w.carry(f)
	}
	w.busy = false
}

func (w *world) carry(f abi.Effect) {
	w.t.Helper()
	switch f.Type {
	case abi.EffectNotify:
		if f.Call == 0 {
			w.told = append(w.told, *f.Verdict)
			return
		}
		if _, twice := w.answers[f.Call]; twice {
			w.t.Fatalf("call %d is answered twice", f.Call)
		}
		w.answers[f.Call] = *f.Verdict
		if f.Body != "" {
			w.exported = f.Body
		}
	case abi.EffectWake:
		w.wake = 0
		if f.In >= 0 {
			w.wake = w.mono + f.In
		}
	case abi.EffectSave:
		w.saves++
		if w.diskFull {
			w.step(abi.Event{Type: abi.EventSaveFailed, ID: f.ID, Detail: "no space left on device"})
			return
		}
		w.disk = f.State
		w.step(abi.Event{Type: abi.EventSaved, ID: f.ID})
	case abi.EffectSend:
		if !strings.Contains(w.disk, strings.TrimSuffix(mustJSON(w.t, f.Body), `\n"`)[1:]) {
			w.t.Fatal("a request is sent that is not on the disk")
		}
		w.posts++
		w.sent = append(w.sent, f)
		if !w.hold {
			w.deliver()
		}
	}
}

// deliver answers the oldest request on its way.
func (w *world) deliver() {
	w.t.Helper()
	f := w.sent[0]
	w.sent = w.sent[1:]
	if w.offline {
		w.step(abi.Event{Type: abi.EventFailed, ID: f.ID, Detail: "connection refused"})
		return
	}
	status, body := w.server.answer(f.Body)
	w.step(abi.Event{Type: abi.EventReply, ID: f.ID, Status: status, Body: body})
}

// lose drops the reply to the oldest request: the server has acted on it, the client does not get the reply.
func (w *world) lose() {
	w.t.Helper()
	f := w.sent[0]
	w.sent = w.sent[1:]
	w.server.answer(f.Body)
	w.step(abi.Event{Type: abi.EventFailed, ID: f.ID, Detail: "timeout"})
}

// call makes a call of the program and returns its number.
func (w *world) call(e abi.Event) int64 {
	w.t.Helper()
	w.calls++
	e.Call = w.calls
	w.step(e)
	return e.Call
}

func (w *world) consume(n int64) int64 {
	w.t.Helper()
	return w.call(abi.Event{Type: abi.EventConsume, N: n})
}

// hot calls consume without JSON.
func (w *world) hot(n int32) int32 {
	answer := w.m.Consume(w.handle, int64(n), w.now)
	w.note(trace.Exchange{Consume: &trace.ConsumeCall{Handle: w.handle, N: n, Now: w.now}, Answer: answer})
	return answer
}

func (w *world) slot(event, context, entitlement string) int64 {
	w.t.Helper()
	return w.call(abi.Event{Type: event, Context: context, Entitlement: entitlement})
}

// pass lets so many ms pass and fires the timers that become due.
func (w *world) pass(ms int64) {
	w.t.Helper()
	end := w.mono + ms
	for w.wake > 0 && w.wake <= end {
		w.now += lease.Time(w.wake - w.mono)
		w.mono = w.wake
		w.wake = 0
		w.step(abi.Event{Type: abi.EventTimer})
	}
	w.now += lease.Time(end - w.mono)
	w.mono = end
}

func (w *world) expect(number int64, code license.Code) abi.Verdict {
	w.t.Helper()
	v, ok := w.answers[number]
	if !ok {
		w.t.Fatalf("call %d is not answered; %s is expected", number, code)
	}
	if v.Code != code || v.OK != (code.Verdict().Class == license.ClassOK) {
		w.t.Fatalf("call %d is answered %s ok=%v (%s), expected is %s", number, v.Code, v.OK, v.Detail, code)
	}
	return v
}

func (w *world) waits(number int64) bool { _, ok := w.answers[number]; return !ok }

// heard reports whether the program was notified of this code, and clears the notifications.
func (w *world) heard(code license.Code) bool {
	for _, v := range w.told {
		if v.Code == code {
			w.told = nil
			return true
		}
	}
	return false
}

func (w *world) status() abi.LicenseStatus {
	w.t.Helper()
	r := w.do(abi.Call{Op: abi.OpStatus, Handle: w.handle})
	return r.Status.Licenses[0]
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
