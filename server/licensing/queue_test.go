package licensing_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
)

// withQueue sets two seats of modeling and a queue timeout of ten minutes.
func withQueue(p *licensing.Policy, l *licensing.License) {
	p.QueueTimeout, l.Expires = 10*minute, l.Expires+1000*aDay
}

// holdsSeat reports whether the lease grants modeling.
func holdsSeat(l *lease.Lease) bool { return len(l.Reservations) == 1 }

func (p *program) requestSeat(t *testing.T, with ...func(*lease.Request)) bool {
	t.Helper()
	return holdsSeat(p.sync(t, append(with, wants("modeling@ui"))...))
}

func (s *server) waiting(t *testing.T) []leasing.Waiting {
	t.Helper()
	all, err := s.Queue(t.Context(), s.org, s.license.ID)
	must(t, err)
	return all
}

// proves part of B03
func TestQueueIsFirstInFirstOut(t *testing.T) {
	s := newServer(t, withQueue)
	a, b, c, d := s.program(1), s.program(2), s.program(3), s.program(4)
	equal(t, "a", a.requestSeat(t), true)
	s.wait(time.Minute)
	equal(t, "b", b.requestSeat(t), true)
	equal(t, "c is told to wait", c.requestSeat(t), false)
	s.wait(time.Minute)
	equal(t, "and d", d.requestSeat(t), false)
	line := s.waiting(t)
	if len(line) != 2 || line[0].Activation != c.activation() || line[0].Position != 1 || line[1].Activation != d.activation() ||
		line[1].Position != 2 {
		t.Fatalf("%+v", line)
	}
	equal(t, "c expects the slot of a", line[0].Expected, ms(startTime)+12*minute)
	equal(t, "d expects the slot of b", line[1].Expected, ms(startTime)+13*minute)
	equal(t, "c is passed over", line[0].Until, ms(startTime)+11*minute)

	a.sync(t, releases("modeling")) // brought back early
	equal(t, "d asks first, c was first", d.requestSeat(t), false)
	equal(t, "nor does a get it again", a.requestSeat(t), false)
	equal(t, "c", c.requestSeat(t), true)
	equal(t, "waiting", len(s.waiting(t)), 2)
	b.sync(t, goodbye)
	equal(t, "now d", d.requestSeat(t), true)
	equal(t, "who holds one is asked for nothing", c.requestSeat(t), true)
}

// proves part of B03
func TestQueueTimeout(t *testing.T) {
	s := newServer(t, withQueue)
	a, b, c, d := s.program(1), s.program(2), s.program(3), s.program(4)
	a.requestSeat(t)
	b.requestSeat(t)
	c.requestSeat(t)
	s.wait(5 * time.Minute)
	a.sync(t)
	b.sync(t)
	equal(t, "d", d.requestSeat(t), false)
	s.wait(5 * time.Minute) // c's place is gone
	b.sync(t)
	a.sync(t, releases("modeling"))
	equal(t, "d", d.requestSeat(t), true)
	equal(t, "waiting", len(s.waiting(t)), 0)
	equal(t, "c is at the end of the line", c.requestSeat(t), false)
	c.sync(t, goodbye)
	equal(t, "who is gone waits for nothing", len(s.waiting(t)), 0)
}

// Without a queue no denied installation is recorded.
func TestQueueDisabled(t *testing.T) {
	s := newServer(t)
	for n := range byte(4) {
		s.program(n + 1).requestSeat(t)
	}
	equal(t, "waiting", len(s.waiting(t)), 0)
}

// However many installations queue concurrently, no more slots are granted than the license has.
//
// proves part of B03
func TestConcurrentQueue(t *testing.T) {
	s := newServer(t, withQueue, func(p *licensing.Policy, _ *licensing.License) { p.ActivationLimit = 1000 })
	const many = 40
	all := make([]*program, many)
	for n := range all {
		all[n] = s.program(byte(n + 1))
		all[n].sync(t)
	}
	var wait sync.WaitGroup
	for _, p := range all {
		wait.Go(func() {
			body := p.request(wants("modeling@ui"))
			if _, err := s.Sync(t.Context(), body, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	held, err := s.Reservations(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	if n := len(held.Items); n != 2 {
		t.Errorf("%d of 2 slots are held", n)
	}
}

func (s *server) hold(t *testing.T, h leasing.NewHold) licensing.Hold {
	t.Helper()
	if h.Entitlement == "" {
		h.Entitlement = "modeling"
	}
	made, err := s.CreateHold(t.Context(), s.org, s.license.ID, h)
	must(t, err)
	return made
}

func user(name string) licensing.PartValue { return licensing.PartValue{Name: "user", Value: name} }

// asUser sets the user part of the fingerprint.
func (s *server) asUser(name string) func(*lease.Request) {
	return func(r *lease.Request) {
		r.Fingerprint = []lease.FingerprintPart{lease.NewFingerprintPart(s.license.ID, "user", name)}
	}
}

// proves part of N06
func TestHoldForUser(t *testing.T) {
	s := newServer(t, withQueue)
	s.hold(t, leasing.NewHold{Part: user("ada"), Note: "Ada", Until: ms(startTime) + aDay})
	a, b, ada := s.program(1), s.program(2), s.program(3)
	equal(t, "the free one", a.requestSeat(t), true)
	equal(t, "the other is Ada's", b.requestSeat(t, s.asUser("bob")), false)
	equal(t, "who goes before the line", ada.requestSeat(t, s.asUser("ada")), true)
	equal(t, "and holds no second", s.program(4).requestSeat(t, s.asUser("ada")), false)
	s.wait(10 * time.Minute)
	ada.sync(t, s.asUser("ada")) // it is hers as long as she renews it
	b.sync(t)
	a.sync(t, releases("modeling"))
	equal(t, "what nobody holds for anybody", b.requestSeat(t), true)
	ada.sync(t, s.asUser("ada"), releases("modeling"))
	equal(t, "hers, though she left", a.requestSeat(t), false)
	equal(t, "she is back", ada.requestSeat(t, s.asUser("ada")), true)
}

// proves part of N06
func TestHoldForMachineExpires(t *testing.T) {
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Expires += 1000 * aDay })
	a, b, mine := s.program(1), s.program(2), s.program(3)
	mine.sync(t)
	h := s.hold(t, leasing.NewHold{Activation: mine.activation(), From: ms(startTime) + 60*minute, Until: ms(startTime) + 120*minute})
	equal(t, "a", a.requestSeat(t), true)
	equal(t, "b, before its time", b.requestSeat(t), true)
	s.wait(time.Hour)
	equal(t, "a, whose slot has lapsed", a.requestSeat(t), true)
	equal(t, "b, in its time", b.requestSeat(t), false)
	equal(t, "the holder", mine.requestSeat(t), true)
	mine.sync(t, releases("modeling"))
	s.wait(time.Hour)
	equal(t, "b, after its time", b.requestSeat(t), true)
	equal(t, "a", a.requestSeat(t), true)
	equal(t, "the holder is one of many", mine.requestSeat(t), false)
	holds, err := s.Holds(t.Context(), s.org, s.license.ID)
	must(t, err)
	equal(t, "holds", len(holds), 0)

	h = s.hold(t, leasing.NewHold{Activation: mine.activation(), Until: ms(startTime) + aDay})
	a.sync(t, releases("modeling"))
	equal(t, "a, while it is held", a.requestSeat(t), false)
	must(t, s.DeleteHold(t.Context(), s.org, s.license.ID, h.ID))
	equal(t, "a, afterwards", a.requestSeat(t), true)
	if err := s.DeleteHold(t.Context(), s.org, s.license.ID, h.ID); !errors.Is(err, licensing.ErrNotFound) {
		t.Error(err)
	}
}

func TestInvalidHolds(t *testing.T) {
	s := newServer(t)
	until := ms(startTime) + aDay
	s.hold(t, leasing.NewHold{Part: user("ada"), Slots: 1, Until: until})
	for name, h := range map[string]leasing.NewHold{
		"for nobody":       {Until: until},
		"for two":          {Activation: lease.OriginLink, Part: user("bob"), Until: until},
		"no installation":  {Activation: "x", Until: until},
		"over already":     {Part: user("bob"), Until: ms(startTime)},
		"before it begins": {Part: user("bob"), From: until, Until: until},
		"too many":         {Part: user("bob"), Slots: 2, Until: until},
		"more than count":  {Part: user("bob"), Slots: math.MaxInt64, Until: until},
		"fewer than none":  {Part: user("bob"), Slots: -1, Until: until},
		"without a number": {Part: user("bob"), Entitlement: "rendering", Until: until},
		"unknown":          {Part: user("bob"), Entitlement: "plotting", Until: until},
	} {
		if h.Entitlement == "" {
			h.Entitlement = "modeling"
		}
		var wrong *licensing.Invalid
		if _, err := s.CreateHold(t.Context(), s.org, s.license.ID, h); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.hold(t, leasing.NewHold{Part: user("bob"), Slots: 2, From: until, Until: until + 1}) // at another time there is room
	s.license, _ = s.License(t.Context(), s.org, s.license.ID)
	s.edit(t, func(l *licensing.License) { l.Name, l.Holds = "renamed", nil })
	holds, err := s.Holds(t.Context(), s.org, s.license.ID)
	must(t, err)
	equal(t, "an edit leaves them", len(holds), 2)
	for n := range 62 {
		s.hold(t, leasing.NewHold{Part: user(fmt.Sprint(n)), From: until + lease.Time(2*n+2), Until: until + lease.Time(2*n+3)})
	}
	if _, err := s.CreateHold(t.Context(), s.org, s.license.ID, leasing.NewHold{Entitlement: "modeling", Part: user("one too many"),
		From: 9 * until, Until: 10 * until}); err == nil {
		t.Error("holds without end")
	}
}

// Deleting a license deletes its queue.
func TestDeleteLicenseDeletesQueue(t *testing.T) {
	s := newServer(t, withQueue)
	for n := range byte(3) {
		s.program(n + 1).requestSeat(t)
	}
	must(t, s.DeleteLicense(t.Context(), s.org, s.license.ID, 0))
	if _, err := s.store.Entry(t.Context(), "seat_line", string(s.license.ID)); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("%v", err)
	}
	s.program(1).refused(t, license.CodeUnknownLicense)
}

// A slot that was held for a user can be released after the user part has changed.
//
// proves part of N06
func TestReleaseByAnotherInstallation(t *testing.T) {
	for _, back := range []func(*lease.Request){releases("modeling"), goodbye} {
		s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Entitlements[0].Slots = 1 })
		s.hold(t, leasing.NewHold{Part: user("ada"), Until: ms(startTime) + aDay})
		p := s.program(1)
		equal(t, "ada", p.requestSeat(t, s.asUser("ada")), true)
		p.sync(t, s.asUser("bob"), back)
		equal(t, "another", s.program(2).requestSeat(t), false)
		equal(t, "ada, elsewhere", s.program(3).requestSeat(t, s.asUser("ada")), true)
	}
}

// An installation whose slot the vendor has freed queues like any other, whatever its last lease says.
//
// proves part of B03 N06
func TestFreedSlotGoesToNextInQueue(t *testing.T) {
	s := newServer(t, withQueue)
	a, b, c, ada := s.program(1), s.program(2), s.program(3), s.program(4)
	a.requestSeat(t)
	b.requestSeat(t)
	equal(t, "c", c.requestSeat(t), false)
	must(t, s.FreeReservation(t.Context(), s.org, a.key(), "modeling"))
	equal(t, "a, which had it", a.requestSeat(t), false)
	equal(t, "c, which has waited", c.requestSeat(t), true)
	a.sync(t, goodbye)

	s.hold(t, leasing.NewHold{Part: user("ada"), Until: ms(startTime) + aDay})
	equal(t, "b has it still", b.requestSeat(t), true)
	must(t, s.FreeReservation(t.Context(), s.org, b.key(), "modeling"))
	equal(t, "b, which had it", b.requestSeat(t), false)
	equal(t, "ada", ada.requestSeat(t, s.asUser("ada")), true)
	must(t, s.FreeReservation(t.Context(), s.org, ada.key(), "modeling"))
	equal(t, "b, though hers was taken back", b.requestSeat(t), false)
	equal(t, "ada", ada.requestSeat(t, s.asUser("ada")), true)
	must(t, s.Deactivate(t.Context(), s.org, ada.key()))
	equal(t, "b, though she was closed", b.requestSeat(t), false)
}

// After a restore, a slot that the vendor has freed counts as new, and is not granted during the freeze.
func TestFreedSlotStaysFreeDuringFreeze(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.requestSeat(t)
	_, err := s.RaiseEpoch(t.Context())
	must(t, err)
	equal(t, "what it has", p.requestSeat(t), true)
	must(t, s.FreeReservation(t.Context(), s.org, p.key(), "modeling"))
	l := p.sync(t, wants("modeling@ui"))
	equal(t, "what it had", holdsSeat(l), false)
	equal(t, "because", l.Denied[0].Code, license.CodeFrozen)
}

// A deactivated installation leaves the queue.
//
// proves part of B03
func TestDeactivatedInstallationLeavesQueue(t *testing.T) {
	s := newServer(t, withQueue)
	a, b, c, d := s.program(1), s.program(2), s.program(3), s.program(4)
	a.requestSeat(t)
	b.requestSeat(t)
	equal(t, "c", c.requestSeat(t), false)
	equal(t, "d", d.requestSeat(t), false)
	must(t, s.Deactivate(t.Context(), s.org, c.key()))
	equal(t, "waiting", len(s.waiting(t)), 1)
	a.sync(t, releases("modeling"))
	equal(t, "d", d.requestSeat(t), true)
}

// The claims on the maximum number of held slots fit into the entry of the queue.
func TestHoldOfManySlots(t *testing.T) {
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Entitlements[0].Slots = 100_000 })
	until := ms(startTime) + aDay
	s.hold(t, leasing.NewHold{Part: user("ada"), Slots: 3999, Until: until})
	var wrong *licensing.Invalid
	if _, err := s.CreateHold(t.Context(), s.org, s.license.ID, leasing.NewHold{Entitlement: "modeling", Part: user("bob"), Slots: 2,
		Until: until}); !errors.As(err, &wrong) || wrong.Field != "slots" {
		t.Errorf("%v", err)
	}
	s.hold(t, leasing.NewHold{Part: user("bob"), Until: until})
}

// Consecutive holds do not add up.
func TestConsecutiveHolds(t *testing.T) {
	s := newServer(t)
	from := ms(startTime) + aDay
	s.hold(t, leasing.NewHold{Part: user("ada"), From: from, Until: from + 10})
	s.hold(t, leasing.NewHold{Part: user("bob"), From: from + 10, Until: from + 20})
	s.hold(t, leasing.NewHold{Part: user("cid"), From: from, Until: from + 20})
	for _, at := range []lease.Time{from, from + 10} {
		if _, err := s.CreateHold(t.Context(), s.org, s.license.ID, leasing.NewHold{Entitlement: "modeling", Part: user("dan"), From: at,
			Until: at + 1}); err == nil {
			t.Error("a third of two")
		}
	}
}
