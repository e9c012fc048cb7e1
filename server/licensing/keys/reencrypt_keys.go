package keys

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/server/licensing"
)

// ReencryptResult is what became of the products' private keys under the present master key.
type ReencryptResult struct {
	Products    int     // of all organisations
	Reencrypted int     // sealed anew
	Unreadable  []error // one for each product whose keys open under no key at hand
}

// ReencryptKeys seals under the present master key what was sealed under another one that is still at hand; each lists every product. Each is
// changed by itself, as any change of its keys is: whoever stops it, or does it on two nodes at a time, loses nothing, and the next call
// goes on.
func (s *Service) ReencryptKeys(ctx context.Context, each func(context.Context, func(licensing.Product) error) error) (r ReencryptResult, err error) {
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
		if err = licensing.IgnoreNotFound(err); err != nil { // one that was deleted meanwhile needs nothing
			return r, err
		}
		r.Reencrypted++
	}
	return r, nil
}
