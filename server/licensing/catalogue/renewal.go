package catalogue

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Renewal adds to the limits of a license.
type Renewal struct {
	Key         string // idempotency key of the caller, such as an order number
	Extend      int64  // milliseconds, added to the end of the license, or to now if that has passed
	Calls       int64  // added to the allowance
	Maintenance int64  // milliseconds, added to the end of the maintenance, or to now if that has passed or there was none
}

// Renew adds time, calls or maintenance to a license. A suspended license stays suspended; an expired one works again.
func (s *Service) Renew(ctx context.Context, org, id license.ID, r Renewal) (licensing.License, error) {
	if r.Extend == 0 && r.Calls == 0 && r.Maintenance == 0 {
		return licensing.License{}, licensing.NewInvalid("extend_ms", "is missing, and so are calls and maintenance: there is nothing to renew")
	}
	if err := licensing.FirstError(
		licensing.CheckRange("extend_ms", r.Extend, 0, licensing.MaxDuration),
		licensing.CheckRange("calls", r.Calls, 0, lease.MaxCount),
		licensing.CheckRange("maintenance_ms", r.Maintenance, 0, licensing.MaxDuration),
	); err != nil {
		return licensing.License{}, err
	}
	same := func(e licensing.HistoryEntry) bool {
		return e.Kind == licensing.Renewed && e.Extend == r.Extend && e.Calls == r.Calls && e.MaintenanceAdded == r.Maintenance
	}
	renew := func(l *licensing.License, p licensing.Policy) (licensing.HistoryEntry, error) {
		now := s.env.Now()
		switch {
		case r.Extend > 0 && !p.Type.LimitsTime():
			return licensing.HistoryEntry{}, licensing.NewInvalid("extend_ms", "is given, but a license of the type %s has no end", p.Type)
		case r.Calls > 0 && !p.Type.LimitsCalls():
			return licensing.HistoryEntry{}, licensing.NewInvalid("calls", "is given, but the type %s does not count calls", p.Type)
		case r.Extend > 0 && l.AwaitsFirstActivation():
			l.Term.After += r.Extend
		case r.Extend > 0:
			l.Expires = max(l.Expires, now) + lease.Time(r.Extend)
		}
		l.Allowance += r.Calls
		if r.Maintenance > 0 {
			l.Maintenance = max(l.Maintenance, now) + lease.Time(r.Maintenance)
		}
		return licensing.HistoryEntry{Kind: licensing.Renewed, Extend: r.Extend, Calls: r.Calls, MaintenanceAdded: r.Maintenance}, nil
	}
	l, _, err := s.history.ChangeOnce(ctx, org, id, r.Key, same, renew)
	return l, err
}

// Transfer gives a license to another customer.
type Transfer struct {
	Key                string // idempotency key of the caller; empty: a new one
	Customer           string // name; empty: the name in the customer's record
	CustomerID         license.ID
	CloseInstallations bool // deactivate the installations of the previous customer
}

// Transfer assigns a license to another customer. Usage is preserved; a trial counts as one of the new customer. Closing the installations
// of the previous customer is no transfer of machines.
func (s *Service) Transfer(ctx context.Context, org, id license.ID, t Transfer) (licensing.License, error) {
	if t.Key == "" {
		made, err := s.env.NewID(ctx)
		if err != nil {
			return licensing.License{}, err
		}
		t.Key = string(made)
	}
	same := func(e licensing.HistoryEntry) bool {
		return e.Kind == licensing.Transferred && e.ToID == t.CustomerID && (e.To == t.Customer || t.Customer == "")
	}
	var tried licensing.Entry
	transfer := func(l *licensing.License, p licensing.Policy) (_ licensing.HistoryEntry, err error) {
		e := licensing.HistoryEntry{Kind: licensing.Transferred, From: l.Customer, FromID: l.CustomerID, ToID: t.CustomerID}
		l.Customer, l.CustomerID = t.Customer, t.CustomerID
		if err := s.resolveCustomer(ctx, l); err != nil {
			return licensing.HistoryEntry{}, err
		}
		e.To = l.Customer
		if err := licensing.CheckText("customer", l.Customer, 1, licensing.MaxText); err != nil {
			return licensing.HistoryEntry{}, err
		}
		if tried.Kind == "" && l.CustomerID != e.FromID {
			tried, err = s.claimTrial(ctx, *l, p)
		}
		return e, err
	}
	l, made, err := s.history.ChangeOnce(ctx, org, id, t.Key, same, transfer)
	if err != nil {
		return l, s.releaseTrial(ctx, tried, err)
	}
	if t.CustomerID != "" && l.CustomerID == t.CustomerID {
		err = s.clearDeletedCustomer(ctx, l)
	}
	if err != nil || !t.CloseInstallations {
		return l, err
	}
	return l, s.deactivateAll(ctx, org, id, made.Time)
}

// deactivateAll closes all activations of a license that were created until then.
func (s *Service) deactivateAll(ctx context.Context, org, id license.ID, until lease.Time) error {
	page := licensing.Page{Limit: 200}
	for {
		found, err := s.store.Activations(ctx, org, id, page)
		if err != nil {
			return err
		}
		for _, a := range found.Items {
			//mutant:tests drop 2: a transfer closes what was there before it
			if a.Closed == 0 && a.Created <= until {
				if err := s.installations.Deactivate(ctx, org, a.ActivationKey); err != nil {
					return err
				}
			}
		}
		if page.After = found.Next; page.After == "" {
			return nil
		}
	}
}
