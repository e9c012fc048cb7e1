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

// Answer is the signed reply to a program: a lease or a refusal, with certificate and statement if the program has older ones.
type Answer struct {
	Body    []byte
	Refused license.Code // empty for a lease
	RetryAt lease.Time   // of a refusal that names a time
	Time    lease.Time   // the server's clock, as the answer has it
}

// RetryAfter returns the whole seconds from the answer until RetryAt, at least one.
func (a Answer) RetryAfter() int64 { return max(1, (int64(a.RetryAt-a.Time)+999)/1000) }

// syncRequest is a request that is being answered, with the records that it is decided on.
type syncRequest struct {
	request        *lease.Request
	hash           lease.Hash
	key            licensing.ActivationKey
	now            lease.Time
	license        licensing.LicenseContext
	policy         licensing.Policy  // with the license's overrides
	programVersion licensing.Version // version of the program: the license's own, or another that its maintenance may cover
	address        string
	epoch          licensing.Epoch
	result         syncResult
	queue          queue           // for slots
	queueEntry     licensing.Entry // that the queue is stored in
}

// Sync answers one request. It checks in this order: device signature, stored answer, status, position on the chain (spec/lease.md). The
// error is a *license.Error for a request that no product could answer, or a failure of the server; both are unsigned. The address is
// recorded as evidence and does not affect the decision.
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
	return Answer{}, fmt.Errorf("license %s: changed concurrently %d times during one sync: %w", request.License, licensing.MaxAttempts,
		licensing.ErrStale)
}

// answer decides on the request. It returns licensing.ErrStale if the records were changed concurrently and the request is to be decided
// anew.
func (s *Service) answer(ctx context.Context, x *syncRequest) (_ Answer, err error) {
	request := x.request
	if x.epoch, err = s.epoch(ctx, request.Epoch); err != nil {
		return Answer{}, err
	}
	if x.license, err = s.store.LicenseContext(ctx, request.License); errors.Is(err, licensing.ErrNotFound) ||
		err == nil && x.license.License.Product != request.Product {
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
	if refused := x.statusRefusal(); refused != nil {
		return s.refuse(x, refused)
	}
	step, refused, err := s.classifyRequest(ctx, x, held, known)
	if err != nil {
		return Answer{}, err
	}
	if refused != nil {
		return s.refuse(x, refused)
	}
	if refused := x.checkMachine(step, held); refused != nil {
		if err := s.recordEvidence(ctx, x, held, known, refused); err != nil {
			return Answer{}, err
		}
		return s.refuse(x, refused)
	}
	x.result.reactivation = step.reactivation
	usesQueue := x.touchesQueue()
	if usesQueue {
		if x.queue, x.queueEntry, err = s.readQueue(ctx, x.key.License); err != nil {
			return Answer{}, err
		}
	}
	advance, build, refused := s.buildAdvance(x, step, held)
	if refused != nil {
		return s.refuse(x, refused)
	}
	var advanced licensing.AdvanceResult
	if x.license.License.AwaitsFirstActivation() && step.reactivation == nil { // a re-activation has a budget that only the store knows
		err = s.startTerm(ctx, x, advance.NewActivation)
	} else {
		advanced, err = s.store.Advance(ctx, advance)
	}
	if limit := (*licensing.LimitError)(nil); errors.As(err, &limit) {
		return s.refuse(x, s.limitRefusal(x, limit))
	} else if errors.Is(err, licensing.ErrNotFound) { // deleted concurrently: decide anew, which refuses it
		return Answer{}, licensing.ErrStale
	} else if err != nil {
		return Answer{}, err
	}
	if advanced.Replayed { // the same request was answered concurrently: resend that lease
		return s.resend(x, advanced.Document)
	}
	x.result.setLease(build(advanced.Outcome))
	x.result.charged = advanced.Outcome.Charged - max(held.Charged, held.Counted)
	if advanced.Outcome.ClosedPeriod != (licensing.Period{}) {
		_ = s.saveClosedPeriods(ctx, &x.license.License) // the meter still has them; reading the usage saves them too
	}
	if usesQueue {
		s.updateQueue(ctx, x, advanced.Outcome)
	}
	return s.sign(x, advanced.Document, s.env.Clock(), Answer{})
}

// statusRefusal returns the refusal of a license, version or product that is archived, suspended, revoked, expired or out of maintenance;
// nil if it is usable.
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
		return newRefusal(license.CodeMaintenanceEnded, "at %s; version %s was released %s", licensing.FormatTime(l.Maintenance),
			x.programVersion.ID, releaseDate(x.programVersion))
	}
	return nil
}

// programVersion returns the version of the program: the license's own or, with maintenance, another one of the product;
// licensing.ErrNotFound otherwise.
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

// releaseDate returns the release date of a version for a message.
func releaseDate(v licensing.Version) string {
	if v.Released == 0 {
		return "on no known date"
	}
	return "at " + licensing.FormatTime(v.Released)
}

// resend returns the stored lease again. Programs rely on the document and its link, so a new signature is as good. A lease from before a
// restore of the server is given the current epoch.
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
	// Signed as of the lease's own time, for programs whose clock is behind; by a key that was valid then, if there still is one.
	answer, err := s.sign(x, document, stored.Time.Std(), Answer{})
	if err != nil {
		return s.sign(x, document, s.env.Clock(), Answer{})
	}
	return answer, nil
}

// sign returns the answer with the signed document and the attachments that the program lacks.
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
