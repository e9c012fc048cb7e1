package licensing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A program tells the parts of its machine's fingerprint with each request. They are compared with those that were accepted last: so a
// machine whose parts are replaced one after another stays the machine that it is, and one of which many are others at once does not.

// FingerprintAction is what is done about a machine of which more parts have changed than the policy tolerates.
type FingerprintAction string

// The actions. What has changed is kept for the vendor in any case.
const (
	FingerprintReport FingerprintAction = "report" // nothing else
	FingerprintRefuse FingerprintAction = "refuse"
)

// checkMachine is the refusal of a machine that is not the license's or not the activation's.
func (x *syncRequest) checkMachine(at chainStep, held Activation) *refusal {
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
	return fingerprintRefusal(differs, "changed: %s; of the parts accepted at %s, %d may change at once", strings.Join(differs, ", "), FormatTime(held.LastSync), x.policy.FingerprintTolerance)
}

// untoleratedChanges is which parts make the machine another than the one that was accepted last, where that matters to the policy.
func (x *syncRequest) untoleratedChanges(held Activation) []string {
	if x.policy.FingerprintAction != FingerprintRefuse || held.Reactivations.ClearedAt >= held.LastSync && held.Reactivations.ClearedAt > 0 {
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
func (s *Service) recordEvidence(ctx context.Context, x *syncRequest, held Activation, known bool, why *refusal) error {
	if !known || slices.ContainsFunc(held.Reactivations.Evidence, func(e Evidence) bool { return e.Request == x.hash }) {
		return nil
	}
	past := held.Reactivations
	past.addEvidence(Evidence{Time: x.now, Request: x.hash, Shown: lease.Position{Generation: x.request.Generation, Number: x.request.Number - 1}, Address: x.address,
		ChangedParts: why.changedParts, Refused: true, Code: why.code})
	past.Revision++
	err := s.store.SaveReactivationHistory(ctx, x.key, held.Head, past, false)
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}

// addEvidence keeps evidence in place of what is older than it may be, of the same request, or one too many.
func (p *ReactivationHistory) addEvidence(e Evidence) {
	p.Evidence = slices.DeleteFunc(slices.Clone(p.Evidence), func(old Evidence) bool {
		return old.Time+evidenceAge < e.Time || old.Request == e.Request
	})
	p.Evidence = append(p.Evidence, e)
	p.Evidence = p.Evidence[max(0, len(p.Evidence)-maxEvidence):]
}

// trackChanges compares a machine that was accepted with what was seen before.
func (now *LastReport) trackChanges(was LastReport, at lease.Time) {
	now.Changed, now.ChangedAt = was.Changed, was.ChangedAt
	if differs := changedParts(was.Fingerprint, now.Fingerprint); len(differs) > 0 {
		now.Changed, now.ChangedAt = differs, at
	}
}

// PartValue is a part of a fingerprint as a program's host finds it and a customer can tell it.
type PartValue struct{ Name, Value string }

// MaxPartValue is the length of a part's value, in bytes.
const MaxPartValue = 1024

// BindMachine makes a license good only for a machine of which the parts have these values; with none, for any. The values are not kept,
// only what they make under the license's id.
func (s *Service) BindMachine(ctx context.Context, org, id license.ID, parts []PartValue) (License, error) {
	made, err := fingerprintParts(id, parts)
	if err != nil {
		return License{}, err
	}
	for range MaxAttempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return License{}, err
		}
		l.Fingerprint, l.Updated = made, s.now()
		if l, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, ErrStale) {
			return l, err
		}
	}
	return License{}, ErrStale
}

// fingerprintParts is what the parts make under a license.
func fingerprintParts(id license.ID, parts []PartValue) (made []lease.FingerprintPart, err error) {
	if len(parts) > lease.MaxFingerprintParts {
		return nil, NewInvalid("parts", "has %d items, at most %d are allowed", len(parts), lease.MaxFingerprintParts)
	}
	for n, p := range parts {
		at := fmt.Sprintf("parts.%d", n)
		switch {
		case !license.ValidName(p.Name):
			return nil, NewInvalid(at+".name", "is %q: a name has 1 to %d letters, digits, dots, hyphens and underscores and begins with a letter or digit",
				strings.ToValidUTF8(p.Name, "?"), license.MaxName)
		case slices.ContainsFunc(made, func(m lease.FingerprintPart) bool { return m.Name == p.Name }):
			return nil, NewInvalid(at+".name", "repeats %s", p.Name)
		case p.Value == "" || len(p.Value) > MaxPartValue:
			return nil, NewInvalid(at+".value", "has %d bytes, 1 to %d are allowed", len(p.Value), MaxPartValue)
		}
		made = append(made, lease.NewFingerprintPart(id, p.Name, p.Value))
	}
	return made, nil
}
