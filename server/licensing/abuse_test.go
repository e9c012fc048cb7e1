// Package licensing_test tests the domain as the server joins it: catalogue, leasing, keys and events over the memory store.
package licensing_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
)

// One test for each attack on a server, named after the attack, including those that have succeeded against other licensing servers.
// spec/threats.md lists them and says what is not prevented.

// id of the program's activation.
func (p *program) id() lease.Hash { return lease.ActivationID(p.device.Public().(ed25519.PublicKey)) }

// held returns the activations that hold a seat.
func (s *server) held(t *testing.T) map[lease.Hash]bool {
	t.Helper()
	list, err := s.Reservations(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	seats := map[lease.Hash]bool{}
	for _, r := range list.Items {
		seats[r.Activation] = true
	}
	return seats
}

func (s *server) activations(t *testing.T) int {
	t.Helper()
	list, err := s.Activations(t.Context(), s.org, s.license.ID, licensing.Page{Limit: 200})
	must(t, err)
	return len(list.Items)
}

// malformed sends bytes that no product could answer.
func (s *server) malformed(t *testing.T, request []byte, want license.Code) {
	t.Helper()
	var e *license.Error
	if _, err := s.Sync(t.Context(), request, ""); !errors.As(err, &e) || e.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func machine(parts ...string) func(*lease.Request) {
	return func(r *lease.Request) {
		r.Fingerprint = nil
		for i, p := range parts {
			r.Fingerprint = append(r.Fingerprint, lease.FingerprintPart{Name: string(rune('a' + i)), Hash: string(lease.HashOf([]byte(p)))[:32]})
		}
	}
}

// A cloned virtual machine has the same disk, memory, ids and address. The second copy is detected at its first sync; together they hold
// one seat; and if they continue, they are reported with evidence before the budget is spent.
//
// proves N02
func TestVMClone(t *testing.T) {
	s := newServer(t, withHighLimits)
	here := s.program(1)
	same := machine("board", "disk", "network")
	here.sync(t, same, wants("modeling@ui"))
	there := here.copy()
	here.sync(t, same)
	there.refused(t, license.CodeStaleState, same, wants("modeling@ui"))
	equal(t, "seats", len(s.held(t)), 1)
	code, accepted := alternateSyncs(t, there, here)
	equal(t, "in the end", code, license.CodeCloned)
	if accepted > 3 {
		t.Errorf("%d re-activations were spent", accepted)
	}
	equal(t, "seats", len(s.held(t)), 1)
}

// A virtual machine moves to other hardware with all its state: nothing is refused or suspected.
//
// proves N02 B02
func TestMigrationLooksLikeClone(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	for _, host := range []string{"Bern", "Oslo", "Bern", "Rome", "Oslo"} {
		l := p.sync(t, machine(host+" board", host+" disk", host+" network"))
		equal(t, "generation", l.Generation, 1)
	}
	held, err := s.store.Activation(t.Context(), licensing.ActivationKey{License: s.license.ID, Activation: p.id()})
	must(t, err)
	equal(t, "suspicions", len(held.Reactivations.Evidence), 0)
}

// The files of an installation are restored, or deleted. With restored files it is the same installation with the server's count; without
// files it is a newcomer, which the limit refuses.
//
// proves part of N02
func TestStateRollback(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 1 })
	p := s.program(1)
	p.sync(t, wants("modeling@ui"))
	old := p.copy()
	p.sync(t, counts(7))
	old.refused(t, license.CodeStaleState)
	l := old.sync(t, old.reactivation(1))
	equal(t, "counted", l.Counters.Counted, 7)
	equal(t, "installations", s.activations(t), 1)
	s.program(2).refused(t, license.CodeMachineLimit)
}

// Five seats are taken, then the server's data is restored to before that, and five others ask. If the restore is declared, as the manual
// says, nobody gets a seat until the five are back or their leases have expired; otherwise, from the first of the five that syncs.
//
// proves N05
func TestServerSnapshotRollback(t *testing.T) {
	for _, told := range []bool{true, false} {
		s := newServer(t, withHighLimits, func(_ *licensing.Policy, l *licensing.License) { l.Entitlements[0].Slots = 5 })
		var holders []*program
		for n := range 5 {
			p := s.program(byte(n + 1))
			p.sync(t)
			holders = append(holders, p)
		}
		snapshot := s.store.Copy()
		for _, p := range holders {
			equal(t, "seats", len(p.sync(t, wants("modeling@ui")).Reservations), 1)
		}
		s.rollBack(t, snapshot)
		if told {
			_, err := s.RaiseEpoch(t.Context())
			must(t, err)
		} else {
			holders[0].sync(t)
		}
		s.program(11).refused(t, license.CodeFrozen)
		for _, p := range holders { // who comes back has its seat
			equal(t, "seats", len(p.sync(t).Reservations), 1)
		}
		s.wait(12 * time.Minute)
		for n := range 5 { // who has not renewed by now has lost it, and these hold what is free
			s.program(byte(n+21)).sync(t, wants("modeling@ui"))
		}
		equal(t, "seats", len(s.held(t)), 5)
	}
}

// A seat is borrowed and never returned: it is free at its deadline, and no deadline beyond the policy's limit is granted.
//
// proves part of B03
func TestBorrowedSeatKeptForEver(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) {
		withHighLimits(p, l)
		l.Entitlements[0].Slots, p.MaxBorrow = 1, (3 * day).Milliseconds()
	})
	p, q := s.program(1), s.program(2)
	l := p.sync(t, func(r *lease.Request) {
		r.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Borrow: lease.MaxCount}}
	})
	equal(t, "until", l.Reservations[0].Until, ms(startTime.Add(3*day)))
	equal(t, "while it is out", q.sync(t, wants("modeling@ui")).Denied[0].Code, license.CodeNoSlots)
	s.wait(3*day + time.Second)
	equal(t, "afterwards", len(q.sync(t, wants("modeling@ui")).Reservations), 1)
	equal(t, "the borrower's", len(p.sync(t).Reservations), 0)
}

// A third party that knows everything the program ships, or has recorded its requests, cannot release its seat.
//
// proves S18
func TestThirdPartyReleasesMySeat(t *testing.T) {
	s := newServer(t, withHighLimits)
	mine := s.program(1)
	mine.sync(t, wants("modeling@ui"))
	mine.sync(t, releases("modeling"))
	recorded := mine.sent
	mine.sync(t, wants("modeling@ui"))

	stranger := s.program(2)
	stranger.sync(t)
	stranger.sync(t, releases("modeling"))
	stranger.sync(t, goodbye)
	posing := mine.copy()
	posing.device = s.program(3).device
	posing.refused(t, license.CodeWrongDevice, goodbye)
	s.malformed(t, bytes.Replace(mine.request(), []byte(`"counted":0`), []byte(`"counted":0,"goodbye":true`), 1), license.CodeRequestSignature)
	replayed, err := s.Sync(t.Context(), recorded, "")
	must(t, err)
	equal(t, "replayed", replayed.Refused, license.CodeStaleState)

	if seats := s.held(t); len(seats) != 1 || !seats[mine.id()] {
		t.Errorf("held by %v", seats)
	}
	equal(t, "my next sync", len(mine.sync(t).Reservations), 1)
}

// A program sends heartbeats but holds no seat, because it never had one or lost it.
//
// proves L21
func TestHeartbeatWithoutASeat(t *testing.T) {
	s := newServer(t, withHighLimits, func(_ *licensing.Policy, l *licensing.License) { l.Entitlements[0].Slots = 1 })
	never := s.program(1)
	never.position = lease.Position{Generation: 1, Number: 4, Link: lease.HashOf(nil)}
	never.refused(t, license.CodeStaleState)
	equal(t, "records", s.activations(t), 0)

	late, next := s.program(2), s.program(3)
	late.sync(t, wants("modeling@ui"))
	s.wait(time.Hour) // its seat came back by itself
	equal(t, "seats", len(next.sync(t, wants("modeling@ui")).Reservations), 1)
	equal(t, "who comes late", len(late.sync(t).Reservations), 0)
	if seats := s.held(t); len(seats) != 1 || !seats[next.id()] {
		t.Errorf("held by %v", seats)
	}
}

// Impossible counts are refused and not counted; the largest possible count is charged up to the allowance.
//
// proves S12 S24
func TestImpossibleQuantities(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t, counts(4))
	for _, n := range []int64{-100, -1, math.MinInt64, math.MaxInt64, lease.MaxCount + 1} {
		s.malformed(t, p.request(counts(n)), license.CodeNumberTooHigh)
	}
	for _, text := range []string{`9223372036854775808`, `1e3`, `4.5`, `"4"`, `null`} {
		s.malformed(t, bytes.Replace(p.request(counts(4)), []byte(`"counted":4`), []byte(`"counted":`+text), 1), license.CodeRequestMalformed)
	}
	p.refused(t, license.CodeNumberTooHigh, counts(3)) // fewer than were confirmed
	equal(t, "used", s.used(t), 4)
	l := p.sync(t, counts(lease.MaxCount))
	equal(t, "verdict", l.Verdict, license.CodeExhausted)
	equal(t, "used", s.used(t), 10)
}

// A fingerprint of 100 kB or with too many parts is refused before anything is stored.
//
// proves S24
func TestHugeFingerprint(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	for _, parts := range [][]lease.FingerprintPart{
		{{Name: "board", Hash: strings.Repeat("0", 100_000)}}, {{Name: "board", Hash: strings.Repeat("0", 33)}},
		{{Name: strings.Repeat("b", 100_000), Hash: strings.Repeat("0", 32)}}, {{Name: "board"}},
	} {
		s.malformed(t, p.request(func(r *lease.Request) { r.Fingerprint = parts }), license.CodeRequestMalformed)
	}
	s.malformed(t, p.request(machine(strings.Split("a b c d e f g h i j k l m n o p q", " ")...)), license.CodeRequestMalformed)
	equal(t, "records", s.activations(t), 0)
	p.sync(t, machine("board", "disk"))
}

// The same report is sent again: after a lost reply, by a proxy that repeats it, eight times concurrently.
//
// proves S19
func TestSameUsageReportTwice(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	p.sync(t)
	first := p.sync(t, counts(5))
	report := p.sent
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			a, err := s.Sync(t.Context(), report, "")
			if err != nil || a.Refused != "" {
				t.Errorf("%s %v", a.Refused, err)
			}
		})
	}
	wait.Wait()
	equal(t, "used", s.used(t), 5)
	equal(t, "the lease", p.send(t, report).Lease.Link, first.Link)
	p.sync(t, counts(5)) // and in another request
	equal(t, "used", s.used(t), 5)
}

// Reports are lost, duplicated and late; the highest count stands, and the lease confirms it.
//
// proves S19 N07
func TestMeteringReplayOrLoss(t *testing.T) {
	s := newServer(t, withHighLimits)
	p := s.program(1)
	p.sync(t, counts(2))
	late := p.request(counts(3)) // kept back on its way
	l := p.sync(t, counts(9))    // carries what that one would have said
	equal(t, "receipt", l.Counters.Counted, 9)
	a, err := s.Sync(t.Context(), late, "")
	must(t, err)
	equal(t, "late", a.Refused, license.CodeStaleState)
	equal(t, "used", s.used(t), 9)
}

// An attacker knows everything but the device key: the four settings, which are not secret, and an activation's id. That is worth one more
// installation, if the limits allow it.
//
// proves S16 S18
func TestGuessingLicenseKeys(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 1 })
	owner := s.program(1)
	owner.sync(t, counts(3), wants("modeling@ui"))
	for _, guess := range []license.ID{s.license.ID[:23] + "0", s.license.ID[:23] + "1", s.version.ID, s.product.ID} {
		if guess != s.license.ID {
			s.program(2).refused(t, license.CodeUnknownLicense, func(r *lease.Request) { r.License = guess })
		}
	}
	s.program(2).refused(t, license.CodeMachineLimit)
	next, err := s.CreateLicense(t.Context(), licensing.License{Record: s.meta(), Version: s.version.ID, Contexts: []string{"ui"},
		Allowance: 1,
		Expires:   s.license.Expires, Entitlements: s.license.Entitlements})
	must(t, err)
	if len(next.ID) != 24 || next.ID[:8] == s.license.ID[:8] || next.ID[16:] == s.license.ID[16:] {
		t.Errorf("%s follows from %s", next.ID, s.license.ID)
	}
	equal(t, "the owner's", owner.sync(t, counts(3)).Counters.Used, 3)
}

// Two hundred new installations ask at once: as many as the policy allows in a window are activated, the others are told when to retry, and
// leave no record. Existing installations are not affected.
//
// proves S16
func TestFlood(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.ActivationLimit = 5 })
	p := s.program(255)
	p.sync(t)
	activated := 0
	for n := range 200 {
		q := s.program(byte(n))
		a := q.send(t, q.request())
		if a.Lease != nil {
			activated++
		} else if a.Refusal.Code != license.CodeActivationLimit || a.Refusal.RetryAt <= a.Refusal.Time {
			t.Fatalf("%+v", a.Refusal)
		}
	}
	equal(t, "activated", activated, 4)
	equal(t, "records", s.activations(t), 5)
	p.sync(t, counts(1))
}

// The vendor deactivates an installation while it is offline. It may continue until its lease expires, and no longer; its seat is free at
// once.
//
// proves part of B01
func TestEvictedYetOffline(t *testing.T) {
	s := newServer(t, withHighLimits, func(_ *licensing.Policy, l *licensing.License) { l.Entitlements[0].Slots = 1 })
	p, q := s.program(1), s.program(2)
	l := p.sync(t, wants("modeling@ui"))
	must(t, s.Deactivate(t.Context(), s.org, licensing.ActivationKey{License: s.license.ID, Activation: p.id()}))
	equal(t, "may go on until", l.NotAfter, ms(startTime)+12*minute)
	equal(t, "seats", len(q.sync(t, wants("modeling@ui")).Reservations), 1)
	p.refused(t, license.CodeDeactivated)
	p.refused(t, license.CodeDeactivated, wants("modeling@ui"))
}

// An attacker who has stolen the key that signs leases forges a lease that is ahead of the records, with calls that were never made. Once
// the vendor has declared the key compromised, nothing that it signed is accepted.
//
// proves part of N04
func TestExpiredOrRevokedKey(t *testing.T) {
	s := newServer(t, withHighLimits)
	keys, err := issuer.New(bytes.Repeat([]byte{1}, issuer.MasterKeySize), nil)
	must(t, err)
	stolen, err := keys.Signer(s.product.ID, s.product.SealedKeys)
	must(t, err)
	p := s.program(1)
	p.sync(t)
	forge := func(p *program) {
		l := lease.Lease{
			Product: s.product.ID, License: s.license.ID, Activation: p.id(), Generation: 1, Number: p.position.Number + 7, Link: lease.HashOf(nil),
			Request: lease.HashOf(nil),
			Nonce:   strings.Repeat("0", 32), Time: ms(s.clock()), Epoch: 5, Verdict: license.CodeOK, Settings: s.version.Policy.Settings,
			Counters: lease.Counters{Used: 900, Allowance: 1000, Counted: 900}, NotAfter: ms(s.clock()) + minute,
		}
		p.last, err = l.Document().Sign(stolen, s.clock())
		must(t, err)
		p.position = l.Position()
	}
	thief := p.copy()
	forge(thief)
	ring, err := issuerKeyring(s.product.Keyring)
	must(t, err)
	a, err := lease.Open(thief.last, ring, s.clock())
	must(t, err)
	s.product, err = s.UpdateStatement(t.Context(), s.org, s.product.ID, func(st *lease.Statement) {
		st.Keys = append(st.Keys, lease.KeyStatement{Key: a.Key, Status: lease.Compromised, Since: ms(s.clock())})
	})
	must(t, err)
	thief.refused(t, license.CodeStaleState, counts(900))
	equal(t, "used", s.used(t), 0)
}
