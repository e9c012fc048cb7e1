package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Reservations implements licensing.SyncStore. The rows have no sequence number, which each grant would have to pay for; a page is sorted
// instead, and its cursor has the columns of its last row.
func (s *Store) Reservations(_ context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
	listing := licensing.Listing[licensing.Reservation]{Items: []licensing.Reservation{}}
	if err := s.requireLicense(org, id); err != nil {
		return listing, err
	}
	w, err := newPageWindow(licensing.Page{Limit: page.Limit, Search: page.Search})
	if err != nil {
		return listing, err
	}
	since, activation, entitlement := int64(1<<63-1), "", ""
	if page.After != "" {
		parts := strings.SplitN(page.After, ".", 3)
		if len(parts) != 3 {
			return listing, &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}
		}
		if _, err := fmt.Sscan(parts[0], &since); err != nil {
			return listing, &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}
		}
		activation, entitlement = parts[1], parts[2]
	}
	err = s.rows(func(row scanner) error {
		if len(listing.Items) == w.limit {
			last := listing.Items[w.limit-1]
			listing.Next = fmt.Sprintf("%d.%s.%s", last.Since, last.Activation, last.Entitlement)
			return nil
		}
		r := licensing.Reservation{ActivationKey: licensing.ActivationKey{License: id}}
		err := row.Scan(&r.Activation, &r.Entitlement, &r.Context, &r.Since, &r.Until)
		listing.Items = append(listing.Items, r)
		return err
	}, `SELECT activation, entitlement, context, since, until FROM reservations
		WHERE license = ? AND (-since, activation, entitlement) > (?, ?, ?) AND instr(activation, ?)
		ORDER BY -since, activation, entitlement LIMIT ?`, id, -since, activation, entitlement, w.search, w.limit+1)
	return listing, err
}

// FreeReservation implements licensing.SyncStore.
func (s *Store) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string, _ lease.Time) error {
	return s.write(ctx, func(t *tx) error {
		if there, err := rowExists(t, `SELECT 1 FROM activations WHERE license = ? AND activation = ? AND org = ?`, key.License, key.Activation,
			org); err != nil || !there {
			return orNotFound(err)
		}
		return releaseSeat(t, key, entitlement)
	})
}
