package leasing

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Each request contains the fingerprint of its machine. It is compared with the last accepted one, so that parts may be replaced one after
// another, but not many at once.

// checkMachine returns the refusal of a machine that is not the license's or has changed too much; nil if it is accepted.
func (x *syncRequest) checkMachine(at chainStep, held licensing.Activation) *refusal {
	var foreign []string
	for _, p := range x.license.License.Fingerprint {
		if !slices.Contains(x.request.Fingerprint, p) {
			foreign = append(foreign, p.Name)
		}
	}
	//mutant:tests never: a license for one machine is for no other
	if len(foreign) > 0 {
		return fingerprintRefusal(foreign, "the license is bound to another machine; these parts differ: %s", strings.Join(foreign, ", "))
	}
	differs := x.untoleratedChanges(held)
	if at.activates || len(differs) == 0 {
		return nil
	}
	return fingerprintRefusal(differs, "changed: %s; of the parts accepted at %s, %d may change at once", strings.Join(differs, ", "),
		licensing.FormatTime(held.LastSync), x.policy.FingerprintTolerance)
}

// untoleratedChanges returns the changed parts of the machine if they are more than the policy tolerates and the policy refuses such
// machines.
func (x *syncRequest) untoleratedChanges(held licensing.Activation) []string {
	if x.policy.FingerprintAction != licensing.FingerprintRefuse || held.Reactivations.ClearedAt >= held.LastSync &&
		held.Reactivations.ClearedAt > 0 {
		return nil
	}
	differs := changedParts(held.LastReport.Fingerprint, x.request.Fingerprint)
	//mutant:tests always: a machine may change in few parts at once
	if int64(len(differs)) <= x.policy.FingerprintTolerance {
		return nil
	}
	return differs
}

// fingerprintRefusal returns the refusal of a machine whose parts have changed.
func fingerprintRefusal(parts []string, format string, args ...any) *refusal {
	why := newRefusal(license.CodeFingerprintChanged, format, args...)
	why.changedParts = parts
	return why
}

// recordEvidence records the refusal of a machine in the history of a known activation, once for each request.
func (s *Service) recordEvidence(ctx context.Context, x *syncRequest, held licensing.Activation, known bool, why *refusal) error {
	if !known || slices.ContainsFunc(held.Reactivations.Evidence, func(e licensing.Evidence) bool { return e.Request == x.hash }) {
		return nil
	}
	past := held.Reactivations
	shown := lease.Position{Generation: x.request.Generation, Number: x.request.Number - 1}
	addEvidence(&past, licensing.Evidence{Time: x.now, Request: x.hash, Shown: shown, Address: x.address,
		ChangedParts: why.changedParts, Refused: true, Code: why.code})
	past.Revision++
	err := s.store.SaveReactivationHistory(ctx, x.key, held.Head, past, false)
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.ErrStale
	}
	return err
}

// addEvidence adds evidence to the history. It replaces evidence of the same request, and drops what is too old or exceeds the maximum
// number.
func addEvidence(p *licensing.ReactivationHistory, e licensing.Evidence) {
	p.Evidence = slices.DeleteFunc(slices.Clone(p.Evidence), func(old licensing.Evidence) bool {
		return old.Time+evidenceAge < e.Time || old.Request == e.Request
	})
	p.Evidence = append(p.Evidence, e)
	p.Evidence = p.Evidence[max(0, len(p.Evidence)-maxEvidence):]
}

// trackChanges records in an accepted report which parts have changed since the previous one.
func trackChanges(now *licensing.LastReport, was licensing.LastReport, at lease.Time) {
	now.Changed, now.ChangedAt = was.Changed, was.ChangedAt
	if differs := changedParts(was.Fingerprint, now.Fingerprint); len(differs) > 0 {
		now.Changed, now.ChangedAt = differs, at
	}
}
