package leasing

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// The events of a sync are recorded before its answer is sent. If the process ends before that, the program sends the same request again,
// whose answer is examined in the same way; events that were recorded already have the same keys. A sync without events costs a few
// comparisons.

// syncResult is the result of a request, as far as events depend on it.
type syncResult struct {
	before       licensing.Activation // before the request; for a resent answer, after it
	reactivation *licensing.ReactivationHistory
	resent       bool
	position     lease.Position // of the lease; zero for a refusal
	counters     lease.Counters
	charged      int64 // of the license's calls, by this request
	verdict      license.Code
}

// setLease records the members of the lease that was given.
func (r *syncResult) setLease(l lease.Lease) {
	r.position, r.counters, r.verdict = l.Position(), l.Counters, l.Verdict
}

// nearExhaustedDivisor is the fraction of the allowance that is left when a license is nearly exhausted: a tenth.
const nearExhaustedDivisor = 10

// recordEvents records the events of one answer.
func (s *Service) recordEvents(ctx context.Context, x *syncRequest, refused license.Code) error {
	if s.sink == nil {
		return nil
	}
	if refused != "" {
		return s.recordRefusal(ctx, x, refused)
	}
	o := &x.result
	if o.position.Number == 0 {
		return nil
	}
	if x.request.Epoch != 0 && x.request.Epoch < x.epoch.Value {
		if err := s.recordEvent(ctx, x, events.ServerRestored, fmt.Sprintf("%s:%d", x.license.License.Organisation, x.epoch.Value), "epoch",
			x.epoch.Value); err != nil {
			return err
		}
	}
	if err := s.recordUsageEvents(ctx, x); err != nil {
		return err
	}
	if o.position.Number == 1 {
		if err := s.recordChainStart(ctx, x); err != nil {
			return err
		}
	}
	if x.request.Goodbye {
		return s.recordEvent(ctx, x, events.ActivationClosed, x.chainEventKey(), "by", "program")
	}
	return nil
}

// recordUsageEvents records that the allowance is nearly or entirely used up. Exactly one of the charged requests passes a threshold.
func (s *Service) recordUsageEvents(ctx context.Context, x *syncRequest) error {
	o, limit := &x.result, x.result.counters.Allowance
	if limit == 0 || !x.policy.Type.LimitsCalls() {
		return nil
	}
	mark := limit - x.license.License.Allowance/nearExhaustedDivisor
	passed := o.counters.Used >= mark && (o.resent || o.counters.Used-o.charged < mark)
	if passed {
		if err := s.recordEvent(ctx, x, events.LicenseNearlyExhausted, x.allowanceEventKey(limit), "used", o.counters.Used, "allowance",
			limit); err != nil {
			return err
		}
	}
	if o.verdict == license.CodeExhausted {
		return s.recordEvent(ctx, x, events.LicenseExhausted, x.allowanceEventKey(limit), "used", o.counters.Used, "allowance", limit)
	}
	return nil
}

// recordChainStart records the events of the first lease of a chain.
func (s *Service) recordChainStart(ctx context.Context, x *syncRequest) error {
	if x.request.Challenge == "" {
		return s.recordEvent(ctx, x, events.ActivationCreated, x.chainEventKey())
	}
	if err := s.recordEvent(ctx, x, events.ActivationRestored, x.chainEventKey()); err != nil {
		return err
	}
	past := &x.result.before.Reactivations
	if x.result.reactivation != nil {
		past = x.result.reactivation
	}
	if n := len(past.Evidence); n > 0 && past.Evidence[n-1].Alternation && past.Evidence[n-1].Request == x.hash {
		return s.recordClone(ctx, x, x.chainEventKey(), past.Alternations, past.Evidence[n-1])
	}
	return nil
}

// recordClone records the event of a suspected clone.
func (s *Service) recordClone(ctx context.Context, x *syncRequest, key string, alternations int64, e licensing.Evidence) error {
	return s.recordEvent(ctx, x, events.CloneSuspected, key, "alternations", alternations, "address", e.Address, "differs", e.ChangedParts,
		"refused", e.Refused)
}

// recordRefusal records the refusals that concern the vendor, once a day each, since a refused program may retry as often as it likes.
func (s *Service) recordRefusal(ctx context.Context, x *syncRequest, code license.Code) error {
	today := int64(x.now / events.Day)
	switch code {
	case license.CodeActivationLimit, license.CodeMachineLimit, license.CodeMoveLimit:
		return s.recordEvent(ctx, x, events.ActivationRefused, fmt.Sprintf("%s:%s:%d", x.key.License, code, today), "code", string(code))
	case license.CodeRestoredTooOften:
		return s.recordEvent(ctx, x, events.RestoredTooOften, fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, today))
	case license.CodeCloned:
		return s.recordClone(ctx, x, fmt.Sprintf("%s:%s:refused:%d", x.key.License, x.key.Activation, today), x.policy.CloneLimit,
			licensing.Evidence{
				Address: x.address, ChangedParts: changedParts(x.result.before.LastReport.Fingerprint, x.request.Fingerprint), Refused: true,
			})
	}
	return nil
}

// recordEvent records one event about the request's activation; details are pairs of name and value.
func (s *Service) recordEvent(ctx context.Context, x *syncRequest, kind events.Type, key string, details ...any) error {
	n := kind.NewLicenseEvent(&x.license.License, key, x.now)
	n.Activation = x.key.Activation
	for i := 0; i < len(details); i += 2 {
		if n.Details == nil {
			n.Details = map[string]any{}
		}
		n.Details[details[i].(string)] = details[i+1]
	}
	if err := s.sink.Record(ctx, n); err != nil {
		return fmt.Errorf("recording the event %s: %w", kind, err)
	}
	return nil
}

// chainEventKey returns the key of events that happen once for the activation's current chain.
func (x *syncRequest) chainEventKey() string {
	return fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, x.result.position.Generation)
}

// allowanceEventKey returns the key of events that happen once for an allowance: a higher one can be exhausted again.
func (x *syncRequest) allowanceEventKey(limit int64) string {
	return fmt.Sprintf("%s:%d", x.key.License, limit)
}
