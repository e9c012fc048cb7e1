package leasing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// chainStep is the step that a request takes on its activation's chain. At most one of activates, reactivation and lostLease is set.
type chainStep struct {
	from, to     lease.Position
	activates    bool                           // a first activation, or the return of a closed one, which is limited in the same way
	reactivation *licensing.ReactivationHistory // a re-activation: the installation lost its state or restored an old one
	lostLease    *lease.Lease                   // the records were rolled back, and this genuine lease shows their former position
}

// classifyRequest returns the step that a request takes on its chain, or its refusal (DESIGN, "The chain, exactly", rules 2, 3 and 6):
//
//	next after the head                  the next lease
//	first of all, no record              an activation
//	first of the next generation of a    an activation, limited like that of a newcomer
//	  closed activation
//	shows a lease of another device      wrong_device
//	next after a genuine lease that is   the server was rolled back: its records catch up with the lease
//	  ahead, before its not-after
//	shows a genuine lease, no record     server_rolled_back during a freeze, then an activation
//	shows another lease, no record       as without a lease
//	anything else, closed                deactivated
//	first of its generation, with the    a re-activation, or cloned
//	  challenge of the head
//	anything else                        stale_state, with a challenge
func (s *Service) classifyRequest(ctx context.Context, x *syncRequest, held licensing.Activation, known bool) (chainStep, *refusal, error) {
	r, head := x.request, held.Head
	at := chainStep{from: head, to: lease.Position{Generation: r.Generation, Number: r.Number, Link: lease.NextLink(r.Previous, x.hash)}}
	begins := r.Number == 1 && r.Generation == head.Generation+1
	closed := known && held.Closed != 0
	switch {
	//mutant:stories never: clones that were suspended are both refused
	case held.Reactivations.ClonedSince != 0:
		return at, newRefusal(license.CodeCloned, "since %s", licensing.FormatTime(held.Reactivations.ClonedSince)), nil
	//mutant:stories drop 4: the next number is one more
	//mutant:stories drop 5: the next number follows the head's link
	case known && !closed && r.Generation == head.Generation && r.Number == head.Number+1 && r.Previous == head.Link:
		if r.Counted < held.Counted {
			return at, newRefusal(license.CodeNumberTooHigh, "counted %d, confirmed were %d", r.Counted, held.Counted), nil
		}
		return at, nil, nil
	case begins && (!known && r.Lease == "" || closed && r.Challenge == ""):
		at.activates = true
		return at, x.frozenRefusal(), nil
	}
	shown, err := parseLease([]byte(r.Lease))
	if err == nil && shown.Activation != x.key.Activation {
		return at, newRefusal(license.CodeWrongDevice, "the lease shown is of activation %.64s, the request is signed by %s", shown.Activation,
			x.key.Activation), nil
	}
	ahead, err := s.provesRollback(ctx, x, head, shown)
	if err != nil {
		return at, nil, err
	}
	follows := ahead != nil && r.Generation == ahead.Generation && r.Number == ahead.Number+1 && r.Previous == ahead.Link
	switch {
	//mutant:years never: who is closed stays closed
	case closed:
		return at, newRefusal(license.CodeDeactivated, "at %s", licensing.FormatTime(held.Closed)), nil
	//mutant:stories never: records that were rolled back catch up
	case known && follows && x.now <= ahead.NotAfter:
		at.lostLease = ahead
		return at, nil, nil
	//mutant:tests never: an unknown installation with a lease is waited for
	case !known && ahead != nil:
		if x.frozenRefusal() != nil {
			return at, newRefusal(license.CodeServerRolledBack,
				"the lease shown is %d.%d, the server has none of this installation; that can be mended from %s on",
				ahead.Generation, ahead.Number, licensing.FormatTime(frozenUntil(x.epoch, x.policy))), nil
		}
		if follows {
			at.activates, at.lostLease = true, ahead
			return at, nil, nil
		}
	case !known && begins: // shows a lease that proves nothing
		at.activates = true
		return at, x.frozenRefusal(), nil
	case r.Challenge != "" && known && begins && hmac.Equal([]byte(r.Challenge), []byte(s.challenge(x.key, head))):
		past, refused, err := s.decideReactivation(ctx, x, held, shown)
		at.reactivation = past
		return at, refused, err
	}
	if r.Challenge != "" {
		return at, newRefusal(license.CodeChallengeInvalid, "generation %d, the server's last lease is %d.%d", r.Generation, head.Generation,
			head.Number), nil
	}
	why := newRefusal(license.CodeStaleState, "the request asks for %d.%d, the server's last lease is %d.%d", r.Generation, r.Number,
		head.Generation, head.Number)
	why.generation, why.challenge = head.Generation, s.challenge(x.key, head)
	return at, why, nil
}

// longWindow returns the window of re-activations and transfers in milliseconds: thirty days, or twelve times the lifetime of a lease if
// that is longer.
func longWindow(p licensing.Policy) int64 {
	const month = 30 * 24 * 3600 * 1000
	return max(month, 12*(p.Interval+p.Grace))
}

// frozenRefusal returns the refusal of everything new during a freeze, when leases may be outstanding that the records do not contain; nil
// if there is no freeze.
func (x *syncRequest) frozenRefusal() *refusal {
	end := frozenUntil(x.epoch, x.policy)
	//mutant:stories always: nothing new is granted after a restore
	if x.now >= end {
		return nil
	}
	why := newRefusal(license.CodeFrozen, "the server was restored at %s", licensing.FormatTime(x.epoch.Since))
	why.retryAt = end
	return why
}

// provesRollback returns the lease that the request shows if it is genuine and proves that the server's records were rolled back: it is
// later than the head, or another one in its place. Other leases are not verified. A lease of the current epoch or a higher one shows a
// rollback that nobody has announced: a new epoch begins.
func (s *Service) provesRollback(ctx context.Context, x *syncRequest, head lease.Position, shown *lease.Lease) (*lease.Lease, error) {
	if shown == nil || shown.License != x.key.License || shown.Product != x.request.Product {
		return nil, nil
	}
	if p := shown.Position(); !head.Before(p) && (p.Before(head) || p.Link == head.Link) {
		return nil, nil
	}
	keys, err := s.issuer.Keyring(x.license.Product.Keyring)
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", x.license.Product.ID, err)
	}
	answer, err := lease.Open([]byte(x.request.Lease), keys, s.env.Clock())
	if err != nil || answer.Lease == nil {
		return nil, nil // not genuine
	}
	if said, err := s.keys.Statement(x.license.Product); err != nil {
		return nil, err
	} else if status, ok := said.Key(answer.Key); ok && status.Status == lease.Compromised {
		return nil, nil
	}
	//mutant:stories never: a rollback that is found out begins an epoch
	if answer.Lease.Epoch >= x.epoch.Value {
		raised, err := s.store.RaiseEpoch(ctx, answer.Lease.Epoch, x.now)
		if err != nil {
			return nil, fmt.Errorf("raising the epoch: %w", err)
		}
		x.epoch = s.storeEpoch(raised, x.now)
	}
	return answer.Lease, nil
}

// challenge returns the challenge that lets the holder of the device key re-activate after this head. It is stateless, and void as soon as
// the head moves.
func (s *Service) challenge(key licensing.ActivationKey, head lease.Position) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "onelicense/challenge/1\n%s\n%s\n%d\n%d\n", key.License, key.Activation, head.Generation, head.Number)
	return hex.EncodeToString(mac.Sum(nil))
}
