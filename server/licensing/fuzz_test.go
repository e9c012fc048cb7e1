package licensing_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// FuzzSync sends requests that a program with a valid key could sign: an honest one first, then a mutated one. Each is answered by the
// rules without a failure of the server, and the limits of the license hold.
func FuzzSync(f *testing.F) {
	f.Add(int64(1), int64(2), int64(0), int64(3), int64(0), "modeling", "ui", "rendering", "", true, false)
	f.Add(int64(1), int64(1), int64(1)<<60, int64(11), int64(-1), "modeling", "batch", "nothing", "a challenge", false, true)
	f.Add(int64(2), int64(1), int64(-5), int64(10), int64(1)<<53, "", "ui", "modeling", strings.Repeat("x", 129), true, true)
	f.Fuzz(func(t *testing.T, generation, number, epoch, counted, borrow int64, want, context, drop, challenge string, shows, goodbye bool) {
		s := newServer(t)
		device := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		r := lease.Request{
			Product: s.product.ID, Version: s.version.ID, License: s.license.ID, Nonce: strings.Repeat("0",
				32), Generation: 1, Number: 1, Previous: lease.OriginLink,
			Time: ms(startTime), Want: []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}}},
		}
		first, err := s.Sync(t.Context(), r.Sign(device), "198.51.100.7")
		must(t, err)
		if first.Refused != "" {
			t.Fatal(first.Refused)
		}
		r.Previous = lease.NextLink(r.Previous, lease.RequestHash(r.Sign(device)))
		r.Generation, r.Number, r.Epoch, r.Counted, r.Challenge, r.Goodbye = generation, number, epoch, counted, challenge, goodbye
		r.Nonce = strings.Repeat("1", 32)
		r.Want = []lease.ReservationRequest{{Slot: lease.Slot{Entitlement: want, Context: context}, Borrow: borrow}}
		r.Drop = []lease.Slot{{Entitlement: drop, Context: context}}
		if shows {
			lines := strings.SplitAfterN(string(first.Body), "\n", 3)
			r.Lease = strings.Join(lines[:2], "")
		}
		if number == 1 {
			r.Previous = lease.OriginLink
		}
		for range 2 { // and again
			answer, err := s.Sync(t.Context(), r.Sign(device), "198.51.100.7")
			var refused *license.Error
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("a fault of the server: %v", err)
			}
			if err == nil && len(answer.Body) == 0 {
				t.Fatal("an empty answer")
			}
		}
		used := s.used(t)
		if used < 0 || used > s.license.Allowance {
			t.Fatalf("%d calls of %d", used, s.license.Allowance)
		}
		held, err := s.store.Reservations(t.Context(), s.org, s.license.ID, licensing.Page{})
		must(t, err)
		seats := 0
		for _, h := range held.Items {
			if h.Entitlement == "modeling" {
				seats++
			}
		}
		if seats > 2 {
			t.Fatalf("%d seats of 2", seats)
		}
	})
}
