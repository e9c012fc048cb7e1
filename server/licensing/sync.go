package licensing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Answer is what a program is told: a lease or a refusal, signed, with the product's certificate when the program has another one.
type Answer struct {
	Body    []byte
	Refused license.Code // empty for a lease
	RetryAt lease.Time   // of a refusal that names a time
	Time    lease.Time   // the server's clock, as the answer has it
}

// RetryAfter is how many whole seconds from the answer it is until RetryAt, at least one.
func (a Answer) RetryAfter() int64 { return max(1, (int64(a.RetryAt-a.Time)+999)/1000) }

// attempts is how often a sync decides anew because the records were changed under it. Each time somebody else got something done.
const attempts = 8

// exchange is one request on its way through the rules.
type exchange struct {
	request  *lease.Request
	hash     lease.Hash
	key      ActivationKey
	now      lease.Time
	terms    Terms
	policy   Policy  // with the license's overrides
	runs     Version // the program is; the license's own, or another that its maintenance may cover
	address  string
	epoch    Epoch
	outcome  outcome
	got      Outcome // of the advance,
	composed bool    // if it was not made by another
	line     line    // for slots
	kept     Entry   // that the line stands in
}

// Sync answers one request. It looks in this order: device signature, stored answer, status, position (spec/lease.md). An error is for a
// request that no product could answer, with a code as *license.Error, or a failure of the server; both stay unsigned. The address that
// it came from is kept as evidence and decides nothing.
func (s *Service) Sync(ctx context.Context, body []byte, address string) (Answer, error) {
	request, hash, err := lease.OpenRequest(body)
	if err != nil {
		return Answer{}, err
	}
	for range attempts {
		x := &exchange{request: request, hash: hash, key: ActivationKey{request.License, request.Activation()}, now: s.now(), address: address}
		answer, err := s.answer(ctx, x)
		if err == nil {
			err = s.tell(ctx, x, answer.Refused)
		}
		if err == nil {
			return answer, nil
		}
		if !errors.Is(err, ErrStale) {
			return Answer{}, err
		}
	}
	return Answer{}, fmt.Errorf("license %s: changed %d times during one sync: %w", request.License, attempts, ErrStale)
}

func (s *Service) answer(ctx context.Context, x *exchange) (_ Answer, err error) {
	request := x.request
	if x.epoch, err = s.epoch(ctx, request.Epoch); err != nil {
		return Answer{}, err
	}
	if x.terms, err = s.store.Terms(ctx, request.License); errors.Is(err, ErrNotFound) || err == nil && x.terms.License.Product != request.Product {
		return s.unknown(ctx, x)
	} else if err != nil {
		return Answer{}, fmt.Errorf("reading the license: %w", err)
	}
	x.terms.Product = s.fresh(ctx, x.terms.Product)
	x.policy = x.terms.Version.Policy.apply(x.terms.License.Overrides)
	if x.runs, err = s.runs(ctx, x); errors.Is(err, ErrNotFound) {
		return s.unknown(ctx, x)
	} else if err != nil {
		return Answer{}, fmt.Errorf("reading the version: %w", err)
	}

	held, err := s.store.Activation(ctx, x.key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Answer{}, fmt.Errorf("reading the activation: %w", err)
	}
	known := err == nil
	x.outcome.held = held
	//mutant:stories never: the same request is given the same lease
	if known && held.Request == x.hash {
		return s.resend(x, held.Lease)
	}
	if no := x.status(); no != nil {
		return s.refuse(x, no)
	}
	step, no, err := s.position(ctx, x, held, known)
	if err != nil {
		return Answer{}, err
	}
	if no != nil {
		return s.refuse(x, no)
	}
	if no := x.another(step, held); no != nil {
		if err := s.witness(ctx, x, held, known, no); err != nil {
			return Answer{}, err
		}
		return s.refuse(x, no)
	}
	x.outcome.again = step.again
	lines := x.lines()
	if lines {
		if x.line, x.kept, err = s.line(ctx, x.key.License); err != nil {
			return Answer{}, err
		}
	}
	advance, no := s.fill(x, step, held)
	if no != nil {
		return s.refuse(x, no)
	}
	var document lease.Document
	if x.terms.License.waits() && step.again == nil { // that has a budget which only the store knows
		err = s.start(ctx, x, advance.Activate)
	} else {
		document, err = s.store.Advance(ctx, advance)
	}
	if limit := (*Limit)(nil); errors.As(err, &limit) {
		return s.refuse(x, s.limited(x, limit))
	} else if errors.Is(err, ErrNotFound) { // deleted meanwhile: look again and say so
		return Answer{}, ErrStale
	} else if err != nil {
		return Answer{}, err
	}
	if x.got.Closed != (Period{}) {
		_ = s.keepPeriods(ctx, &x.terms.License) // the meter has them still; whoever reads the usage tries again
	}
	if lines && x.composed {
		s.queue(ctx, x)
	}
	return s.sign(x, document, s.clock(), Answer{})
}

// status is what the vendor decided, and time.
func (x *exchange) status() *no {
	l := &x.terms.License
	switch {
	case x.terms.Product.Archived:
		return refusal(license.CodeArchived, "product %s", l.Product)
	case x.terms.Version.Archived:
		return refusal(license.CodeArchived, "version %s", l.Version)
	case x.runs.Archived:
		return refusal(license.CodeArchived, "version %s", x.runs.ID)
	case l.Archived:
		return refusal(license.CodeArchived, "license %s", l.ID)
	//mutant:stories never: suspended licenses are refused
	case l.Status == Suspended:
		return refusal(license.CodeSuspended, "license %s", l.ID)
	case l.Status == Revoked:
		return refusal(license.CodeRevoked, "license %s", l.ID)
	case x.policy.Type.Expiring() && x.now >= l.Expires && !l.waits():
		return refusal(license.CodeExpired, "at %s; it is %s", stamp(l.Expires), stamp(x.now))
	//mutant:tests drop 2.1: a version without a release has no maintenance
	//mutant:tests never: maintenance ends
	case x.runs.ID != l.Version && (x.runs.Released == 0 || x.runs.Released > l.Maintenance):
		return refusal(license.CodeMaintenanceEnded, "at %s; version %s was released %s", stamp(l.Maintenance), x.runs.ID, released(x.runs))
	}
	return nil
}

// runs is the version that the program is: the license's own, or, where it has maintenance, another of the product.
func (s *Service) runs(ctx context.Context, x *exchange) (Version, error) {
	l := &x.terms.License
	switch {
	case l.Version == x.request.Version:
		return x.terms.Version, nil
	case l.Maintenance == 0:
		return Version{}, ErrNotFound
	}
	v, err := s.store.Version(ctx, l.Organisation, x.request.Version)
	if err == nil && v.Product != l.Product {
		err = ErrNotFound
	}
	return v, err
}

func released(v Version) string {
	if v.Released == 0 {
		return "at no time that the vendor has told"
	}
	return "at " + stamp(v.Released)
}

// resend gives the stored lease again. What the program relies on is the document and its link, so a new signature is as good, and a
// lease from before a restore of the server is given the present epoch.
func (s *Service) resend(x *exchange, document lease.Document) (Answer, error) {
	stored, err := read(document)
	if err != nil {
		return Answer{}, fmt.Errorf("activation %s: the stored lease: %w", x.key.Activation, err)
	}
	x.outcome.resent, x.outcome.position, x.outcome.counters, x.outcome.verdict = true, stored.Position(), stored.Counters, stored.Verdict
	//mutant:tests never: a stored lease is signed for the present epoch
	if stored.Epoch < x.epoch.Value {
		stored.Epoch = x.epoch.Value
		document = stored.Document()
	}
	// As of its own time, at which a program judges it whose clock is behind; by a key that was good then, unless there is none left.
	answer, err := s.sign(x, document, stored.Time.Std(), Answer{})
	if err != nil {
		return s.sign(x, document, s.clock(), Answer{})
	}
	return answer, nil
}

// sign makes the answer of a document.
func (s *Service) sign(x *exchange, document lease.Document, at time.Time, a Answer) (Answer, error) {
	signer, err := s.issuer.Signer(x.terms.Product.ID, x.terms.Product.Secret)
	if err != nil {
		return Answer{}, fmt.Errorf("product %s: %w", x.terms.Product.ID, err)
	}
	if a.Body, err = document.Sign(signer, at); err != nil {
		return Answer{}, fmt.Errorf("product %s: signing: %w", x.terms.Product.ID, err)
	}
	a.Time = x.now
	var beside lease.Beside
	if certificate := x.terms.Product.Keyring; x.request.Keyring != lease.HashOf(certificate) {
		beside.Keyring = certificate
	}
	if list := s.lists.ref(&x.terms.Product); list != nil && x.request.List < list.Number {
		beside.List = x.terms.Product.List
	}
	a.Body = beside.Append(a.Body)
	return a, nil
}
