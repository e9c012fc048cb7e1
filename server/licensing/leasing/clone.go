package leasing

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Evidence is kept for a limited time, and only the latest few of each activation.
const (
	evidenceAge = 90 * 24 * 3600 * 1000
	maxEvidence = 8
)

// decideReactivation decides on a re-activation. An old state alone is no clone: a home directory restored from a backup looks the same.
// But an installation that shows the last lease of the chain which the latest re-activation closed, or the request for it, held that chain
// until then, while another continued: the two alternate. When that has happened as often as the policy's limit within the long window,
// there are two holders.
func (s *Service) decideReactivation(
	ctx context.Context, x *syncRequest, held licensing.Activation, shown *lease.Lease,
) (*licensing.ReactivationHistory, *refusal, error) {
	past := held.Reactivations
	window := lease.Time(longWindow(x.policy))
	//mutant:stories always: turns are remembered for a long window
	if x.now >= past.LastAlternation+window {
		past.Alternations = 0
	}
	e := licensing.Evidence{Time: x.now, Request: x.hash, Address: x.address}
	e.ChangedParts = changedParts(held.LastReport.Fingerprint, x.request.Fingerprint)
	if shown != nil {
		e.Shown = shown.Position()
		//mutant:stories or: an old state is not a turn
		e.Alternation = past.ClosedHead.Number > 0 && (e.Shown == past.ClosedHead ||
			isRequestOfClosedHead(past.ClosedHead, e.Shown, x.request.Refused))
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
	// The newcomer, which returned with a closed chain, is refused; the holder of the current chain continues, unless the policy suspends
	// both. The count stays one below the limit, so that the next one is treated alike.
	past.Alternations = x.policy.CloneLimit - 1
	if x.policy.CloneAction == licensing.CloneSuspend {
		past.ClonedSince = x.now
	}
	if err := s.store.SaveReactivationHistory(ctx, x.key, held.Head, past, false); errors.Is(err, licensing.ErrNotFound) {
		return nil, nil, licensing.ErrStale
	} else if err != nil {
		return nil, nil, err
	}
	return nil, newRefusal(license.CodeCloned,
		"two hold this activation and take turns: the lease %d.%d that is shown was the last of a chain which another has closed since",
		shown.Generation, shown.Number), nil
}

// isRequestOfClosedHead reports whether the refused request is the one that the last lease of the closed chain answers: its sender held
// that chain, and has not received or not stored the answer.
func isRequestOfClosedHead(left, shown lease.Position, refused lease.Hash) bool {
	return refused != "" && shown.Generation == left.Generation && shown.Number+1 == left.Number &&
		lease.NextLink(shown.Link, refused) == left.Link
}

// changedParts returns the names of the fingerprint parts that differ, including added and missing ones.
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

// ClearCloneEvidence resets an activation's budget of re-activations and its count of alternations, lets suspended holders continue, and
// accepts any fingerprint with the next sync.
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
