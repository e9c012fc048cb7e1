package sim

import (
	"bytes"
	"crypto/ed25519"
	"flag"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/trace"
)

// Single stories of the world, with real OpenPGP keys. What each machine's module saw in them is a trace in spec/vectors/client, for every
// host to replay.
var (
	update  = flag.Bool("update", false, "write the traces anew")
	compare = flag.Bool("traces", true, "compare with the committed traces; not when a rule is missing on purpose")
)

const traces = "../../spec/vectors/client"

// scenario is a world with a license of a hundred calls, synced each day, and nothing going wrong by itself.
type scenario struct {
	*World
	t *testing.T
}

func newScenario(t *testing.T, change func(*LicenseTerms)) *scenario {
	t.Helper()
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(t.Name()))
	terms := LicenseTerms{Slots: 1, Allowance: 100, Policy: licensing.DefaultPolicy(lease.Calls, lease.Interval)}
	terms.Policy.Interval, terms.Policy.MaxRetries, terms.Policy.Grace = day, 2, 3*day
	terms.Policy.ClockTolerance, terms.Policy.JournalEvery = hour, 1
	if change != nil {
		change(&terms)
	}
	dice := newDice(seed.Sum64())
	keys, err := issuer.New(bytes.Repeat([]byte{1}, issuer.MasterKeySize), diceReader{dice})
	if err != nil {
		t.Fatal(err)
	}
	terms.Issuer = keys
	s := &scenario{NewWorld(seed.Sum64(), terms), t}
	s.Journal = func(format string, args ...any) { t.Logf(format, args...) }
	t.Cleanup(func() {
		for _, f := range s.Faults {
			t.Error(f)
		}
	})
	return s
}

type diceReader struct{ dice }

func (d diceReader) Read(p []byte) (int, error) { return copy(p, d.bytes(len(p))), nil }

func parsePGP(b []byte) (license.Keyring, error) {
	k, err := pgp.Parse(b)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// watch makes a machine's calls a trace. The name is the test's, with the machine's if there are several.
func (s *scenario) watch(m *Machine) *Machine {
	recording := &trace.Trace{Name: snake(s.t.Name())}
	if len(s.Machines) > 1 {
		recording.Name += "_" + strings.ReplaceAll(m.Name, "'", "_copy")
	}
	m.Core = Record(recording, parsePGP)
	s.t.Cleanup(func() {
		if s.t.Failed() || !*compare {
			return
		}
		if err := recording.CompareOrWrite(traces, *update); err != nil {
			s.t.Error(err)
		}
	})
	return m
}

var capital = regexp.MustCompile(`[A-Z][a-z]*|[0-9]+`)

func snake(test string) string {
	spaced := capital.ReplaceAllStringFunc(strings.TrimPrefix(test, "Test"), func(w string) string { return "_" + strings.ToLower(w) })
	return strings.Trim(strings.ReplaceAll(spaced, "/", "_"), "_")
}

// machine is a new one, started.
func (s *scenario) machine(name string) *Machine {
	m := s.watch(s.NewMachine(name))
	m.Start()
	s.Pass(second)
	return m
}

// ask makes a call and waits for its answer.
func (s *scenario) ask(m *Machine, e abi.Event) license.Code {
	s.t.Helper()
	code := license.Code("unanswered")
	m.Ask(e, func(v abi.Verdict, _ string) { code = v.Code })
	for range 60 {
		if code != "unanswered" {
			break
		}
		s.Pass(second)
	}
	return code
}

func (s *scenario) sync(m *Machine) license.Code {
	s.t.Helper()
	return s.ask(m, abi.Event{Type: abi.EventSync})
}

func (s *scenario) want(what string, got, want any) {
	s.t.Helper()
	if got != want {
		s.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// A refusal changes nothing, and the same bytes are accepted when what stood against them is gone.
//
// proves S22 N02
func TestRefusedTwiceThenReinstated(t *testing.T) {
	s := newScenario(t, nil)
	m := s.machine("m")
	m.Consume(3)
	s.Server.Edit(func(l *licensing.License) { l.Status = licensing.Suspended })
	s.want("first", s.sync(m), license.CodeSuspended)
	s.want("second", s.sync(m), license.CodeSuspended)
	m.Consume(1)
	s.Server.Edit(func(l *licensing.License) { l.Status = licensing.Active })
	for _, p := range s.Network.packets { // copies that were under way since
		s.Network.deliver(p)
	}
	s.want("reinstated", s.sync(m), license.CodeOK)
	one, _ := m.License()
	s.want("generation", one.Generation, int64(1))
	s.want("charged", s.Server.Used(), int64(3))
	m.Consume(1)
	s.want("and on", s.sync(m), license.CodeOK)
	s.want("charged", s.Server.Used(), int64(4))
}

// After the server was rolled back, a packet of the lost days arrives before the machine does: it is the same history.
//
// proves N02 N05
func TestRollbackThenLatePacket(t *testing.T) {
	s := newScenario(t, nil)
	m := s.machine("m")
	before := s.Server.Snapshot()
	sent := len(s.Network.packets)
	for range 3 {
		m.Consume(2)
		s.want("sync", s.sync(m), license.CodeOK)
	}
	s.Server.RollBack(before, false)
	late := s.Network.packets[sent : sent+2]
	for _, p := range late {
		s.Network.deliver(p)
	}
	s.want("by the late packets", s.Server.Used(), int64(4))
	m.Consume(1)
	s.want("sync", s.sync(m), license.CodeOK)
	s.Network.deliver(late[1])
	s.want("charged", s.Server.Used(), int64(7))
	one, _ := m.License()
	s.want("generation", one.Generation, int64(1))
	s.want("epoch", s.Server.epoch, int64(2))
}

// Clones that take turns slowly are found all the same: turns are remembered for a long window after the last one.
//
// proves N02
func TestClonesThatWaitForTheWindow(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.Interval = 14 * day })
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	a.Stop()
	codes := map[license.Code]int{}
	for n := range 6 {
		m := []*Machine{b, a}[n%2]
		m.Start()
		s.Pass(29 * day)
		codes[s.sync(m)]++
		m.Stop()
	}
	if codes[license.CodeCloned] == 0 {
		t.Errorf("never called a clone: %v", codes)
	}
}

// Clones that put an older snapshot back before they show themselves are no turns; they spend the budget.
//
// proves N02
func TestClonesThatRestoreOlderSnapshots(t *testing.T) {
	s := newScenario(t, nil)
	a := s.machine("m")
	old := a.Backup()
	s.want("sync", s.sync(a), license.CodeOK)
	b := s.watch(a.Copy("m'"))
	accepted := 0
	for n := range 6 {
		m := []*Machine{b, a}[n%2]
		m.Restore(old)
		m.Start()
		s.Pass(minute)
		if m.LastStart == license.CodeOK {
			accepted++
		}
		s.sync(m)
		m.Stop()
	}
	s.want("accepted", accepted, 3)
	s.want("a's last start", a.LastStart, license.CodeRestoredTooOften)
}

// The last lease of a closed chain counts as a turn once, however often it is shown.
//
// proves N02
func TestSameClosedLeaseShownTwice(t *testing.T) {
	s := newScenario(t, nil)
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	b.Start()
	s.Pass(minute) // the machine's copy is first
	s.sync(b)
	closed := b.Backup()
	s.want("a activates anew", s.sync(a), license.CodeOK)
	s.want("b's turn", s.sync(b), license.CodeOK)
	for range 2 {
		s.want("again", s.sync(b), license.CodeOK)
	}
	b.Restore(closed) // the lease that was a turn before is only old now
	b.Start()
	s.Pass(minute)
	s.want("from the backup", b.LastStart, license.CodeOK)
	record, _ := s.Server.Activation(b.activation)
	s.want("turns", record.Reactivations.Alternations, int64(1))
}

// proves N02
func TestHonestRestoreWithActivationLimit1(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.ActivationLimit, t.Policy.MaxMachines = 1, 1 })
	m := s.machine("m")
	backup := m.Backup()
	m.Consume(5)
	s.want("sync", s.sync(m), license.CodeOK)
	s.want("reserve", s.ask(m, abi.Event{Type: abi.EventReserve, Entitlement: modeling, Context: ui}), license.CodeOK)
	m.Restore(backup)
	m.Start()
	s.Pass(minute)
	s.want("start", m.LastStart, license.CodeOK)
	s.want("its seat is its own", s.ask(m, abi.Event{Type: abi.EventReserve, Entitlement: modeling, Context: ui}), license.CodeOK)
	s.want("the server's number stands", s.Server.Used(), int64(5))
	m.Consume(1)
	s.want("sync", s.sync(m), license.CodeOK)
	s.want("and goes on", s.Server.Used(), int64(6))

	m.Offline = true // what an old state counts before it is found out is no report
	m.Restore(backup)
	m.Start()
	s.Pass(minute)
	m.Consume(9)
	m.Offline = false
	s.want("sync", s.sync(m), license.CodeOK)
	s.want("charged", s.Server.Used(), int64(6))
}

// Whoever puts the disk back to have prepaid calls twice finds that the state on it counts them as spent.
//
// proves S12 C18
func TestPrepaidBlockFarming(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.Prepaid = 10 })
	m := s.machine("m")
	backup := m.Backup()
	for n := range 6 {
		for range 5 {
			m.Consume(3)
		}
		if n%2 == 0 {
			m.Offline = true
		}
		m.Restore(backup)
		m.Start()
		s.Pass(minute)
		m.Offline = false
		s.Pass(minute)
		if n%3 == 0 {
			backup = m.Backup()
		}
		if m.used > s.Server.Used() {
			t.Fatalf("round %d: %d calls for %d that were charged", n, m.used, s.Server.Used())
		}
	}
	if s.Server.Used() > 100 {
		t.Errorf("%d are charged of 100", s.Server.Used())
	}
}

// proves N05
func TestTwoActivationsHealInEitherOrder(t *testing.T) {
	for _, order := range []string{"forth", "back"} {
		t.Run(order, func(t *testing.T) {
			s := newScenario(t, nil)
			a, b := s.machine("a"), s.machine("b")
			before := s.Server.Snapshot()
			for n := range 3 {
				a.Consume(2)
				b.Consume(int64(n))
				s.sync(a)
				s.sync(b)
			}
			s.Server.RollBack(before, false)
			first, second := a, b
			if order == "back" {
				first, second = b, a
			}
			s.want("first", s.sync(first), license.CodeOK)
			s.want("second", s.sync(second), license.CodeOK)
			s.want("charged", s.Server.Used(), int64(9))
		})
	}
}

// A goodbye is for good: packets from before it bring nothing back.
//
// proves B01
func TestGoodbyeThenLatePacket(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.MaxMachines = 1 })
	m := s.machine("m")
	s.want("reserve", s.ask(m, abi.Event{Type: abi.EventReserve, Entitlement: modeling, Context: ui}), license.CodeOK)
	m.Consume(1)
	s.want("sync", s.sync(m), license.CodeOK)
	s.want("goodbye", s.ask(m, abi.Event{Type: abi.EventDeactivate}), license.CodeOK)
	gone := m.activation
	for _, p := range s.Network.packets {
		s.Network.deliver(p)
	}
	record, _ := s.Server.Activation(gone)
	if record.Closed == 0 {
		t.Error("a late packet has opened it again")
	}
	other := s.machine("other")
	s.want("the place is free", other.LastStart, license.CodeOK)
	s.want("and the seat", s.ask(other, abi.Event{Type: abi.EventReserve, Entitlement: modeling, Context: ui}), license.CodeOK)
}

// Two processes on one state, on a host that does not lock it, are two holders like any others.
//
// proves N02
func TestTwoProcessesOnOneState(t *testing.T) {
	s := newScenario(t, nil)
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	b.Start()
	s.Pass(minute)
	codes := map[license.Code]int{}
	for range 4 {
		codes[s.sync(a)]++
		codes[s.sync(b)]++
	}
	if codes[license.CodeCloned] == 0 {
		t.Errorf("never called clones: %v", codes)
	}
}

// proves N02
func TestBackupRestoredTwice(t *testing.T) {
	s := newScenario(t, nil)
	m := s.machine("m")
	s.want("sync", s.sync(m), license.CodeOK)
	backup := m.Backup()
	for range 2 {
		m.Consume(2)
		s.want("sync", s.sync(m), license.CodeOK)
		m.Restore(backup)
		m.Start()
		s.Pass(minute)
		s.want("start", m.LastStart, license.CodeOK)
	}
	s.want("never slandered", m.Codes[license.CodeCloned], 0)
	s.want("the server's number stands", s.Server.Used(), int64(4))
}

// A genuine refusal of somebody else's request, shown to this machine, is no answer.
//
// proves N03
func TestRefusalForAnotherMachine(t *testing.T) {
	s := newScenario(t, nil)
	m := s.machine("m")
	other := s.machine("other")
	s.Server.Edit(func(l *licensing.License) { l.Status = licensing.Suspended })
	s.want("the other", s.sync(other), license.CodeSuspended)
	refusal := s.Network.answers[len(s.Network.answers)-1]
	m.Offline = true
	s.want("offline", s.sync(m), license.CodeUnreachable)
	s.want("shown", s.ask(m, abi.Event{Type: abi.EventImport, Body: refusal}), license.CodeLeaseOtherDevice)
	m.Consume(1)
	s.want("goes on", m.used, int64(1))
}

// A machine that reaches nothing is licensed by hand: request and answer are files. The request may also have gone another way.
//
// proves S23 N08
func TestRequestAndAnswerByHand(t *testing.T) {
	s := newScenario(t, nil)
	m := s.watch(s.NewMachine("m"))
	m.Offline = true
	m.Start()
	s.Pass(minute)
	s.want("start", m.LastStart, license.CodeUnreachable)
	carry := func() license.Code {
		request := ""
		m.Ask(abi.Event{Type: abi.EventExport}, func(_ abi.Verdict, text string) { request = text })
		s.Pass(second)
		_, answer := s.Network.deliver(request)
		s.Network.deliver(request)
		return s.ask(m, abi.Event{Type: abi.EventImport, Body: strings.ReplaceAll(answer, "\n", "\r\n")})
	}
	s.want("activation", carry(), license.CodeOK)
	m.proc.ready = true
	m.Consume(7)
	s.want("report", carry(), license.CodeOK)
	s.want("charged", s.Server.Used(), int64(7))
	s.want("nothing waits", s.ask(m, abi.Event{Type: abi.EventImport, Body: "x"}), license.CodeLeaseOtherRequest)
}

// A host that confirms saves which it has not made breaks the one promise that the chain rests on: its own machine looks like one that was
// restored from a backup, and spends its budget.
//
// proves C18
func TestHostThatLiesAboutSaves(t *testing.T) {
	s := newScenario(t, nil)
	m := s.machine("m")
	m.LyingDisk = true
	s.want("sync", s.sync(m), license.CodeOK)
	m.Stop() // before anything of it was on the disk
	m.LyingDisk = false
	m.Start()
	s.Pass(minute)
	s.want("start", m.LastStart, license.CodeOK)
	one, _ := m.License()
	s.want("generation", one.Generation, int64(2))
}

// proves C18
func TestCloneForksTheChain(t *testing.T) {
	s := newScenario(t, nil)
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	b.Start()
	s.Pass(minute)
	s.want("the copy is first", s.sync(b), license.CodeOK)
	s.want("the original activates anew", s.sync(a), license.CodeOK)
	one, _ := a.License()
	s.want("generation", one.Generation, int64(2))
	s.want("the copy's turn", s.sync(b), license.CodeOK)
	s.want("the second turn", s.sync(a), license.CodeCloned)
	s.want("who holds the chain goes on", s.sync(b), license.CodeOK)
}

// Both copies stop where the vendor wants it so, until the vendor forgives them.
//
// proves N02
func TestClonesAreBothSuspended(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.CloneAction = licensing.CloneSuspend })
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	b.Start()
	s.Pass(minute)
	for s.sync(b) == license.CodeOK && s.sync(a) == license.CodeOK {
	}
	s.want("one", s.sync(a), license.CodeCloned)
	s.want("the other", s.sync(b), license.CodeCloned)
}

// A restore that the server is told of gives nobody what somebody else may hold, though the records do not know it.
//
// proves N05
func TestARestoreGrantsNothingNew(t *testing.T) {
	s := newScenario(t, func(t *LicenseTerms) { t.Policy.MaxMachines, t.Policy.Prepaid = 2, 10 })
	a, b := s.machine("a"), s.machine("b")
	before := s.Server.Snapshot()
	seat := abi.Event{Type: abi.EventReserve, Entitlement: modeling, Context: ui}
	s.want("a's seat", s.ask(a, seat), license.CodeOK)
	s.Server.RollBack(before, true)
	s.want("nobody else's", s.ask(b, seat), license.CodeFrozen)
	charged := s.Server.Used()
	b.Consume(9)
	s.want("sync", s.sync(b), license.CodeOK)
	s.want("no new block", s.Server.Used(), charged)
	c := s.machine("c")
	s.want("no newcomer", c.LastStart, license.CodeFrozen)
	s.want("a goes on", s.sync(a), license.CodeOK)
	s.Pass(2*day + 3*day)
	s.want("and still holds it", s.ask(b, seat), license.CodeNoSlots)
}

// A client that says what it likes, with a genuine key and a genuine lease, moves nothing but by the next request on its chain.
//
// proves S18 N02
func TestClientThatLies(t *testing.T) {
	s := newScenario(t, nil)
	device := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	id := lease.ActivationID(device.Public().(ed25519.PublicKey))
	keys, err := pgp.Parse(s.Server.Product.Keyring)
	if err != nil {
		t.Fatal(err)
	}
	nonce := 0
	say := func(change func(*lease.Request)) *lease.Answer {
		nonce++
		r := &lease.Request{Product: s.Server.Product.ID, Version: s.Server.Version.ID, License: s.Server.License.ID,
			Nonce: fmt.Sprintf("%032x", nonce), Generation: 1, Number: 1, Previous: lease.OriginLink,
			Keyring: lease.HashOf(s.Server.Product.Keyring)}
		change(r)
		_, body := s.Network.deliver(string(r.Sign(device)))
		a, err := lease.Open([]byte(body), keys, s.clock())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	var held *lease.Lease
	var text []byte
	on := func(l *lease.Lease, text []byte, more func(*lease.Request)) func(*lease.Request) {
		return func(r *lease.Request) {
			r.Generation, r.Number, r.Previous, r.Counted, r.Lease = l.Generation, l.Number+1, l.Link, l.Counters.Counted, string(text)
			more(r)
		}
	}
	honest := func(*lease.Request) {}
	take := func(a *lease.Answer) {
		if a.Lease == nil {
			t.Fatalf("refused: %+v", a.Refusal)
		}
		held, text = a.Lease, a.Text
	}
	take(say(honest))
	first, firstText := held, text
	for range 3 {
		take(say(on(held, text, func(r *lease.Request) { r.Counted += 2 })))
	}
	for name, lie := range map[string]func(*lease.Request){
		"another link":        on(held, text, func(r *lease.Request) { r.Previous = lease.HashOf(nil) }),
		"an earlier link":     on(held, text, func(r *lease.Request) { r.Previous = first.Link }),
		"the number again":    on(held, text, func(r *lease.Request) { r.Number-- }),
		"a later number":      on(held, text, func(r *lease.Request) { r.Number += 5 }),
		"the next generation": on(held, text, func(r *lease.Request) { r.Generation, r.Number, r.Previous = 2, 1, lease.OriginLink }),
		"a challenge of its own": on(held, text, func(r *lease.Request) {
			r.Generation, r.Number, r.Previous, r.Challenge = 2, 1, lease.OriginLink, strings.Repeat("0", 64)
		}),
		"fewer calls":  on(held, text, func(r *lease.Request) { r.Counted-- }),
		"an old lease": on(first, firstText, honest),
		"a lease that it has made": on(held, bytes.Replace(text, []byte(`"number":4`), []byte(`"number":9`), 1),
			func(r *lease.Request) { r.Number = 10 }),
		"a first one, once more":    honest,
		"a first one, with a lease": func(r *lease.Request) { r.Lease = string(text) },
		"an epoch that nobody gave": on(first, firstText, func(r *lease.Request) { r.Epoch = 1 << 40 }),
	} {
		before, _ := s.Server.Activation(id)
		if a := say(lie); a.Lease != nil {
			t.Errorf("%s: is answered by a lease, %d.%d", name, a.Lease.Generation, a.Lease.Number)
		}
		if after, _ := s.Server.Activation(id); after.Head != before.Head || after.Counted != before.Counted {
			t.Errorf("%s: moves the chain to %+v", name, after.Head)
		}
	}
	take(say(on(held, text, honest)))
}

// Clones that are killed before they have kept an answer show the lease before it, as an honest backup would; but each still has the
// request on its disk, and that is the turn.
//
// proves N02
func TestClonesThatAreKilledAtOnce(t *testing.T) {
	s := newScenario(t, nil)
	a := s.machine("m")
	b := s.watch(a.Copy("m'"))
	a.Stop()
	var codes []license.Code
	for n := range 6 {
		m := []*Machine{b, a}[n%2]
		m.Start()
		s.Pass(minute)
		codes = append(codes, m.LastStart)
		s.Network.LoseReply = 100
		m.Ask(abi.Event{Type: abi.EventSync}, nil)
		s.Pass(2 * second)
		s.Network.LoseReply = 0
		m.Stop()
	}
	if !slices.Contains(codes, license.CodeCloned) || slices.Contains(codes, license.CodeRestoredTooOften) {
		t.Errorf("the starts were answered %v", codes)
	}
}
