package licensing_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The rules of the chain with more than one holder, or more than one history of the server. The simulation (server/sim) runs them in every
// order; here each is tested by itself.

const day = 24 * time.Hour

// withHighLimits sets limits that no test reaches unless it changes them.
func withHighLimits(p *licensing.Policy, l *licensing.License) {
	p.Type = lease.Calls
	l.Allowance, l.Expires = 1000, 0
}

// Records that were rolled back catch up with genuine leases in either order, and the new epoch grants nothing new until no lease of the
// old one can be outstanding.
//
// proves N05
// proves part of N02
func TestTwoActivationsRecoverAfterRollback(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 2 })
		programs := []*program{s.program(1), s.program(2)}
		for _, p := range programs {
			p.sync(t)
		}
		before := s.store.Copy()
		for n, p := range programs {
			p.sync(t, counts(int64(10*n+5)), wants("modeling@ui"))
			p.sync(t, counts(int64(10*n+7)))
		}
		s.rollBack(t, before)
		for _, n := range order {
			l := programs[n].sync(t, counts(int64(10*n+9)))
			equal(t, "epoch", l.Epoch, 6)
			equal(t, "counted", l.Counters.Counted, int64(10*n+9))
			equal(t, "seats", len(l.Reservations), 1)
		}
		l := programs[0].sync(t, counts(9), wants("rendering@ui"))
		equal(t, "used", l.Counters.Used, 9+19)
		equal(t, "denied", l.Denied[0].Code, license.CodeFrozen)
		no := s.program(3).refused(t, license.CodeFrozen)
		end := ms(startTime) + 12*minute
		equal(t, "frozen until", no.RetryAt, end)
		s.wait(11 * time.Minute)
		programs[0].sync(t, counts(9))
		s.wait(time.Minute)
		l = programs[0].sync(t, counts(9), wants("rendering@ui"))
		equal(t, "seats after the freeze", len(l.Reservations), 2)
		s.program(4).refused(t, license.CodeMachineLimit) // two machines are two after all
	}
}

// The seats of a genuine lease are held whatever the records say of others, and its usage is charged in full.
func TestRollbackRecoveryIgnoresLimits(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) {
		withHighLimits(p, l)
		l.Allowance = 10
	})
	a, b, c := s.program(1), s.program(2), s.program(3)
	for _, p := range []*program{a, b, c} {
		p.sync(t, wants("modeling@ui")) // two slots: the third has none
	}
	before := s.store.Copy()
	a.sync(t, releases("modeling"))
	c.sync(t, wants("modeling@ui"), counts(6))
	s.rollBack(t, before)
	b.sync(t, counts(4))
	s.rollBack(t, s.store)
	l := c.sync(t, counts(9))
	equal(t, "seats", len(l.Reservations), 1)
	equal(t, "used", l.Counters.Used, 13)
	equal(t, "verdict", l.Verdict, license.CodeExhausted)
}

// A lease proves a rollback only while it is good, genuine, and this device's own.
func TestRollbackRecoveryRefusals(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	p.sync(t)
	before := s.store.Copy()
	p.sync(t, counts(5))
	s.rollBack(t, before)
	forged := p.copy()
	forged.last = bytes.Replace(p.last, []byte(`"counted":5`), []byte(`"counted":1`), 1)
	forged.refused(t, license.CodeStaleState)
	stranger := p.copy()
	stranger.device = s.program(2).device
	stranger.refused(t, license.CodeWrongDevice)
	jump := p.copy()
	jump.refused(t, license.CodeStaleState, func(r *lease.Request) { r.Number++ }) // does not follow the lease that it shows
	s.wait(13 * time.Minute)
	p.refused(t, license.CodeStaleState) // the lease has run out: the server's number stands
	l := p.sync(t, p.reactivation(1))
	equal(t, "counted", l.Counters.Counted, 0)
}

// An installation that the records do not contain has to wait while there may be others like it; then it is limited like a newcomer.
//
// proves part of N05
func TestUnknownInstallationShowingLease(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 1 })
	before := s.store.Copy()
	p := s.program(1)
	p.sync(t, counts(3))
	s.rollBack(t, before)
	p.refused(t, license.CodeServerRolledBack, counts(4))
	s.program(2).refused(t, license.CodeFrozen)
	s.wait(12 * time.Minute)
	l := p.sync(t, counts(4))
	equal(t, "used", l.Counters.Used, 4)
	equal(t, "number", l.Number, 2)
	s.program(2).refused(t, license.CodeMachineLimit)

	// An administrator who knows that no lease is outstanding ends the freeze.
	s.rollBack(t, before)
	p.refused(t, license.CodeServerRolledBack)
	must(t, s.EndFreeze(t.Context()))
	p.sync(t, counts(5))
}

// A lease that proves nothing is no lease, whatever comes with it.
func TestUnknownInstallationShowingForgedLease(t *testing.T) {
	s := newServer(t, withHighLimits)
	genuine := s.program(1)
	genuine.sync(t)
	genuine.sync(t)
	p := s.program(2)
	p.last = bytes.Replace(genuine.last, []byte(genuine.activation()), []byte(p.activation()), 1)
	p.refused(t, license.CodeStaleState, func(r *lease.Request) { r.Generation, r.Number, r.Previous = 1, 3, lease.HashOf(nil) })
	p.sync(t, p.reactivation(0))
	q := s.program(3)
	q.last = []byte("no lease at all")
	equal(t, "number", q.sync(t).Number, 1)
}

func (p *program) activation() lease.Hash {
	return lease.ActivationID(p.device.Public().(ed25519.PublicKey))
}

// proves part of N05
func TestEpochIsMonotonic(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	p.sync(t)
	before := s.store.Copy()
	first, err := s.RaiseEpoch(t.Context())
	must(t, err)
	equal(t, "an epoch of a restore", first.Value, startTime.Unix())
	equal(t, "the lease's", p.sync(t).Epoch, first.Value)
	s.rollBack(t, before) // also of the epoch
	equal(t, "above the one shown", p.sync(t).Epoch, first.Value+1)
	again, err := s.RaiseEpoch(t.Context())
	must(t, err)
	equal(t, "and above it", again.Value, first.Value+2)
}

// alternateSyncs lets two holders of one activation sync alternately until one is refused for good, and returns the code of that refusal
// and the number of accepted re-activations.
func alternateSyncs(t *testing.T, holders ...*program) (code license.Code, accepted int) {
	t.Helper()
	for n := range 12 {
		p := holders[n%len(holders)]
		a := p.send(t, p.request())
		if a.Refusal != nil && a.Refusal.Code == license.CodeStaleState {
			if a = p.send(t, p.request(p.reactivation(a.Refusal.Generation))); a.Lease != nil {
				accepted++
			}
		}
		if a.Refusal != nil {
			return a.Refusal.Code, accepted
		}
	}
	t.Fatal("two holders go on for ever")
	return "", 0
}

// proves N02
func TestCloneDetection(t *testing.T) {
	for action, after := range map[licensing.CloneAction]license.Code{
		licensing.CloneRefuse: license.CodeOK, licensing.CloneSuspend: license.CodeCloned, licensing.CloneReport: license.CodeRestoredTooOften,
	} {
		t.Run(string(action), func(t *testing.T) {
			s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.CloneAction = action })
			here := s.program(1)
			here.sync(t)
			there := here.copy()
			code, accepted := alternateSyncs(t, here, there)
			if action == licensing.CloneReport {
				equal(t, "code", code, license.CodeRestoredTooOften)
				return
			}
			equal(t, "code", code, license.CodeCloned)
			if accepted >= 3 {
				t.Errorf("%d re-activations were spent before", accepted)
			}
			held, err := s.store.Activation(t.Context(), licensing.ActivationKey{License: s.license.ID, Activation: here.activation()})
			must(t, err)
			evidence := held.Reactivations.Evidence
			if n := len(evidence); n != accepted+1 || !evidence[n-1].Refused || !evidence[n-1].Alternation || evidence[n-1].Address != "192.0.2.1" {
				t.Errorf("evidence: %+v", evidence)
			}
			for _, p := range []*program{here, there} {
				if p.position == held.Head { // the one who holds the chain
					if a := p.send(t, p.request()); after == license.CodeOK && a.Lease == nil || after != license.CodeOK &&
						(a.Refusal == nil || a.Refusal.Code != after) {
						t.Errorf("who holds the chain: %+v", a)
					}
				}
			}
			must(t, s.ClearCloneEvidence(t.Context(), s.org, licensing.ActivationKey{License: s.license.ID, Activation: held.Activation}))
			alternateSyncs(t, here, there) // all over again
		})
	}
}

// Waiting does not help clones: alternations are forgotten a long window after the last one, not after the first.
func TestCloneDetectionWindow(t *testing.T) {
	s := newServer(t, withHighLimits)
	a := s.program(1)
	a.sync(t)
	b := a.copy()
	anew := func(p *program) license.Code {
		p.refused(t, license.CodeStaleState)
		if got := p.send(t, p.request(p.reactivation(p.generation(t)))); got.Refusal != nil {
			return got.Refusal.Code
		}
		return license.CodeOK
	}
	b.sync(t)
	equal(t, "a comes back", anew(a), license.CodeOK)
	s.wait(29 * day)
	equal(t, "b", anew(b), license.CodeOK) // the first turn
	s.wait(29 * day)                       // a window after the first re-activation, not after the last turn
	equal(t, "a again", anew(a), license.CodeCloned)
	s.wait(29 * day)
	equal(t, "and again", anew(a), license.CodeCloned)
	s.wait(31 * day)
	equal(t, "after a window of quiet", anew(a), license.CodeOK)
}

// generation returns the generation of the activation in the records.
func (p *program) generation(t *testing.T) int64 {
	t.Helper()
	return p.refused(t, license.CodeStaleState).Generation
}

// A closed lease counts as an alternation once; showing it again only spends the budget.
func TestClosedLeaseShownTwice(t *testing.T) {
	s := newServer(t, withHighLimits)
	a := s.program(1)
	a.sync(t)
	b := a.copy()
	b.sync(t)
	a.refused(t, license.CodeStaleState)
	a.sync(t, a.reactivation(1))
	closed := b.copy()
	b.refused(t, license.CodeStaleState)
	b.sync(t, b.reactivation(2)) // one turn
	b.sync(t)
	closed.refused(t, license.CodeStaleState)
	closed.sync(t, closed.reactivation(3)) // the same lease, from a backup: no turn
	closed.sync(t)
	again := b.copy()
	again.refused(t, license.CodeStaleState)
	again.refused(t, license.CodeCloned, again.reactivation(4)) // the last lease of the chain closed just now: the second turn
}

// Prepaid calls are charged when they are granted, are forfeit with a re-activation, and are charged once more to an installation that
// returns with an older state.
//
// proves part of S12
func TestPrepaidBlocks(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) {
		withHighLimits(p, l)
		l.Allowance, p.Prepaid = 100, 10
	})
	p := s.program(1)
	equal(t, "first", p.sync(t).Counters, lease.Counters{Used: 10, Allowance: 100, Granted: 10})
	old := p.copy()
	equal(t, "topped up", p.sync(t, counts(7)).Counters, lease.Counters{Used: 17, Allowance: 100, Counted: 7, Granted: 17})
	equal(t, "nothing new", p.sync(t, counts(7)).Counters.Used, 17)
	for n := range 3 {
		old := old.copy()
		old.refused(t, license.CodeStaleState)
		l := old.sync(t, old.reactivation(int64(n+1)))
		// The old block lapses, one more pays for the state that came back, and a new one is granted.
		equal(t, "after a restore", l.Counters, lease.Counters{Used: int64(17 + 20*(n+1)), Allowance: 100, Counted: int64(27 + 20*n),
			Granted: int64(37 + 20*n)})
		p = old
	}
	p.sync(t, counts(77), goodbye)
	equal(t, "goodbye grants nothing more", s.used(t), 77)
	q := s.program(2)
	q.sync(t)
	q.sync(t, counts(10))
	l := q.sync(t, counts(20))
	equal(t, "what is left", l.Counters.Granted, 23)
	l = q.sync(t, counts(23))
	equal(t, "nothing", l.Counters, lease.Counters{Used: 100, Allowance: 100, Counted: 23, Granted: 23})
}

func (s *server) used(t *testing.T) int64 {
	t.Helper()
	m, err := s.store.Meter(t.Context(), s.license.ID)
	must(t, err)
	return m.Used
}

// proves part of B03
func TestBorrowedSlots(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.MaxBorrow = 10 * day.Milliseconds() })
	p := s.program(1)
	borrow := func(d time.Duration) func(*lease.Request) {
		return func(r *lease.Request) {
			r.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Borrow: d.Milliseconds()}}
		}
	}
	l := p.sync(t, borrow(3*day))
	equal(t, "until", l.Reservations[0].Until, ms(startTime.Add(3*day)))
	l = p.sync(t)
	equal(t, "renewal takes nothing away", l.Reservations[0].Until, ms(startTime.Add(3*day)))
	l = p.sync(t, borrow(100*day))
	equal(t, "no longer than the policy allows", l.Reservations[0].Until, ms(startTime.Add(10*day)))
	equal(t, "returned early", len(p.sync(t, releases("modeling")).Reservations), 0)
	s.policy(t, func(p *licensing.Policy) { p.MaxBorrow = 0 })
	equal(t, "not allowed", p.sync(t, borrow(day)).Denied[0].Code, license.CodeBorrowNotAllowed)
}

func (s *server) policy(t *testing.T, change func(*licensing.Policy)) {
	t.Helper()
	change(&s.version.Policy)
	var err error
	s.version, err = s.UpdateVersion(t.Context(), s.version)
	must(t, err)
}

// The record of an installation has what its holder reported last, and a re-activation records the changed parts of the machine.
//
// proves C17
func TestLastReport(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.Statistics = true })
	p := s.program(1)
	machine := func(parts ...lease.FingerprintPart) func(*lease.Request) {
		return func(r *lease.Request) { r.Fingerprint = parts }
	}
	board, disk := lease.FingerprintPart{Name: "board", Hash: "00112233445566778899aabbccddeeff"}, lease.FingerprintPart{Name: "disk",
		Hash: "ffeeddccbbaa99887766554433221100"}
	l := p.sync(t, machine(board, disk))
	equal(t, "asks for statistics", l.Settings.Statistics, true)
	old := p.copy()
	p.sync(t, machine(board, disk), func(r *lease.Request) {
		r.Statistics = &lease.Statistics{Program: "2.1", Platform: "linux/amd64", Numbers: []lease.NamedNumber{{Name: "parts", Value: 7}}}
	})
	other := disk
	other.Hash = board.Hash
	old.refused(t, license.CodeStaleState)
	old.sync(t, old.reactivation(1), machine(board, other))
	held, err := s.store.Activation(t.Context(), licensing.ActivationKey{License: s.license.ID, Activation: p.activation()})
	must(t, err)
	equal(t, "statistics are kept", held.LastReport.Statistics.Numbers[0], lease.NamedNumber{Name: "parts", Value: 7})
	if e := held.Reactivations.Evidence; len(e) != 1 || !slices.Equal(e[0].ChangedParts, []string{"disk"}) {
		t.Errorf("evidence %+v", e)
	}
}

// proves part of N04
func TestStatementAttachedToLease(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	equal(t, "no statement", p.sync(t).List, nil)
	keys, err := issuerKeyring(s.product.Keyring)
	must(t, err)
	revoked := license.ID("0123456789abcdef01234567")
	s.product, err = s.UpdateStatement(t.Context(), s.org, s.product.ID, func(st *lease.Statement) {
		st.Licenses = append(st.Licenses,
			revoked)
	})
	must(t, err)
	s.product, err = s.UpdateStatement(t.Context(), s.org, s.product.ID, func(st *lease.Statement) { st.Licenses, st.MaxAge = nil, 5 })
	must(t, err)
	request := p.request()
	got, err := s.Sync(t.Context(), request, "")
	must(t, err)
	signed, beside, err := lease.SplitAttachments(got.Body)
	must(t, err)
	said, err := lease.OpenStatement(beside.List, keys, s.clock())
	must(t, err)
	number := startTime.Unix() + 1
	if said.Number != number || said.MaxAge != 5 || !said.Revokes(revoked) {
		t.Errorf("%+v", said)
	}
	a, err := lease.Open(signed, keys, s.clock())
	must(t, err)
	equal(t, "named in the lease", *a.Lease.List, lease.StatementRef{Number: number, Hash: lease.HashOf(beside.List)})
	p.position, p.last = a.Lease.Position(), signed
	got, err = s.Sync(t.Context(), p.request(func(r *lease.Request) { r.List = number }), "")
	must(t, err)
	if _, beside, _ = lease.SplitAttachments(got.Body); beside.List != nil {
		t.Error("sent to who has it")
	}
}

// Two nodes with different clocks answer in turn, and then both clocks are set back. The program continues: no lease has an earlier time
// than the one before it, which the program would refuse.
func TestLeaseTimeIsMonotonicAcrossNodes(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.Trigger = lease.EveryCall })
	s.wait(time.Hour) // away from the keys, which sign nothing from before they were made
	p, then := s.program(1), ms(s.clock())
	for n := range 10 {
		s.wait([]time.Duration{-40 * time.Millisecond, 45 * time.Millisecond}[n%2])
		l := p.sync(t, counts(int64(n)))
		equal(t, "it lasts as long as any other", l.NotAfter-l.Time, 12*minute)
		p.send(t, p.sent)
	}
	s.wait(-10 * time.Minute)
	equal(t, "after a long step", p.sync(t, counts(9)).Time >= then, true)
	s.wait(11 * time.Minute)
	equal(t, "when the clock has caught up", p.sync(t, counts(9)).Time, ms(s.clock()))
	s.wait(-10 * time.Minute)
	_, err := s.RaiseEpoch(t.Context())
	must(t, err)
	equal(t, "in a new epoch", p.sync(t, counts(9)).Time, ms(s.clock()))
}

// One node detects that the records were rolled back. The other nodes grant nothing new either.
//
// proves part of N05
func TestEpochPropagatesToOtherNodes(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.Prepaid = 10 })
	p := s.program(1)
	equal(t, "granted", p.sync(t).Counters.Granted, 10)
	here := s.domain
	s.restart(t) // the other node
	s.wait(time.Hour)
	_, err := s.RaiseEpoch(t.Context())
	must(t, err)
	s.domain = here
	s.wait(2 * time.Second)
	l := p.sync(t, counts(5))
	equal(t, "granted in the freeze", l.Counters.Granted, 10)
	equal(t, "of a later epoch", l.Epoch > 5, true)
}
