package licensing_test

import (
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// requestSlot is a request for a slot.
func requestSlot(entitlement, context string, slots int64, until lease.Time) licensing.ReservationRequest {
	return licensing.ReservationRequest{Slot: lease.Slot{Entitlement: entitlement, Context: context}, Slots: slots, Until: until}
}

func TestSeatsThatAreKept(t *testing.T) {
	t.Parallel()
	a := licensing.Advance{Now: 100, Until: 200, Release: []string{"desk"},
		Reserve: []licensing.ReservationRequest{requestSlot("seat", "ui", 5, 900), requestSlot("seat", "batch", 5, 800),
			requestSlot("desk", "ui", 5, 900)}}
	bye := a
	bye.Goodbye = true
	for name, c := range map[string]struct {
		advance  licensing.Advance
		seat     licensing.Reservation
		isKept   bool
		deadline lease.Time
	}{
		"renewed":                {a, licensing.Reservation{Entitlement: "room", Until: 101}, true, 200},
		"borrowed for longer":    {a, licensing.Reservation{Entitlement: "room", Until: 300}, true, 300},
		"requested for longer":   {a, licensing.Reservation{Entitlement: "seat", Until: 101}, true, 900},
		"longer than requested":  {a, licensing.Reservation{Entitlement: "seat", Until: 1000}, true, 1000},
		"lapsed":                 {a, licensing.Reservation{Entitlement: "room", Until: 100}, false, 0},
		"released":               {a, licensing.Reservation{Entitlement: "desk", Until: 300}, false, 0},
		"given up by a goodbye":  {bye, licensing.Reservation{Entitlement: "room", Until: 300}, false, 0},
		"requested in a goodbye": {bye, licensing.Reservation{Entitlement: "seat", Until: 300}, false, 0},
	} {
		if got := c.advance.KeepsSeat(c.seat); got != c.isKept {
			t.Errorf("%s: kept %t", name, got)
		}
		if got := c.advance.SeatDeadline(c.seat); c.isKept && got != c.deadline {
			t.Errorf("%s: until %d, want %d", name, got, c.deadline)
		}
	}
}

func TestSeatRequests(t *testing.T) {
	t.Parallel()
	type requests = []licensing.ReservationRequest
	for name, c := range map[string]struct {
		reserve, want requests
	}{
		"none": {nil, nil},
		"one":  {requests{requestSlot("seat", "ui", 3, 10)}, requests{requestSlot("seat", "ui", 3, 10)}},
		"two entitlements": {requests{requestSlot("seat", "ui", 3, 10), requestSlot("desk", "ui", 1, 9)},
			requests{requestSlot("seat", "ui", 3, 10), requestSlot("desk", "ui", 1, 9)}},
		"two contexts": {requests{requestSlot("seat", "ui", 3, 10), requestSlot("seat", "batch", 4, 20)},
			requests{requestSlot("seat", "ui", 4, 20)}},
		"the second has no limit": {requests{requestSlot("seat", "ui", 3, 20), requestSlot("seat", "batch", licensing.Unlimited, 10)},
			requests{requestSlot("seat", "ui", licensing.Unlimited, 20)}},
		"the first has no limit": {requests{requestSlot("seat", "ui", licensing.Unlimited, 20), requestSlot("seat", "batch", 3, 10)},
			requests{requestSlot("seat", "ui", licensing.Unlimited, 20)}},
	} {
		a := licensing.Advance{Reserve: c.reserve}
		if got := a.SeatRequests(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		a.Goodbye = true
		if got := a.SeatRequests(); got != nil {
			t.Errorf("%s: a goodbye requests %+v", name, got)
		}
	}
}

func TestFreeSlots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slots, taken int64
		want         bool
	}{
		{3, 0, true}, {3, 2, true}, {3, 3, false}, {3, 4, false}, {0, 0, false}, {licensing.Unlimited, 0, true}, {licensing.Unlimited, 1 << 40,
			true},
	} {
		if got := requestSlot("seat", "ui", c.slots, 0).HasFreeSlot(c.taken); got != c.want {
			t.Errorf("%d of %d slots are taken: free %t", c.taken, c.slots, got)
		}
	}
}

func TestSeatsOfOutcome(t *testing.T) {
	t.Parallel()
	a := licensing.Advance{Reserve: []licensing.ReservationRequest{requestSlot("seat", "ui", 1, 10), requestSlot("desk", "ui", 1, 10),
		requestSlot("desk", "batch", 1, 10)}}
	var out licensing.Outcome
	out.SetSeats(&a, []licensing.Reservation{{Entitlement: "room", Context: "x", Until: 5}, {Entitlement: "seat", Context: "ui", Until: 10}})
	want := licensing.Outcome{
		Reservations: []lease.Reservation{{Slot: lease.Slot{Entitlement: "room", Context: "x"}, Until: 5},
			{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Until: 10}},
		Denied: []lease.Denial{{Slot: lease.Slot{Entitlement: "desk", Context: "ui"}, Code: license.CodeNoSlots},
			{Slot: lease.Slot{Entitlement: "desk", Context: "batch"}, Code: license.CodeNoSlots}},
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got  %+v\nwant %+v", out, want)
	}
}
