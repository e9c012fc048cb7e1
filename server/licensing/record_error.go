package licensing

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// RecordError is the error of an operation on one record. It names the record and wraps ErrNotFound, ErrExists, ErrStale or ErrInUse.
type RecordError struct {
	Kind string // of the record, for people: license, product
	ID   string
	Name string // of ErrExists: the unique value that is taken, if it is known
	Of   string // of ErrExists: the member that is unique; empty: the name
	Err  error
}

func (e *RecordError) Error() string {
	switch {
	case errors.Is(e.Err, ErrNotFound):
		return fmt.Sprintf("%s %.64s not found", e.Kind, e.ID)
	case errors.Is(e.Err, ErrExists) && e.Name != "":
		return fmt.Sprintf("a %s with the %s %q exists", e.Kind, cmp.Or(e.Of, "name"), e.Name)
	case errors.Is(e.Err, ErrExists):
		return fmt.Sprintf("%s %.64s exists", e.Kind, e.ID)
	case errors.Is(e.Err, ErrStale):
		return fmt.Sprintf("%s %.64s was changed since it was read", e.Kind, e.ID)
	case errors.Is(e.Err, ErrInUse):
		return fmt.Sprintf("%s %.64s has dependent records", e.Kind, e.ID)
	}
	return fmt.Sprintf("%s %.64s: %v", e.Kind, e.ID, e.Err)
}

// Unwrap returns the error that is wrapped.
func (e *RecordError) Unwrap() error { return e.Err }

// NotFound returns a *RecordError that wraps ErrNotFound.
func NotFound(kind, id string) error { return &RecordError{Kind: kind, ID: id, Err: ErrNotFound} }

// nameRecord returns the error with the record that it is about, if it is one of those that a RecordError wraps.
func nameRecord[ID ~string](kind string, id ID, name string, err error) error {
	for _, known := range []error{ErrNotFound, ErrExists, ErrStale, ErrInUse} {
		if errors.Is(err, known) && !errors.As(err, new(*RecordError)) {
			return &RecordError{Kind: kind, ID: string(id), Name: name, Err: err}
		}
	}
	return err
}

// WithRecordErrors returns the store with errors that name their record (RecordError). LicenseContext is left alone: it is on the hot path
// of syncs, whose refusals name the license anyway.
func WithRecordErrors(store Store) Store { return recordErrors{store} }

type recordErrors struct{ Store }

func (s recordErrors) Organisation(ctx context.Context, id license.ID) (Organisation, error) {
	o, err := s.Store.Organisation(ctx, id)
	return o, nameRecord("organisation", id, "", err)
}

func (s recordErrors) CreateProduct(ctx context.Context, p Product) error {
	return nameRecord("product", p.ID, p.Name, s.Store.CreateProduct(ctx, p))
}

func (s recordErrors) Product(ctx context.Context, org, id license.ID) (Product, error) {
	p, err := s.Store.Product(ctx, org, id)
	return p, nameRecord("product", id, "", err)
}

func (s recordErrors) UpdateProduct(ctx context.Context, p Product) (Product, error) {
	updated, err := s.Store.UpdateProduct(ctx, p)
	return updated, nameRecord("product", p.ID, p.Name, err)
}

func (s recordErrors) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	return nameRecord("product", id, "", s.Store.DeleteProduct(ctx, org, id, revision))
}

func (s recordErrors) ProductKeyring(ctx context.Context, id license.ID) ([]byte, error) {
	certificate, err := s.Store.ProductKeyring(ctx, id)
	return certificate, nameRecord("product", id, "", err)
}

func (s recordErrors) ProductWithKeys(ctx context.Context, id license.ID) (Product, error) {
	p, err := s.Store.ProductWithKeys(ctx, id)
	return p, nameRecord("product", id, "", err)
}

func (s recordErrors) CreateVersion(ctx context.Context, v Version) error {
	return nameRecord("version", v.ID, v.Name, s.Store.CreateVersion(ctx, v))
}

func (s recordErrors) Version(ctx context.Context, org, id license.ID) (Version, error) {
	v, err := s.Store.Version(ctx, org, id)
	return v, nameRecord("version", id, "", err)
}

func (s recordErrors) UpdateVersion(ctx context.Context, v Version) (Version, error) {
	updated, err := s.Store.UpdateVersion(ctx, v)
	return updated, nameRecord("version", v.ID, v.Name, err)
}

func (s recordErrors) DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error {
	return nameRecord("version", id, "", s.Store.DeleteVersion(ctx, org, id, revision))
}

func (s recordErrors) CreateLicense(ctx context.Context, l License) error {
	return nameRecord("license", l.ID, "", s.Store.CreateLicense(ctx, l))
}

func (s recordErrors) License(ctx context.Context, org, id license.ID) (License, error) {
	l, err := s.Store.License(ctx, org, id)
	return l, nameRecord("license", id, "", err)
}

func (s recordErrors) UpdateLicense(ctx context.Context, l License) (License, error) {
	updated, err := s.Store.UpdateLicense(ctx, l)
	return updated, nameRecord("license", l.ID, "", err)
}

func (s recordErrors) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	return nameRecord("license", id, "", s.Store.DeleteLicense(ctx, org, id, revision))
}

func (s recordErrors) Activation(ctx context.Context, key ActivationKey) (Activation, error) {
	a, err := s.Store.Activation(ctx, key)
	return a, nameRecord("activation", key.Activation, "", err)
}

func (s recordErrors) NameActivation(ctx context.Context, org license.ID, key ActivationKey, name string) error {
	return nameRecord("activation", key.Activation, "", s.Store.NameActivation(ctx, org, key, name))
}

func (s recordErrors) Deactivate(ctx context.Context, org license.ID, key ActivationKey, now lease.Time) error {
	return nameRecord("activation", key.Activation, "", s.Store.Deactivate(ctx, org, key, now))
}

func (s recordErrors) FreeReservation(ctx context.Context, org license.ID, key ActivationKey, entitlement string, now lease.Time) error {
	return nameRecord("activation", key.Activation, "", s.Store.FreeReservation(ctx, org, key, entitlement, now))
}
