package licensing

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A lease has a largest size, and what a program is granted must be in it. So before anything is changed, the room that each want
// could need is set aside.
const (
	baseSize        = 1200 // of a lease without reservations and denials; a test holds the largest one to it
	reservationSize = len(`{"entitlement":"","context":"","until":9007199254740991},`)
	denialSize      = len(`{"entitlement":"","context":"","code":"context_not_allowed"},`)

	// denialRoom is kept free of reservations, so that who holds many is still told why there is not one more: four denials with
	// the longest names.
	denialRoom = 4 * (denialSize + 2*license.MaxName)
)

// fill completes the advance with usage, wants and drops, the deadlines and the lease to be written.
func (s *Service) fill(x *exchange, a *Advance, held Activation) *no {
	r, l := x.request, &x.terms.License
	a.Counted, a.Goodbye, a.Allowance = r.Counted, r.Goodbye, Unlimited
	if x.policy.Type.Counted() {
		a.Allowance = l.Allowance
	}
	a.Until = x.now + lifetime(x.policy)

	dropped := make(map[string]bool, len(r.Drop))
	for _, slot := range r.Drop {
		dropped[slot.Entitlement] = true
		a.Drop = append(a.Drop, slot.Entitlement)
	}
	room := lease.MaxLease - baseSize
	for _, slot := range reserved(held.Lease) {
		if dropped[slot.Entitlement] {
			continue
		}
		if _, ok := x.slots(slot.Entitlement); !ok { // the vendor took it out of the license
			a.Drop = append(a.Drop, slot.Entitlement)
			continue
		}
		room -= reservationSize + len(slot.Entitlement) + len(slot.Context)
	}
	var denied []lease.Denial
	for _, slot := range r.Want {
		names := len(slot.Entitlement) + len(slot.Context)
		code := license.Code("")
		slots, ok := x.slots(slot.Entitlement)
		switch {
		case !ok:
			code = license.CodeUnknownEntitlement
		case !x.allows(slot.Context):
			code = license.CodeContextNotAllowed
		case room < denialRoom+max(reservationSize, denialSize)+names:
			code = license.CodeLeaseFull
		default:
			room -= max(reservationSize, denialSize) + names
			a.Want = append(a.Want, Want{slot, slots})
			continue
		}
		if room -= denialSize + names; room < 0 {
			return refusal(license.CodeRequestMalformed, "%d wants are more than one answer can speak of", len(r.Want))
		}
		denied = append(denied, lease.Denial{Slot: slot, Code: code})
	}
	restored, epoch := a.Restore != nil, s.epoch.Load()
	to := a.To
	a.Compose = func(o Outcome) (lease.Document, error) { return x.compose(o, to, epoch, restored, denied) }
	return nil
}

// compose writes the lease.
func (x *exchange) compose(o Outcome, to lease.Position, epoch int64, restored bool, denied []lease.Denial) (lease.Document, error) {
	l := lease.Lease{
		Product:      x.request.Product,
		License:      x.key.License,
		Activation:   x.key.Activation,
		Generation:   to.Generation,
		Number:       to.Number,
		Link:         to.Link,
		Request:      x.hash,
		Nonce:        x.request.Nonce,
		Time:         x.now,
		Epoch:        epoch,
		Verdict:      license.CodeOK,
		Settings:     x.policy.Settings,
		Counters:     lease.Counters{Used: o.Used, Counted: o.Counted},
		Reservations: o.Reservations,
		Denied:       append(denied[:len(denied):len(denied)], o.Denied...),
		NotAfter:     x.now + lifetime(x.policy),
	}
	if x.policy.Type.Counted() {
		l.Counters.Allowance = x.terms.License.Allowance
		// A re-activation does not take the client's number at all, so it says nothing about the allowance.
		if o.Counted < x.request.Counted && !restored {
			l.Verdict = license.CodeExhausted
		}
	}
	if x.policy.Type.Expiring() {
		l.Expires = x.terms.License.Expires
	}
	document := l.Document()
	if len(document) > lease.MaxLease {
		return nil, fmt.Errorf("activation %s: the lease would have %d bytes", x.key.Activation, len(document))
	}
	return document, nil
}

// lifetime is how long a lease allows the program to go on: until the next sync, the retries after it, which share one more interval,
// and the grace.
func lifetime(p Policy) lease.Time {
	d := p.Interval + p.Grace
	if p.MaxRetries > 0 {
		d += p.Interval
	}
	return lease.Time(d)
}

// slots is how many slots the license has of an entitlement; false when it does not grant it.
func (x *exchange) slots(entitlement string) (int64, bool) {
	for _, e := range x.terms.License.Entitlements {
		if e.Name == entitlement {
			if e.Slots == 0 {
				return Unlimited, true
			}
			return int64(e.Slots), true
		}
	}
	return 0, false
}

func (x *exchange) allows(context string) bool {
	for _, c := range x.terms.License.Contexts {
		if c == context {
			return true
		}
	}
	return false
}

// reserved is what the stored lease says is held. The vendor may have taken some of it back since: then a little room is wasted.
func reserved(document lease.Document) []lease.Reservation {
	if !bytes.Contains(document, []byte(`,"reservations":[`)) {
		return nil
	}
	stored, err := read(document)
	if err != nil {
		return nil
	}
	return stored.Reservations
}

// read reads a lease that needs no proof: our own from the store, or one that is about to be verified. Of a signed text it reads the
// first line.
func read(text []byte) (*lease.Lease, error) {
	document, _, _ := bytes.Cut(text, []byte("\n"))
	var l lease.Lease
	if err := json.Unmarshal(document, &l); err != nil {
		return nil, err
	}
	return &l, nil
}
