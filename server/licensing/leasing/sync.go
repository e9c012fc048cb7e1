package leasing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
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

// syncRequest is one request on its way through the rules.
type syncRequest struct {
	request        *lease.Request
	hash           lease.Hash
	key            licensing.ActivationKey
	now            lease.Time
	license        licensing.LicenseContext
	policy         licensing.Policy  // with the license's overrides
	programVersion licensing.Version // the program is; the license's own, or another that its maintenance may cover
	address        string
	epoch          licensing.Epoch
	result         syncResult
	queue          queue           // for slots
	queueEntry     licensing.Entry // that the line stands in
}

// Sync answers one request. It looks in this order: device signature, stored answer, status, position (spec/lease.md). An error is for a
// request that no product could answer, with a code as *license.Error, or a failure of the server; both stay unsigned. The address that
// it came from is kept as evidence and decides nothing.
func (s *Service) Sync(ctx context.Context, body []byte, address string) (Answer, error) {
	request, hash, err := lease.OpenRequest(body)
	if err != nil {
		return Answer{}, err
	}
	for range licensing.MaxAttempts {
		x := &syncRequest{request: request, hash: hash, now: s.env.Now(), address: address}
		x.key = licensing.ActivationKey{License: request.License, Activation: request.Activation()}
		answer, err := s.answer(ctx, x)
		if err == nil {
			err = s.recordEvents(ctx, x, answer.Refused)
		}
		if err == nil {
			return answer, nil
		}
		if !errors.Is(err, licensing.ErrStale) {
			return Answer{}, err
		}
	}
	return Answer{}, fmt.Errorf("license %s: changed %d times during one sync: %w", request.License, licensing.MaxAttempts, licensing.ErrStale)
}

func (s *Service) answer(ctx context.Context, x *syncRequest) (_ Answer, err error) {
	request := x.request
	if x.epoch, err = s.epoch(ctx, request.Epoch); err != nil {
		return Answer{}, err
	}
	if x.license, err = s.store.LicenseContext(ctx, request.License); errors.Is(err, licensing.ErrNotFound) || err == nil && x.license.License.Product != request.Product {
		return s.refuseUnknown(ctx, x)
	} else if err != nil {
		return Answer{}, fmt.Errorf("reading the license: %w", err)
	}
	x.license.Product = s.keys.EnsureCurrentStatement(ctx, x.license.Product)
	x.policy = x.license.Version.Policy.WithOverrides(x.license.License.Overrides)
	if x.programVersion, err = s.programVersion(ctx, x); errors.Is(err, licensing.ErrNotFound) {
		return s.refuseUnknown(ctx, x)
	} else if err != nil {
		return Answer{}, fmt.Errorf("reading the version: %w", err)
	}

	held, err := s.store.Activation(ctx, x.key)
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return Answer{}, fmt.Errorf("reading the activation: %w", err)
	}
	known := err == nil
	x.result.before = held
	//mutant:stories never: the same request is given the same lease
	if known && held.Request == x.hash {
		return s.resend(x, held.Lease)
	}
	if no := x.statusRefusal(); no != nil {
		return s.refuse(x, no)
	}
	step, no, err := s.classifyRequest(ctx, x, held, known)
	if err != nil {
		return Answer{}, err
	}
	if no != nil {
		return s.refuse(x, no)
	}
	if no := x.checkMachine(step, held); no != nil {
		if err := s.recordEvidence(ctx, x, held, known, no); err != nil {
			return Answer{}, err
		}
		return s.refuse(x, no)
	}
	x.result.reactivation = step.reactivation
	usesQueue := x.touchesQueue()
	if usesQueue {
		if x.queue, x.queueEntry, err = s.readQueue(ctx, x.key.License); err != nil {
			return Answer{}, err
		}
	}
	advance, build, no := s.buildAdvance(x, step, held)
	if no != nil {
		return s.refuse(x, no)
	}
	var advanced licensing.AdvanceResult
	if x.license.License.AwaitsFirstActivation() && step.reactivation == nil { // that has a budget which only the store knows
		err = s.startTerm(ctx, x, advance.NewActivation)
	} else {
		advanced, err = s.store.Advance(ctx, advance)
	}
	if limit := (*licensing.Limit)(nil); errors.As(err, &limit) {
		return s.refuse(x, s.limitRefusal(x, limit))
	} else if errors.Is(err, licensing.ErrNotFound) { // deleted meanwhile: look again and say so
		return Answer{}, licensing.ErrStale
	} else if err != nil {
		return Answer{}, err
	}
	if advanced.Replayed { // the same request came twice at the same time: this one is resent the lease of the other
		return s.resend(x, advanced.Document)
	}
	x.result.setLease(build(advanced.Outcome))
	x.result.charged = advanced.Outcome.Charged - max(held.Charged, held.Counted)
	if advanced.Outcome.ClosedPeriod != (licensing.Period{}) {
		_ = s.saveClosedPeriods(ctx, &x.license.License) // the meter has them still; whoever reads the usage tries again
	}
	if usesQueue {
		s.updateQueue(ctx, x, advanced.Outcome)
	}
	return s.sign(x, advanced.Document, s.env.Clock(), Answer{})
}

// statusRefusal is what the vendor decided, and time.
func (x *syncRequest) statusRefusal() *refusal {
	l := &x.license.License
	switch {
	case x.license.Product.Archived:
		return newRefusal(license.CodeArchived, "product %s", l.Product)
	case x.license.Version.Archived:
		return newRefusal(license.CodeArchived, "version %s", l.Version)
	case x.programVersion.Archived:
		return newRefusal(license.CodeArchived, "version %s", x.programVersion.ID)
	case l.Archived:
		return newRefusal(license.CodeArchived, "license %s", l.ID)
	//mutant:stories never: suspended licenses are refused
	case l.Status == licensing.Suspended:
		return newRefusal(license.CodeSuspended, "license %s", l.ID)
	case l.Status == licensing.Revoked:
		return newRefusal(license.CodeRevoked, "license %s", l.ID)
	case x.policy.Type.LimitsTime() && x.now >= l.Expires && !l.AwaitsFirstActivation():
		return newRefusal(license.CodeExpired, "at %s; it is %s", licensing.FormatTime(l.Expires), licensing.FormatTime(x.now))
	//mutant:tests drop 2.1: a version without a release has no maintenance
	//mutant:tests never: maintenance ends
	case x.programVersion.ID != l.Version && (x.programVersion.Released == 0 || x.programVersion.Released > l.Maintenance):
		return newRefusal(license.CodeMaintenanceEnded, "at %s; version %s was released %s", licensing.FormatTime(l.Maintenance), x.programVersion.ID, releaseDate(x.programVersion))
	}
	return nil
}

// programVersion is the version that the program is: the license's own, or, where it has maintenance, another of the product.
func (s *Service) programVersion(ctx context.Context, x *syncRequest) (licensing.Version, error) {
	l := &x.license.License
	switch {
	case l.Version == x.request.Version:
		return x.license.Version, nil
	case l.Maintenance == 0:
		return licensing.Version{}, licensing.ErrNotFound
	}
	v, err := s.store.Version(ctx, l.Organisation, x.request.Version)
	if err == nil && v.Product != l.Product {
		err = licensing.ErrNotFound
	}
	return v, err
}

func releaseDate(v licensing.Version) string {
	if v.Released == 0 {
		return "at no time that the vendor has told"
	}
	return "at " + licensing.FormatTime(v.Released)
}

// resend gives the stored lease again. What the program relies on is the document and its link, so a new signature is as good, and a
// lease from before a restore of the server is given the present epoch.
func (s *Service) resend(x *syncRequest, document lease.Document) (Answer, error) {
	stored, err := parseLease(document)
	if err != nil {
		return Answer{}, fmt.Errorf("activation %s: the stored lease: %w", x.key.Activation, err)
	}
	x.result.resent = true
	x.result.setLease(*stored)
	//mutant:tests never: a stored lease is signed for the present epoch
	if stored.Epoch < x.epoch.Value {
		stored.Epoch = x.epoch.Value
		document = stored.Document()
	}
	// As of its own time, at which a program judges it whose clock is behind; by a key that was good then, unless there is none left.
	answer, err := s.sign(x, document, stored.Time.Std(), Answer{})
	if err != nil {
		return s.sign(x, document, s.env.Clock(), Answer{})
	}
	return answer, nil
}

// sign makes the answer of a document.
func (s *Service) sign(x *syncRequest, document lease.Document, at time.Time, a Answer) (Answer, error) {
	signer, err := s.issuer.Signer(x.license.Product.ID, x.license.Product.SealedKeys)
	if err != nil {
		return Answer{}, fmt.Errorf("product %s: %w", x.license.Product.ID, err)
	}
	if a.Body, err = document.Sign(signer, at); err != nil {
		return Answer{}, fmt.Errorf("product %s: signing: %w", x.license.Product.ID, err)
	}
	a.Time = x.now
	var beside lease.Attachments
	if certificate := x.license.Product.Keyring; x.request.Keyring != lease.HashOf(certificate) {
		beside.Keyring = certificate
	}
	if list := s.keys.StatementRef(&x.license.Product); list != nil && x.request.List < list.Number {
		beside.List = x.license.Product.Statement
	}
	a.Body = beside.Append(a.Body)
	return a, nil
}
