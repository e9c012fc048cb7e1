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

// A program tells the parts of its machine's fingerprint with each request. They are compared with those that were accepted last: so a
// machine whose parts are replaced one after another stays the machine that it is, and one of which many are others at once does not.

// checkMachine is the refusal of a machine that is not the license's or not the activation's.
func (x *syncRequest) checkMachine(at chainStep, held licensing.Activation) *refusal {
	var foreign []string
	for _, p := range x.license.License.Fingerprint {
		if !slices.Contains(x.request.Fingerprint, p) {
			foreign = append(foreign, p.Name)
		}
	}
	//mutant:tests never: a license for one machine is for no other
	if len(foreign) > 0 {
		return fingerprintRefusal(foreign, "the license names the machine; other than there: %s", strings.Join(foreign, ", "))
	}
	differs := x.untoleratedChanges(held)
	if at.activates || len(differs) == 0 {
		return nil
	}
	return fingerprintRefusal(differs, "changed: %s; of the parts accepted at %s, %d may change at once", strings.Join(differs, ", "), licensing.FormatTime(held.LastSync), x.policy.FingerprintTolerance)
}

// untoleratedChanges is which parts make the machine another than the one that was accepted last, where that matters to the policy.
func (x *syncRequest) untoleratedChanges(held licensing.Activation) []string {
	if x.policy.FingerprintAction != licensing.FingerprintRefuse || held.Reactivations.ClearedAt >= held.LastSync && held.Reactivations.ClearedAt > 0 {
		return nil
	}
	differs := changedParts(held.LastReport.Fingerprint, x.request.Fingerprint)
	//mutant:tests always: a machine may change in few parts at once
	if int64(len(differs)) <= x.policy.FingerprintTolerance {
		return nil
	}
	return differs
}

func fingerprintRefusal(parts []string, format string, args ...any) *refusal {
	why := newRefusal(license.CodeFingerprintChanged, format, args...)
	why.changedParts = parts
	return why
}

// recordEvidence keeps a refused machine as evidence, once for each request, if the activation is one that we know.
func (s *Service) recordEvidence(ctx context.Context, x *syncRequest, held licensing.Activation, known bool, why *refusal) error {
	if !known || slices.ContainsFunc(held.Reactivations.Evidence, func(e licensing.Evidence) bool { return e.Request == x.hash }) {
		return nil
	}
	past := held.Reactivations
	addEvidence(&past, licensing.Evidence{Time: x.now, Request: x.hash, Shown: lease.Position{Generation: x.request.Generation, Number: x.request.Number - 1}, Address: x.address,
		ChangedParts: why.changedParts, Refused: true, Code: why.code})
	past.Revision++
	err := s.store.SaveReactivationHistory(ctx, x.key, held.Head, past, false)
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.ErrStale
	}
	return err
}

// addEvidence keeps evidence in place of what is older than it may be, of the same request, or one too many.
func addEvidence(p *licensing.ReactivationHistory, e licensing.Evidence) {
	p.Evidence = slices.DeleteFunc(slices.Clone(p.Evidence), func(old licensing.Evidence) bool {
		return old.Time+evidenceAge < e.Time || old.Request == e.Request
	})
	p.Evidence = append(p.Evidence, e)
	p.Evidence = p.Evidence[max(0, len(p.Evidence)-maxEvidence):]
}

// trackChanges compares a machine that was accepted with what was seen before.
func trackChanges(now *licensing.LastReport, was licensing.LastReport, at lease.Time) {
	now.Changed, now.ChangedAt = was.Changed, was.ChangedAt
	if differs := changedParts(was.Fingerprint, now.Fingerprint); len(differs) > 0 {
		now.Changed, now.ChangedAt = differs, at
	}
}
