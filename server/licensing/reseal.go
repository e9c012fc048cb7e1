package licensing

import (
	"context"
	"time"
)

// Resealed is what became of the products' private keys under the present master key.
type Resealed struct {
	Products int     // of all organisations
	Anew     int     // sealed anew
	Lost     []error // one for each product whose keys open under no key at hand
}

// ResealKeys seals under the present master key what was sealed under another one that is still at hand; each lists every product. Each is
// changed by itself, as any change of its keys is: whoever stops it, or does it on two nodes at a time, loses nothing, and the next call
// goes on.
func (s *Service) ResealKeys(ctx context.Context, each func(context.Context, func(Product) error) error) (r Resealed, err error) {
	var stale []Meta
	err = each(ctx, func(p Product) error {
		r.Products++
		sealed, err := s.issuer.Reseal(p.ID, p.Secret)
		switch {
		case err != nil:
			r.Lost = append(r.Lost, err)
		case sealed != nil:
			stale = append(stale, p.Meta)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	for _, m := range stale {
		_, err := s.rekey(ctx, m.Organisation, m.ID, func(p *Product, _ time.Time) error {
			sealed, err := s.issuer.Reseal(p.ID, p.Secret)
			if err == nil && sealed != nil {
				p.Secret = sealed
			}
			return err
		})
		if err = other(err); err != nil { // one that was deleted meanwhile needs nothing
			return r, err
		}
		r.Anew++
	}
	return r, nil
}
