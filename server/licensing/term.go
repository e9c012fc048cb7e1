package licensing

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// begin gives a new license the end of its term, if the term counts from the creation.
func (l *License) begin() error {
	if l.Term.After == 0 {
		l.Term = Term{}
		return nil
	}
	if l.Expires != 0 {
		return invalid("expires_after", "is given beside expires: one of them is the end")
	}
	if l.Term.From == "" {
		l.Term.From = FromCreation
	}
	if l.Term.From == FromCreation {
		l.Expires = l.Created + lease.Time(l.Term.After)
	}
	return nil
}

// waits tells whether the license has a term that nobody's activation has begun yet.
func (l *License) waits() bool { return l.Term.From == FromActivation && l.Expires == 0 }

// start begins the term of a license with the first request that is accepted: its first activation, or, where the vendor has taken the end of
// a running license away, whoever comes next. It is written before that request is made true: whoever comes at the same time finds the term
// begun, and who has died in between has begun it. So it is done only for who will not be refused. On success it is ErrStale, for the
// request is to be decided on the license as it is then.
func (s *Service) start(ctx context.Context, x *exchange, begins *Activate) error {
	if begins != nil {
		m, err := s.store.Meter(ctx, x.key.License)
		if err == nil {
			//mutant:tests blank: a refused activation begins no term
			err = m.Admit(begins, x.now, x.key.Activation)
		}
		if err != nil {
			return err
		}
	}
	l := x.terms.License
	l.Expires = x.now + lease.Time(l.Term.After)
	if err := s.remember(ctx, &l, Event{Kind: Started}); err != nil {
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
		return License{}, invalid("extend", "is missing, and so are calls and maintenance: there is nothing to renew")
	}
	if err := first(within("extend", r.Extend, 0, maxDuration), within("calls", r.Calls, 0, lease.MaxCount), within("maintenance", r.Maintenance, 0, maxDuration)); err != nil {
		return License{}, err
	}
	same := func(e Event) bool {
		return e.Kind == Renewed && e.Extend == r.Extend && e.Calls == r.Calls && e.Maintained == r.Maintenance
	}
	l, _, err := s.happen(ctx, org, id, r.Key, same, func(l *License, p Policy) (Event, error) {
		now := s.now()
		switch {
		case r.Extend > 0 && !p.Type.Expiring():
			return Event{}, invalid("extend", "is given, but a license of the type %s has no end", p.Type)
		case r.Calls > 0 && !p.Type.Counted():
			return Event{}, invalid("calls", "is given, but the type %s does not count calls", p.Type)
		case r.Extend > 0 && l.waits():
			l.Term.After += r.Extend
		case r.Extend > 0:
			l.Expires = max(l.Expires, now) + lease.Time(r.Extend)
		}
		l.Allowance += r.Calls
		if r.Maintenance > 0 {
			l.Maintenance = max(l.Maintenance, now) + lease.Time(r.Maintenance)
		}
		return Event{Kind: Renewed, Extend: r.Extend, Calls: r.Calls, Maintained: r.Maintenance}, nil
	})
	return l, err
}

// Transfer makes a license another customer's.
type Transfer struct {
	Key        string // the caller's own: the same again changes nothing; empty: this is a transfer of its own
	Customer   string // empty: the name in the record
	CustomerID license.ID
	Close      bool // the installations of the one before are deactivated
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
	same := func(e Event) bool {
		return e.Kind == Transferred && e.ToID == t.CustomerID && (e.To == t.Customer || t.Customer == "")
	}
	var tried Entry
	l, made, err := s.happen(ctx, org, id, t.Key, same, func(l *License, p Policy) (_ Event, err error) {
		e := Event{Kind: Transferred, From: l.Customer, FromID: l.CustomerID, ToID: t.CustomerID}
		l.Customer, l.CustomerID = t.Customer, t.CustomerID
		if err := s.customer(ctx, l); err != nil {
			return Event{}, err
		}
		e.To = l.Customer
		if err := text("customer", l.Customer, 1, MaxText); err != nil {
			return Event{}, err
		}
		if tried.Kind == "" && l.CustomerID != e.FromID {
			tried, err = s.tries(ctx, *l, p)
		}
		return e, err
	})
	if err != nil {
		return l, s.untried(ctx, tried, err)
	}
	if t.CustomerID != "" && l.CustomerID == t.CustomerID {
		err = s.orNobodys(ctx, l)
	}
	if err != nil || !t.Close {
		return l, err
	}
	return l, s.closeAll(ctx, org, id, made.Time)
}

// closeAll deactivates all installations of a license that were made until the given time.
func (s *Service) closeAll(ctx context.Context, org, id license.ID, until lease.Time) error {
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
