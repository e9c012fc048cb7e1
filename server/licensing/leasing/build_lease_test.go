package leasing

import (
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The room that fill sets aside holds the largest of everything.
func TestLargestLeaseFits(t *testing.T) {
	hash, id := lease.Hash(strings.Repeat("f", 64)), license.ID(strings.Repeat("f", 24))
	name := strings.Repeat("n", license.MaxName)
	slot := lease.Slot{Entitlement: name, Context: name}
	l := lease.Lease{
		Product: id, License: id, Activation: hash, Generation: lease.MaxCount, Number: lease.MaxCount, Link: hash, Request: hash,
		Nonce: strings.Repeat("f", 32), Time: lease.MaxCount, Epoch: lease.MaxCount, Verdict: license.CodeExhausted,
		Settings: lease.Settings{Type: lease.TimeAndCalls, Trigger: lease.EveryCall, Interval: licensing.LargestInterval,
			MaxRetries: licensing.LargestMaxRetries, Grace: licensing.LargestGrace,
			ActivationDelay: licensing.LargestActivationDelay, ClockTolerance: licensing.LargestClockTolerance,
			JournalEvery: licensing.LargestJournalEvery,
			Prepaid:      licensing.LargestPrepaid, Statistics: true},
		Counters: lease.Counters{Used: lease.MaxCount, Allowance: lease.MaxCount, Counted: lease.MaxCount, Granted: lease.MaxCount},
		List:     &lease.StatementRef{Number: lease.MaxCount, Hash: hash}, Expires: lease.MaxCount, NotAfter: lease.MaxCount,
	}
	const lists = len(`,"reservations":[],"denied":[]`)
	if n := len(l.Document()) + lists; n > baseSize {
		t.Errorf("a bare lease can have %d bytes", n)
	}
	bare := len(l.Document())
	l.Reservations = []lease.Reservation{{Slot: slot, Until: lease.MaxCount}}
	if n := len(l.Document()) - bare - len(`,"reservations":[]`) + 1; n > reservationSize+2*license.MaxName {
		t.Errorf("a reservation can have %d bytes", n)
	}
	l.Reservations = nil
	for _, code := range []license.Code{license.CodeNoSlots, license.CodeUnknownEntitlement, license.CodeContextNotAllowed,
		license.CodeLeaseFull, license.CodeFrozen,
		license.CodeBorrowNotAllowed} {
		l.Denied = []lease.Denial{{Slot: slot, Code: code}}
		if n := len(l.Document()) - bare - len(`,"denied":[]`) + 1; n > denialSize+2*license.MaxName {
			t.Errorf("a denial with %s can have %d bytes", code, n)
		}
	}
}

// What a lease says is held is found without reading the rest of it.
func TestReservationsInLease(t *testing.T) {
	slot := func(name string) lease.Slot { return lease.Slot{Entitlement: name, Context: "ui"} }
	for name, l := range map[string]lease.Lease{
		"nothing": {},
		"denied":  {Denied: []lease.Denial{{Slot: slot("reservations"), Code: license.CodeNoSlots}}},
		"one":     {Reservations: []lease.Reservation{{Slot: slot("a"), Until: 7}}},
		"everything": {Reservations: []lease.Reservation{{Slot: slot("a"), Until: 7}, {Slot: slot("b"), Until: 8}},
			Denied: []lease.Denial{{Slot: slot("c")}}, List: &lease.StatementRef{}},
	} {
		if held := reservationsIn(l.Document()); !slices.Equal(held, l.Reservations) {
			t.Errorf("%s: %+v", name, held)
		}
	}
}
