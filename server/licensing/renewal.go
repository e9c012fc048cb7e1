package licensing

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// StartTerm gives a new license the end of its term, if the term counts from the creation.
func (l *License) StartTerm() error {
	if l.Term.After == 0 {
		l.Term = Term{}
		return nil
	}
	if l.Expires != 0 {
		return NewInvalid("expires_after", "is given beside expires: one of them is the end")
	}
	if l.Term.From == "" {
		l.Term.From = FromCreation
	}
	if l.Term.From == FromCreation {
		l.Expires = l.Created + lease.Time(l.Term.After)
	}
	return nil
}

// AwaitsFirstActivation tells whether the license has a term that nobody's activation has begun yet.
func (l *License) AwaitsFirstActivation() bool {
	return l.Term.From == FromActivation && l.Expires == 0
}

// startTerm begins the term of a license with the first request that is accepted: its first activation, or, where the vendor has taken the end of
// a running license away, whoever comes next. It is written before that request is made true: whoever comes at the same time finds the term
// begun, and who has died in between has begun it. So it is done only for who will not be refused. On success it is ErrStale, for the
// request is to be decided on the license as it is then.
func (s *Service) startTerm(ctx context.Context, x *syncRequest, begins *ActivationLimits) error {
	if begins != nil {
		m, err := s.store.Meter(ctx, x.key.License)
		if err == nil {
			//mutant:tests blank: a refused activation begins no term
			err = m.Join(begins, x.now, x.key.Activation)
		}
		if err != nil {
			return err
		}
	}
	l := x.license.License
	l.Expires = x.now + lease.Time(l.Term.After)
	if err := s.recordHistory(ctx, &l, HistoryEntry{Kind: Started}); err != nil {
		return err
	}
	if _, err := s.store.UpdateLicense(ctx, l); err != nil {
		return err
	}
	return ErrStale
}

// Renewal is more of what a license is limited by. Each part is on top of what there is.
type Renewal struct {
	Key         string // the caller's own, such as the number of an order: the same again changes nothing
	Extend      int64  // milliseconds, from the license's end, or from now if that has passed
	Calls       int64  // on top of the allowance
	Maintenance int64  // milliseconds, from the end of the maintenance, or from now if that has passed or there was none
}

// Renew gives a license more time, calls or maintenance. A suspended license stays suspended, an expired one works again.
func (s *Service) Renew(ctx context.Context, org, id license.ID, r Renewal) (License, error) {
	if r.Extend == 0 && r.Calls == 0 && r.Maintenance == 0 {
		return License{}, NewInvalid("extend", "is missing, and so are calls and maintenance: there is nothing to renew")
	}
	if err := FirstError(CheckRange("extend", r.Extend, 0, MaxDuration), CheckRange("calls", r.Calls, 0, lease.MaxCount), CheckRange("maintenance", r.Maintenance, 0, MaxDuration)); err != nil {
		return License{}, err
	}
	same := func(e HistoryEntry) bool {
		return e.Kind == Renewed && e.Extend == r.Extend && e.Calls == r.Calls && e.MaintenanceAdded == r.Maintenance
	}
	l, _, err := s.changeOnce(ctx, org, id, r.Key, same, func(l *License, p Policy) (HistoryEntry, error) {
		now := s.now()
		switch {
		case r.Extend > 0 && !p.Type.LimitsTime():
			return HistoryEntry{}, NewInvalid("extend", "is given, but a license of the type %s has no end", p.Type)
		case r.Calls > 0 && !p.Type.LimitsCalls():
			return HistoryEntry{}, NewInvalid("calls", "is given, but the type %s does not count calls", p.Type)
		case r.Extend > 0 && l.AwaitsFirstActivation():
			l.Term.After += r.Extend
		case r.Extend > 0:
			l.Expires = max(l.Expires, now) + lease.Time(r.Extend)
		}
		l.Allowance += r.Calls
		if r.Maintenance > 0 {
			l.Maintenance = max(l.Maintenance, now) + lease.Time(r.Maintenance)
		}
		return HistoryEntry{Kind: Renewed, Extend: r.Extend, Calls: r.Calls, MaintenanceAdded: r.Maintenance}, nil
	})
	return l, err
}

// Transfer makes a license another customer's.
type Transfer struct {
	Key                string // the caller's own: the same again changes nothing; empty: this is a transfer of its own
	Customer           string // empty: the name in the record
	CustomerID         license.ID
	CloseInstallations bool // the installations of the one before are deactivated
}

// Transfer changes whose a license is. Its usage stays; a trial is one of its new customer's. Closing the installations of the customer before
// is no move of theirs.
func (s *Service) Transfer(ctx context.Context, org, id license.ID, t Transfer) (License, error) {
	if t.Key == "" {
		made, err := s.newID(ctx)
		if err != nil {
			return License{}, err
		}
		t.Key = string(made)
	}
	same := func(e HistoryEntry) bool {
		return e.Kind == Transferred && e.ToID == t.CustomerID && (e.To == t.Customer || t.Customer == "")
	}
	var tried Entry
	l, made, err := s.changeOnce(ctx, org, id, t.Key, same, func(l *License, p Policy) (_ HistoryEntry, err error) {
		e := HistoryEntry{Kind: Transferred, From: l.Customer, FromID: l.CustomerID, ToID: t.CustomerID}
		l.Customer, l.CustomerID = t.Customer, t.CustomerID
		if err := s.resolveCustomer(ctx, l); err != nil {
			return HistoryEntry{}, err
		}
		e.To = l.Customer
		if err := CheckText("customer", l.Customer, 1, MaxText); err != nil {
			return HistoryEntry{}, err
		}
		if tried.Kind == "" && l.CustomerID != e.FromID {
			tried, err = s.claimTrial(ctx, *l, p)
		}
		return e, err
	})
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

// deactivateAll deactivates all installations of a license that were made until the given time.
func (s *Service) deactivateAll(ctx context.Context, org, id license.ID, until lease.Time) error {
	page := Page{Limit: 200}
	for {
		found, err := s.store.Activations(ctx, org, id, page)
		if err != nil {
			return err
		}
		for _, a := range found.Items {
			//mutant:tests drop 2: a transfer closes what was there before it
			if a.Closed == 0 && a.Created <= until {
				if err := s.Deactivate(ctx, org, a.ActivationKey); err != nil {
					return err
				}
			}
		}
		if page.After = found.Next; page.After == "" {
			return nil
		}
	}
}
