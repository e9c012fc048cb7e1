package leasing

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Evidence is kept no longer than this, and of each activation no more than the latest few.
const (
	evidenceAge = 90 * 24 * 3600 * 1000
	maxEvidence = 8
)

// decideReactivation decides on a re-activation. That a state is old does not make it a clone: a home directory restored from a backup looks the same.
// But who shows the last lease of the chain that the latest re-activation closed, or the request for it, held that chain until then, while
// another went on with it: they take turns. When that has happened as often as the policy puts up with, within the long window, there are two.
func (s *Service) decideReactivation(ctx context.Context, x *syncRequest, held licensing.Activation, shown *lease.Lease) (*licensing.ReactivationHistory, *refusal, error) {
	past := held.Reactivations
	window := lease.Time(longWindow(x.policy))
	//mutant:stories always: turns are remembered for a long window
	if x.now >= past.LastAlternation+window {
		past.Alternations = 0
	}
	e := licensing.Evidence{Time: x.now, Request: x.hash, Address: x.address, ChangedParts: changedParts(held.LastReport.Fingerprint, x.request.Fingerprint)}
	if shown != nil {
		e.Shown = shown.Position()
		//mutant:stories or: an old state is not a turn
		e.Alternation = past.ClosedHead.Number > 0 && (e.Shown == past.ClosedHead || isRequestOfClosedHead(past.ClosedHead, e.Shown, x.request.Refused))
	}
	if e.Alternation {
		//mutant:stories remove: turns are counted
		past.Alternations++
		past.LastAlternation = x.now
	}
	cloned := e.Alternation && past.Alternations >= x.policy.CloneLimit && x.policy.CloneAction != licensing.CloneReport
	if cloned {
		e.Refused, e.Code = true, license.CodeCloned
	}
	addEvidence(&past, e)
	past.Revision++
	if !cloned {
		//mutant:stories remove: the closed chain's last lease is remembered
		past.ClosedHead = held.Head
		return &past, nil, nil
	}
	// Refused is the newcomer, who is back with a chain that was closed; who holds the present one goes on, unless the policy says
	// otherwise. The turns counted stay at one before the limit, so that whoever comes next is no worse off.
	past.Alternations = x.policy.CloneLimit - 1
	if x.policy.CloneAction == licensing.CloneSuspend {
		past.ClonedSince = x.now
	}
	if err := s.store.SaveReactivationHistory(ctx, x.key, held.Head, past, false); errors.Is(err, licensing.ErrNotFound) {
		return nil, nil, licensing.ErrStale
	} else if err != nil {
		return nil, nil, err
	}
	return nil, newRefusal(license.CodeCloned, "two hold this activation and take turns: the lease %d.%d that is shown was the last of a chain which another has closed since",
		shown.Generation, shown.Number), nil
}

// isRequestOfClosedHead tells whether the request that was refused is the one which the last lease of the closed chain answers: who has made it held that
// chain, and has only not got, or not kept, the answer.
func isRequestOfClosedHead(left, shown lease.Position, refused lease.Hash) bool {
	return refused != "" && shown.Generation == left.Generation && shown.Number+1 == left.Number && lease.NextLink(shown.Link, refused) == left.Link
}

// changedParts names the parts of a fingerprint that are not as they were, come and gone ones too.
func changedParts(was, is []lease.FingerprintPart) []string {
	if len(was) == 0 {
		return nil
	}
	var names []string
	for _, p := range slices.Concat(was, is) {
		if (!slices.Contains(was, p) || !slices.Contains(is, p)) && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// ClearCloneEvidence lifts what an activation's past stands in the way of: its budget of re-activations is whole again, turns that were counted are
// forgotten, holders that were both refused may go on, and the machine that comes next may be any.
func (s *Service) ClearCloneEvidence(ctx context.Context, org license.ID, key licensing.ActivationKey) error {
	for range licensing.MaxAttempts {
		if _, err := s.store.License(ctx, org, key.License); err != nil {
			return err
		}
		held, err := s.store.Activation(ctx, key)
		if err != nil {
			return err
		}
		past := held.Reactivations
		past.Alternations, past.LastAlternation, past.ClonedSince, past.ClearedAt = 0, 0, 0, s.env.Now()
		past.Revision++
		if err := s.store.SaveReactivationHistory(ctx, key, held.Head, past, true); !errors.Is(err, licensing.ErrStale) {
			return err
		}
	}
	return licensing.ErrStale
}
