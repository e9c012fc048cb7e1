package leasing

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// refusal is the reason why a request is refused. A refused request changes nothing.
type refusal struct {
	code         license.Code
	detail       string
	retryAt      lease.Time
	generation   int64
	challenge    string
	changedParts []string // parts of the fingerprint
}

// newRefusal returns a refusal; format and args become its detail.
func newRefusal(code license.Code, format string, args ...any) *refusal {
	return &refusal{code: code, detail: fmt.Sprintf(format, args...)}
}

// refuse returns the signed refusal.
func (s *Service) refuse(x *syncRequest, why *refusal) (Answer, error) {
	document := lease.Refusal{
		Product:    x.request.Product,
		License:    x.request.License,
		Activation: x.key.Activation,
		Request:    x.hash,
		Nonce:      x.request.Nonce,
		Time:       x.now,
		Epoch:      x.epoch.Value,
		Code:       why.code,
		Detail:     why.detail,
		RetryAt:    why.retryAt,
		Generation: why.generation,
		Challenge:  why.challenge,
		NotAfter:   x.now + lease.RefusalLifetime,
	}.Document()
	return s.sign(x, document, s.env.Clock(), Answer{Refused: why.code, RetryAt: why.retryAt})
}

// refuseUnknown returns the refusal that names which of the three ids is unknown. For an unknown product it is a *license.Error, since
// there is no key to sign with.
func (s *Service) refuseUnknown(ctx context.Context, x *syncRequest) (Answer, error) {
	r := x.request
	product, err := s.store.ProductWithKeys(ctx, r.Product)
	if errors.Is(err, licensing.ErrNotFound) {
		return Answer{}, license.Refuse(license.CodeUnknownProduct, "product %s", r.Product)
	} else if err != nil {
		return Answer{}, fmt.Errorf("reading the product: %w", err)
	}
	x.license = licensing.LicenseContext{Product: product}
	version, err := s.store.Version(ctx, product.Organisation, r.Version)
	switch {
	case errors.Is(err, licensing.ErrNotFound) || err == nil && version.Product != product.ID:
		return s.refuse(x, newRefusal(license.CodeUnknownVersion, "product %s has no version %s", r.Product, r.Version))
	case err != nil:
		return Answer{}, fmt.Errorf("reading the version: %w", err)
	}
	return s.refuse(x, newRefusal(license.CodeUnknownLicense, "version %s has no license %s", r.Version, r.License))
}

// limitRefusal returns the refusal of a limit that the store enforces. If its end is not known, as when a machine has to leave, the program
// may retry after an interval.
func (s *Service) limitRefusal(x *syncRequest, limit *licensing.LimitError) *refusal {
	why := newRefusal(limit.Code, "%s", limit.Detail)
	if limit.Code.Verdict().Class == license.ClassRetryAt {
		why.retryAt = max(limit.RetryAt, x.now+1)
		if limit.RetryAt == 0 {
			why.retryAt = x.now + lease.Time(x.policy.Interval)
		}
	}
	return why
}
