package keys

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/server/licensing"
)

// ReencryptResult counts the products whose private keys were sealed with the current master key.
type ReencryptResult struct {
	Products    int     // of all organisations
	Reencrypted int     // sealed with the current master key by this call
	Unreadable  []error // one for each product whose keys no configured master key opens
}

// ReencryptKeys seals with the current master key all private keys that are sealed with an earlier one that is still configured. each calls
// its argument for every product of all organisations. Products are changed one by one: when it is interrupted, or runs on two nodes at a
// time, nothing is lost, and the next call continues.
func (s *Service) ReencryptKeys(
	ctx context.Context, each func(context.Context, func(licensing.Product) error) error,
) (r ReencryptResult, err error) {
	var stale []licensing.Record
	err = each(ctx, func(p licensing.Product) error {
		r.Products++
		sealed, err := s.issuer.Reencrypt(p.ID, p.SealedKeys)
		switch {
		case err != nil:
			r.Unreadable = append(r.Unreadable, err)
		case sealed != nil:
			stale = append(stale, p.Record)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	for _, m := range stale {
		_, err := s.updateKeys(ctx, m.Organisation, m.ID, func(p *licensing.Product, _ time.Time) error {
			sealed, err := s.issuer.Reencrypt(p.ID, p.SealedKeys)
			if err == nil && sealed != nil {
				p.SealedKeys = sealed
			}
			return err
		})
		if err = licensing.IgnoreNotFound(err); err != nil { // a product that was deleted concurrently needs no change
			return r, err
		}
		r.Reencrypted++
	}
	return r, nil
}
