package licensing

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

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
}

// ref names the product's newest statement; nil when it has none.
func (l *lists) ref(p *Product) *lease.ListRef {
	if len(p.List) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.all[p.ID]
	if !bytes.Equal(known.text, p.List) {
		statement, err := lease.ReadStatement(p.List)
		if err != nil {
			return nil // nothing but Publish writes it
		}
		known = list{p.List, &lease.ListRef{Number: statement.Number, Hash: lease.HashOf(p.List)}}
		if l.all == nil {
			l.all = map[license.ID]list{}
		}
		l.all[p.ID] = known
	}
	return known.ref
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

// Publish makes and signs the product's next statement: the last one, changed by edit. What was said of a key or a license is never taken
// back.
func (s *Service) Publish(ctx context.Context, org, product license.ID, edit func(*lease.Statement)) (Product, error) {
	p, err := s.store.Product(ctx, org, product)
	if err != nil {
		return Product{}, err
	}
	old, err := s.Statement(p)
	if err != nil {
		return Product{}, err
	}
	next := old
	next.Keys, next.Licenses = slices.Clone(old.Keys), slices.Clone(old.Licenses)
	edit(&next)
	// Numbers are times, as epochs are: a server that was rolled back makes no second statement with a number that is out already.
	now := s.now()
	next.Product, next.Number, next.Time = product, max(old.Number+1, int64(now/1000)), now
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
		return Product{}, invalid("statement", "has %d bytes, at most %d are allowed", n, lease.MaxStatement)
	}
	signer, err := s.issuer.Signer(p.ID, p.Secret)
	if err != nil {
		return Product{}, fmt.Errorf("product %s: %w", p.ID, err)
	}
	if p.List, err = lease.SignStatement(next, signer, s.clock()); err != nil {
		return Product{}, fmt.Errorf("product %s: signing its statement: %w", p.ID, err)
	}
	p.Updated = now
	return s.store.UpdateProduct(ctx, p)
}
