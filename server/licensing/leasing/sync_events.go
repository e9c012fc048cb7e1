package leasing

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// What a sync has to tell of is told before its answer. If the process ends before it was, the program has no answer and sends the same bytes
// again; the answer to these is looked at like the first one, and what was told already is told under the same key. A sync that has nothing
// to tell costs a few comparisons.

// syncResult is what became of an exchange, as far as it may be worth telling.
type syncResult struct {
	before       licensing.Activation // before, or of a resent answer after
	reactivation *licensing.ReactivationHistory
	resent       bool
	position     lease.Position // of the lease; zero for a refusal
	counters     lease.Counters
	charged      int64 // of the license's calls, by this request
	verdict      license.Code
}

// setLease notes what the lease says that was given.
func (r *syncResult) setLease(l lease.Lease) {
	r.position, r.counters, r.verdict = l.Position(), l.Counters, l.Verdict
}

// nearExhaustedDivisor is the part of an allowance that is left when a license is called nearly exhausted: a tenth.
const nearExhaustedDivisor = 10

// recordEvents looks at one answer.
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
		if err := s.recordEvent(ctx, x, events.ServerRestored, fmt.Sprintf("%s:%d", x.license.License.Organisation, x.epoch.Value), "epoch", x.epoch.Value); err != nil {
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

// recordUsageEvents tells of an allowance whose end is near or met. A threshold is passed by exactly one of the requests that are charged.
func (s *Service) recordUsageEvents(ctx context.Context, x *syncRequest) error {
	o, limit := &x.result, x.result.counters.Allowance
	if limit == 0 || !x.policy.Type.LimitsCalls() {
		return nil
	}
	mark := limit - x.license.License.Allowance/nearExhaustedDivisor
	passed := o.counters.Used >= mark && (o.resent || o.counters.Used-o.charged < mark)
	if passed {
		if err := s.recordEvent(ctx, x, events.LicenseNearlyExhausted, x.allowanceEventKey(limit), "used", o.counters.Used, "allowance", limit); err != nil {
			return err
		}
	}
	if o.verdict == license.CodeExhausted {
		return s.recordEvent(ctx, x, events.LicenseExhausted, x.allowanceEventKey(limit), "used", o.counters.Used, "allowance", limit)
	}
	return nil
}

// recordChainStart tells of the first lease of a chain.
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

func (s *Service) recordClone(ctx context.Context, x *syncRequest, key string, alternations int64, e licensing.Evidence) error {
	return s.recordEvent(ctx, x, events.CloneSuspected, key, "alternations", alternations, "address", e.Address, "differs", e.ChangedParts, "refused", e.Refused)
}

// recordRefusal tells of the refusals that the vendor should know of. Who is refused may ask as often as they like, so each is told once a day.
func (s *Service) recordRefusal(ctx context.Context, x *syncRequest, code license.Code) error {
	today := int64(x.now / events.Day)
	switch code {
	case license.CodeActivationLimit, license.CodeMachineLimit, license.CodeMoveLimit:
		return s.recordEvent(ctx, x, events.ActivationRefused, fmt.Sprintf("%s:%s:%d", x.key.License, code, today), "code", string(code))
	case license.CodeRestoredTooOften:
		return s.recordEvent(ctx, x, events.RestoredTooOften, fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, today))
	case license.CodeCloned:
		return s.recordClone(ctx, x, fmt.Sprintf("%s:%s:refused:%d", x.key.License, x.key.Activation, today), x.policy.CloneLimit, licensing.Evidence{
			Address: x.address, ChangedParts: changedParts(x.result.before.LastReport.Fingerprint, x.request.Fingerprint), Refused: true,
		})
	}
	return nil
}

// recordEvent tells one notice about the exchange's activation.
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
		return fmt.Errorf("telling of %s: %w", kind, err)
	}
	return nil
}

// chainEventKey names the activation's present chain: what happens to it once.
func (x *syncRequest) chainEventKey() string {
	return fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, x.result.position.Generation)
}

// allowanceEventKey names one allowance of the license: a higher one is nearly exhausted anew.
func (x *syncRequest) allowanceEventKey(limit int64) string {
	return fmt.Sprintf("%s:%d", x.key.License, limit)
}
