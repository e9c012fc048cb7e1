package catalogue

import (
	"context"
	"errors"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Customer is a buyer of licenses. A license may refer to its customer by id; the name that is stored in the license itself is for people.
type Customer struct {
	licensing.Record
	Name      string
	Email     string
	Reference string // the vendor's identifier for it, such as a customer number in its shop; unique within the organisation if not empty
}

// The kinds of entries of customers. A reference has an entry of its own, whose id must be unique and whose body is the customer's id. It
// is created before the customer and deleted after it, so a reference that a crash has left behind is one that its customer does not have.
const (
	customerKind  = "customer"
	referenceKind = "customer_reference"
)

// customerRecord is the body of a customer's entry.
type customerRecord struct {
	Name      string            `json:"name"`
	Email     string            `json:"email,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Updated   lease.Time        `json:"updated"`
	Deleting  bool              `json:"leaving,omitempty"` // a deletion is in progress and looks for its licenses
}

// customerError returns a *licensing.RecordError about a customer.
func customerError(id license.ID, err error) error {
	return &licensing.RecordError{Kind: "customer", ID: string(id), Err: err}
}

// maxEmail is the maximum length of an e-mail address, in characters.
const maxEmail = 254

// check returns an *licensing.Invalid if a member of the customer is not valid.
func (c Customer) check() error {
	if at := strings.IndexByte(c.Email, '@'); c.Email != "" && (at < 1 || at == len(c.Email)-1 || strings.ContainsAny(c.Email, " \t\r\n")) {
		return licensing.NewInvalid("email", "is no address")
	}
	return licensing.FirstError(licensing.CheckText("name", c.Name, 1, licensing.MaxText), licensing.CheckText("email", c.Email, 0, maxEmail),
		licensing.CheckText("reference", c.Reference, 0, licensing.MaxText), licensing.CheckMetadata(c.Metadata))
}

func (c Customer) entry(isDeleting bool) licensing.TypedEntry[customerRecord] {
	return licensing.TypedEntry[customerRecord]{
		Entry: licensing.Entry{ID: string(c.ID), Org: c.Organisation, Search: strings.Join([]string{c.Name, c.Email, c.Reference}, "\n"),
			Revision: c.Revision, Created: c.Created},
		Value: customerRecord{c.Name, c.Email, c.Reference, c.Metadata, c.Updated, isDeleting},
	}
}

// customers returns the customers of all organisations.
func (s *Service) customers() licensing.Entries[customerRecord] {
	return licensing.EntriesOf[customerRecord](s.store, customerKind)
}

func newCustomer(e licensing.TypedEntry[customerRecord]) (Customer, error) {
	record := licensing.Record{ID: license.ID(e.ID), Organisation: e.Org, Revision: e.Revision, Created: e.Created,
		Updated: e.Value.Updated, Metadata: e.Value.Metadata}
	return Customer{record, e.Value.Name, e.Value.Email, e.Value.Reference}, nil
}

// CreateCustomer creates a customer; licensing.ErrExists if another one has its reference.
func (s *Service) CreateCustomer(ctx context.Context, c Customer) (Customer, error) {
	if err := c.check(); err != nil {
		return Customer{}, err
	}
	if err := s.initRecord(ctx, &c.Record); err != nil {
		return Customer{}, err
	}
	return licensing.CreatedOrExisting(ctx, c, s.storeNewCustomer(ctx, c), func() (Customer, error) {
		return s.Customer(ctx, c.Organisation, c.ID)
	})
}

// storeNewCustomer writes a new customer, after claiming its reference.
func (s *Service) storeNewCustomer(ctx context.Context, c Customer) error {
	if err := s.claimReference(ctx, c); err != nil {
		return err
	}
	e := c.entry(false)
	_, err := s.customers().Create(ctx, e.Entry, e.Value)
	return err
}

// Customer returns a customer; licensing.ErrNotFound if there is none.
func (s *Service) Customer(ctx context.Context, org, id license.ID) (Customer, error) {
	e, err := s.customers().GetOf(ctx, org, string(id))
	if err != nil {
		return Customer{}, err
	}
	return newCustomer(e)
}

// Customers lists the customers, newest first. A search looks through name, e-mail and reference.
func (s *Service) Customers(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Customer], error) {
	found, err := s.customers().List(ctx, org, "", page)
	if err != nil {
		return licensing.Listing[Customer]{}, err
	}
	return licensing.MapListing(found, newCustomer)
}

// UpdateCustomer changes everything but the id. Licenses keep the name that they have.
func (s *Service) UpdateCustomer(ctx context.Context, c Customer) (Customer, error) {
	if err := c.check(); err != nil {
		return Customer{}, err
	}
	old, err := s.Customer(ctx, c.Organisation, c.ID)
	if err != nil {
		return Customer{}, err
	}
	if old.Revision != c.Revision {
		return Customer{}, customerError(c.ID, licensing.ErrStale)
	}
	c.Created, c.Updated = old.Created, s.env.Now()
	if c.Reference != old.Reference {
		if err := s.claimReference(ctx, c); err != nil {
			return Customer{}, err
		}
	}
	if c, err = s.replaceCustomer(ctx, c, false); err != nil || c.Reference == old.Reference {
		return c, err
	}
	return c, s.releaseReference(ctx, old)
}

func (s *Service) replaceCustomer(ctx context.Context, c Customer, isDeleting bool) (Customer, error) {
	e, err := s.customers().Replace(ctx, c.entry(isDeleting))
	if err != nil {
		return c, err
	}
	c.Revision = e.Revision
	return c, nil
}

// DeleteCustomer deletes a customer; licensing.ErrInUse while licenses refer to it. It marks the customer as being deleted before it looks
// for licenses, and a writer of a license looks at the mark after writing (confirmCustomer): one of the two sees the other.
func (s *Service) DeleteCustomer(ctx context.Context, org, id license.ID, revision int64) error {
	c, err := s.Customer(ctx, org, id)
	if err != nil {
		return err
	}
	if revision != 0 && c.Revision != revision {
		return customerError(id, licensing.ErrStale)
	}
	if c, err = s.replaceCustomer(ctx, c, true); err != nil {
		return err
	}
	used, err := s.store.Licenses(ctx, org, licensing.LicenseFilter{CustomerID: id}, licensing.Page{Limit: 1})
	if err == nil && len(used.Items) > 0 {
		_, err = s.replaceCustomer(ctx, c, false)
		return errors.Join(err, customerError(id, licensing.ErrInUse))
	} else if err != nil {
		return err
	}
	if err := s.customers().Delete(ctx, string(id), c.Revision); err != nil {
		return err
	}
	return s.releaseReference(ctx, c)
}

// confirmCustomer is called after a license was written that refers to a customer. It removes the mark of a deletion in progress, and
// returns an *licensing.Invalid if the customer has gone.
func (s *Service) confirmCustomer(ctx context.Context, l licensing.License) error {
	for l.CustomerID != "" {
		e, err := s.customers().GetOf(ctx, l.Organisation, string(l.CustomerID))
		if errors.Is(err, licensing.ErrNotFound) {
			return licensing.NewInvalid("customer_id", "is no customer's")
		} else if err != nil {
			return err
		}
		if !e.Value.Deleting {
			return nil
		}
		c, err := newCustomer(e)
		if err != nil {
			return err
		}
		if _, err = s.replaceCustomer(ctx, c, false); !errors.Is(err, licensing.ErrStale) && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	return nil
}

// resolveCustomer checks that a license's customer exists, and sets the license's customer name to its name if it has none.
func (s *Service) resolveCustomer(ctx context.Context, l *licensing.License) error {
	if l.CustomerID == "" {
		return nil
	}
	c, err := s.Customer(ctx, l.Organisation, l.CustomerID)
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.NewInvalid("customer_id", "is no customer's")
	}
	if l.Customer == "" {
		l.Customer = c.Name
	}
	return err
}

func referenceID(c Customer) string {
	return string(c.Organisation) + ":" + string(lease.HashOf([]byte(c.Reference)))
}

// claimReference claims the reference for the customer, also from a customer that does not have it any more; licensing.ErrExists if another
// one has it.
func (s *Service) claimReference(ctx context.Context, c Customer) error {
	if c.Reference == "" {
		return nil
	}
	e := licensing.Entry{Kind: referenceKind, ID: referenceID(c), Org: c.Organisation, Created: s.env.Now(), Body: []byte(c.ID)}
	for range licensing.MaxAttempts {
		err := s.store.CreateEntry(ctx, e)
		if !errors.Is(err, licensing.ErrExists) {
			return err
		}
		kept, err := s.store.Entry(ctx, e.Kind, e.ID)
		if errors.Is(err, licensing.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if license.ID(kept.Body) == c.ID {
			return nil
		}
		holder, err := s.Customer(ctx, c.Organisation, license.ID(kept.Body))
		switch {
		case err != nil && !errors.Is(err, licensing.ErrNotFound):
			return err
		case err == nil && holder.Reference == c.Reference, kept.Created+referenceClaimGrace > s.env.Now():
			return &licensing.RecordError{Kind: "customer", ID: string(c.ID), Name: c.Reference, Of: "reference", Err: licensing.ErrExists}
		}
		if err := s.store.DeleteEntry(ctx, e.Kind, e.ID, kept.Revision); err != nil && !errors.Is(err, licensing.ErrNotFound) &&
			!errors.Is(err, licensing.ErrStale) {
			return err
		}
	}
	return licensing.ErrStale
}

// referenceClaimGrace is the time, in milliseconds, for which a claimed reference is honoured although the customer's record does not have
// it yet.
const referenceClaimGrace = 60_000

// releaseReference releases the reference of a customer.
func (s *Service) releaseReference(ctx context.Context, c Customer) error {
	if c.Reference == "" {
		return nil
	}
	kept, err := s.store.Entry(ctx, referenceKind, referenceID(c))
	if err == nil && license.ID(kept.Body) == c.ID {
		err = s.store.DeleteEntry(ctx, referenceKind, kept.ID, kept.Revision)
	}
	if errors.Is(err, licensing.ErrNotFound) || errors.Is(err, licensing.ErrStale) {
		return nil
	}
	return err
}
