package licensing

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// What a sync has to tell of is told before its answer. If the process ends before it was, the program has no answer and sends the same bytes
// again; the answer to these is looked at like the first one, and what was told already is told under the same key. A sync that has nothing
// to tell costs a few comparisons.

// outcome is what became of an exchange, as far as it may be worth telling.
type outcome struct {
	held     Activation // before, or of a resent answer after
	again    *Past
	resent   bool
	position lease.Position // of the lease; zero for a refusal
	counters lease.Counters
	spent    int64 // of the license's calls, by this request
	verdict  license.Code
}

// nearly is the part of an allowance that is left when a license is called nearly exhausted: a tenth.
const nearly = 10

// tell looks at one answer.
func (s *Service) tell(ctx context.Context, x *exchange, refused license.Code) error {
	if s.notices == nil {
		return nil
	}
	if refused != "" {
		return s.tellRefusal(ctx, x, refused)
	}
	o := &x.outcome
	if o.position.Number == 0 {
		return nil
	}
	if x.request.Epoch != 0 && x.request.Epoch < x.epoch.Value {
		if err := s.report(ctx, x, ServerRestored, fmt.Sprintf("%s:%d", x.terms.License.Organisation, x.epoch.Value), "epoch", x.epoch.Value); err != nil {
			return err
		}
	}
	if err := s.tellUsage(ctx, x); err != nil {
		return err
	}
	if o.position.Number == 1 {
		if err := s.tellBeginning(ctx, x); err != nil {
			return err
		}
	}
	if x.request.Goodbye {
		return s.report(ctx, x, ActivationClosed, x.chainKey(), "by", "program")
	}
	return nil
}

// tellUsage tells of an allowance whose end is near or met. A threshold is passed by exactly one of the requests that are charged.
func (s *Service) tellUsage(ctx context.Context, x *exchange) error {
	o, limit := &x.outcome, x.outcome.counters.Allowance
	if limit == 0 || !x.policy.Type.Counted() {
		return nil
	}
	mark := limit - x.terms.License.Allowance/nearly
	passed := o.counters.Used >= mark && (o.resent || o.counters.Used-o.spent < mark)
	if passed {
		if err := s.report(ctx, x, LicenseNearlyExhausted, x.allowanceKey(limit), "used", o.counters.Used, "allowance", limit); err != nil {
			return err
		}
	}
	if o.verdict == license.CodeExhausted {
		return s.report(ctx, x, LicenseExhausted, x.allowanceKey(limit), "used", o.counters.Used, "allowance", limit)
	}
	return nil
}

// tellBeginning tells of the first lease of a chain.
func (s *Service) tellBeginning(ctx context.Context, x *exchange) error {
	if x.request.Challenge == "" {
		return s.report(ctx, x, ActivationCreated, x.chainKey())
	}
	if err := s.report(ctx, x, ActivationRestored, x.chainKey()); err != nil {
		return err
	}
	past := &x.outcome.held.Past
	if x.outcome.again != nil {
		past = x.outcome.again
	}
	if n := len(past.Evidence); n > 0 && past.Evidence[n-1].Alternation && past.Evidence[n-1].Request == x.hash {
		return s.tellClone(ctx, x, x.chainKey(), past.Alternations, past.Evidence[n-1])
	}
	return nil
}

func (s *Service) tellClone(ctx context.Context, x *exchange, key string, alternations int64, e Evidence) error {
	return s.report(ctx, x, CloneSuspected, key, "alternations", alternations, "address", e.Address, "differs", e.Differs, "refused", e.Refused)
}

// tellRefusal tells of the refusals that the vendor should know of. Who is refused may ask as often as they like, so each is told once a day.
func (s *Service) tellRefusal(ctx context.Context, x *exchange, code license.Code) error {
	today := int64(x.now / day)
	switch code {
	case license.CodeActivationLimit, license.CodeMachineLimit, license.CodeMoveLimit:
		return s.report(ctx, x, ActivationRefused, fmt.Sprintf("%s:%s:%d", x.key.License, code, today), "code", string(code))
	case license.CodeRestoredTooOften:
		return s.report(ctx, x, RestoredTooOften, fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, today))
	case license.CodeCloned:
		return s.tellClone(ctx, x, fmt.Sprintf("%s:%s:refused:%d", x.key.License, x.key.Activation, today), x.policy.CloneLimit, Evidence{
			Address: x.address, Differs: differing(x.outcome.held.Seen.Fingerprint, x.request.Fingerprint), Refused: true,
		})
	}
	return nil
}

// report tells one notice about the exchange's activation.
func (s *Service) report(ctx context.Context, x *exchange, kind NoticeType, key string, details ...any) error {
	n := kind.of(&x.terms.License, key, x.now)
	n.Activation = x.key.Activation
	for i := 0; i < len(details); i += 2 {
		if n.Details == nil {
			n.Details = map[string]any{}
		}
		n.Details[details[i].(string)] = details[i+1]
	}
	if err := s.notices.Tell(ctx, n); err != nil {
		return fmt.Errorf("telling of %s: %w", kind, err)
	}
	return nil
}

// chainKey names the activation's present chain: what happens to it once.
func (x *exchange) chainKey() string {
	return fmt.Sprintf("%s:%s:%d", x.key.License, x.key.Activation, x.outcome.position.Generation)
}

// allowanceKey names one allowance of the license: a higher one is nearly exhausted anew.
func (x *exchange) allowanceKey(limit int64) string {
	return fmt.Sprintf("%s:%d", x.key.License, limit)
}
