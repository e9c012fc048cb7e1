package licensing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Where a request stands on its activation's chain (DESIGN, "The chain, exactly", rules 2 and 3):
//
//	on the head                          the next lease
//	first of all, no record              an activation
//	first of its generation, with a      a re-activation: the holder lost its state, or restored an old one
//	  challenge of the head
//	first of the next generation of a    an activation: whoever said goodbye, or was deactivated, comes back at the price of a newcomer
//	  closed activation
//	with a lease of another device       wrong_device
//	with a genuine lease that is ahead   server_rolled_back
//	anything else, closed                deactivated
//	anything else                        stale_state, with a challenge
func (s *Service) position(x *exchange, held Activation, known bool) (*Advance, *no, error) {
	r, head := x.request, held.Head
	to := lease.Position{Generation: r.Generation, Number: r.Number, Link: lease.Next(r.Previous, x.hash)}
	advance := &Advance{
		Key: x.key, Org: x.terms.License.Organisation, From: head, To: to,
		Request: x.hash, Device: r.Device, Revision: x.terms.License.Revision, Now: x.now,
	}
	begins := r.Number == 1 && r.Generation == head.Generation+1
	closed := known && held.Closed != 0
	switch {
	case known && !closed && r.Generation == head.Generation && r.Number == head.Number+1 && r.Previous == head.Link:
		if r.Counted < held.Counted {
			return nil, refusal(license.CodeNumberTooHigh, "counted %d, confirmed were %d", r.Counted, held.Counted), nil
		}
		return advance, nil, nil
	case begins && (!known || closed && r.Challenge == ""):
		advance.Activate = &Activate{Limit: x.policy.ActivationLimit, Window: x.policy.Interval, MaxMachines: x.policy.MaxMachines}
		return advance, nil, nil
	}
	shown, err := read([]byte(r.Lease))
	if err == nil && shown.Activation != x.key.Activation {
		return nil, refusal(license.CodeWrongDevice, "the lease shown is of activation %.64s, the request is signed by %s", shown.Activation, x.key.Activation), nil
	}
	if ahead, err := s.ahead(x, head, shown); err != nil {
		return nil, nil, err
	} else if ahead != nil {
		return nil, refusal(license.CodeServerRolledBack, "the lease shown is %d.%d, the server's last is %d.%d",
			ahead.Generation, ahead.Number, head.Generation, head.Number), nil
	}
	switch {
	case closed:
		return nil, refusal(license.CodeDeactivated, "at %s", stamp(held.Closed)), nil
	case r.Challenge != "" && begins && hmac.Equal([]byte(r.Challenge), []byte(s.challenge(x.key, head))):
		advance.Restore = &Restore{Budget: restoreBudget, Window: longWindow(x.policy)}
		return advance, nil, nil
	case r.Challenge != "":
		return nil, refusal(license.CodeChallengeInvalid, "generation %d, the server's last lease is %d.%d", r.Generation, head.Generation, head.Number), nil
	}
	why := refusal(license.CodeStaleState, "the request asks for %d.%d, the server's last lease is %d.%d", r.Generation, r.Number, head.Generation, head.Number)
	why.generation, why.challenge = head.Generation, s.challenge(x.key, head)
	return nil, why, nil
}

// restoreBudget is how many re-activations an installation has in its long window.
const restoreBudget = 3

// longWindow is at least thirty days, and twelve times what a lease lasts.
func longWindow(p Policy) int64 {
	const month = 30 * 24 * 3600 * 1000
	return max(month, 12*(p.Interval+p.Grace))
}

// ahead is the lease that the request carries, if it is genuinely ours and cannot have been given by the server as it is now: later than
// the head, or in its place. Nothing else is worth a verification. A genuine lease of a higher epoch raises ours above it, so that the
// program accepts what it is told.
func (s *Service) ahead(x *exchange, head lease.Position, shown *lease.Lease) (*lease.Lease, error) {
	if shown == nil || shown.License != x.key.License {
		return nil, nil
	}
	if p := shown.Position(); !head.Before(p) && (p.Before(head) || p.Link == head.Link) {
		return nil, nil
	}
	keys, err := s.issuer.Keyring(x.terms.Product.Keyring)
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", x.terms.Product.ID, err)
	}
	answer, err := lease.Open([]byte(x.request.Lease), keys, s.clock())
	if err != nil || answer.Lease == nil {
		return nil, nil // a forgery proves nothing
	}
	for epoch := s.epoch.Load(); epoch < answer.Lease.Epoch; epoch = s.epoch.Load() {
		s.epoch.CompareAndSwap(epoch, answer.Lease.Epoch+1)
	}
	return answer.Lease, nil
}

// challenge lets the holder of the device key activate anew after this head, and no other. It is stateless: as soon as the head moves,
// it is void.
func (s *Service) challenge(key ActivationKey, head lease.Position) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "onelicense/challenge/1\n%s\n%s\n%d\n%d\n", key.License, key.Activation, head.Generation, head.Number)
	return hex.EncodeToString(mac.Sum(nil))
}
