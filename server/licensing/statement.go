package licensing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// lists remembers number and hash of the products' statements, which each lease names.
type lists struct {
	mu  sync.Mutex
	all map[license.ID]list
}

type list struct {
	text []byte
	ref  *lease.ListRef
	due  lease.Time // when the next should follow, also if there is nothing new; 0: never
}

// ref names the product's newest statement; nil when it has none.
func (l *lists) ref(p *Product) *lease.ListRef { return l.of(p).ref }

func (l *lists) of(p *Product) list {
	if len(p.List) == 0 {
		return list{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.all[p.ID]
	if !bytes.Equal(known.text, p.List) {
		statement, err := lease.ReadStatement(p.List)
		if err != nil {
			return list{} // nothing but Publish writes it
		}
		known = list{text: p.List, ref: &lease.ListRef{Number: statement.Number, Hash: lease.HashOf(p.List)}}
		if statement.MaxAge > 0 {
			known.due = statement.Time + lease.Time(statement.MaxAge/2)
		}
		if l.all == nil {
			l.all = map[license.ID]list{}
		}
		l.all[p.ID] = known
	}
	return known
}

// fresh is the product with a statement that is not about to be too old for license files. Making the next one may fail: the present one
// is still good, and the next request tries again.
func (s *Service) fresh(ctx context.Context, p Product) Product {
	if due := s.lists.of(&p).due; due == 0 || s.now() < due {
		return p
	}
	next, err := s.Publish(ctx, p.Organisation, p.ID, func(*lease.Statement) {})
	if err != nil {
		return p
	}
	return next
}

// ProductList is public: the signed text of the product's newest statement, whoever asks.
func (s *Service) ProductList(ctx context.Context, product license.ID) ([]byte, error) {
	p, err := s.store.KeysOf(ctx, product)
	if err != nil {
		return nil, err
	}
	if p = s.fresh(ctx, p); len(p.List) == 0 {
		return nil, Conflicting(NoStatement, "product %s has made no statement yet", product)
	}
	return p.List, nil
}

// The bounds of how old a statement may be for license files, in milliseconds.
const (
	MinListAge = 3_600_000
	MaxListAge = 10 * 366 * 86_400_000
)

// PublishList makes the product's next statement, also if there is nothing new. With a maxAge that is not nil, license files need one from
// then on that is no older; 0: any will do.
func (s *Service) PublishList(ctx context.Context, org, product license.ID, maxAge *int64) (Product, error) {
	if maxAge != nil && *maxAge != 0 {
		if err := within("max_age", *maxAge, MinListAge, MaxListAge); err != nil {
			return Product{}, err
		}
	}
	return s.Publish(ctx, org, product, func(next *lease.Statement) {
		if maxAge != nil {
			next.MaxAge = *maxAge
		}
	})
}

// RevokeLicense revokes a license for good, and says so in the product's next statement, for its files. The license comes first: if the
// statement fails, the call does, and the next one goes on.
func (s *Service) RevokeLicense(ctx context.Context, org, id license.ID) (License, error) {
	l, err := s.store.License(ctx, org, id)
	for n := 0; err == nil && l.Status != Revoked; n++ {
		l.Status = Revoked
		if l, err = s.UpdateLicense(ctx, l); errors.Is(err, ErrStale) && n < attempts {
			l, err = s.store.License(ctx, org, id)
		}
	}
	if err != nil {
		return l, err
	}
	p, err := s.store.Product(ctx, org, l.Product)
	if err != nil {
		return l, err
	}
	if said, err := s.Statement(p); err != nil || said.Revokes(id) {
		return l, err
	}
	_, err = s.Publish(ctx, org, l.Product, func(next *lease.Statement) { next.Licenses = append(next.Licenses, id) })
	return l, err
}

// Statement is what a product has said of its keys and licenses so far; zero when it has said nothing.
func (s *Service) Statement(p Product) (lease.Statement, error) {
	if len(p.List) == 0 {
		return lease.Statement{Product: p.ID}, nil
	}
	said, err := lease.ReadStatement(p.List)
	if err != nil {
		return lease.Statement{}, fmt.Errorf("product %s: its statement: %w", p.ID, err)
	}
	return *said, nil
}

// Publish makes and signs the product's next statement: the last one, changed by edit, which may be called more than once. What was said
// of a key or a license is never taken back.
func (s *Service) Publish(ctx context.Context, org, product license.ID, edit func(*lease.Statement)) (Product, error) {
	return s.rekey(ctx, org, product, func(p *Product, now time.Time) error { return s.publish(p, now, edit) })
}

// publish puts the next statement into the record.
func (s *Service) publish(p *Product, at time.Time, edit func(*lease.Statement)) error {
	old, err := s.Statement(*p)
	if err != nil {
		return err
	}
	next := old
	next.Keys, next.Licenses = slices.Clone(old.Keys), slices.Clone(old.Licenses)
	edit(&next)
	// Numbers are times, as epochs are: a server that was rolled back makes no second statement with a number that is out already.
	now := lease.Time(at.UnixMilli())
	next.Product, next.Number, next.Time = p.ID, max(old.Number+1, int64(now/1000)), now
	for _, k := range old.Keys {
		if !slices.ContainsFunc(next.Keys, func(n lease.KeyStatement) bool { return n.Key == k.Key }) {
			next.Keys = append(next.Keys, k)
		}
	}
	slices.SortFunc(next.Keys, func(a, b lease.KeyStatement) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	next.Licenses = append(next.Licenses, old.Licenses...)
	slices.Sort(next.Licenses)
	next.Licenses = slices.Compact(next.Licenses)
	if n := len(next.Document()); n > lease.MaxStatement {
		return invalid("statement", "has %d bytes, at most %d are allowed", n, lease.MaxStatement)
	}
	signer, err := s.issuer.Signer(p.ID, p.Secret)
	if err != nil {
		return fmt.Errorf("product %s: %w", p.ID, err)
	}
	p.List, err = lease.SignStatement(next, signer, at)
	return s.unsigned(err, "a statement")
}

// unsigned tells a key that is not here from a failure.
func (s *Service) unsigned(err error, what string) error {
	if refused := (*license.Error)(nil); errors.As(err, &refused) && refused.Code == license.CodeKeyUse {
		return Conflicting(KeyMissing, "no key on this server is good for signing %s at present", what)
	}
	return err
}
