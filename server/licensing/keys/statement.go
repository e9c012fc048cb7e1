package keys

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
	"github.com/onelicense/onelicense/server/licensing"
)

// statementCache caches number and hash of the products' newest statements, which each lease names.
type statementCache struct {
	mu      sync.Mutex
	entries map[license.ID]cachedStatement
}

type cachedStatement struct {
	text []byte
	ref  *lease.StatementRef
	due  lease.Time // when to publish the next one even without changes; 0: never
}

// ref returns number and hash of the product's newest statement; nil if there is none.
func (l *statementCache) ref(p *licensing.Product) *lease.StatementRef { return l.lookup(p).ref }

func (l *statementCache) lookup(p *licensing.Product) cachedStatement {
	if len(p.Statement) == 0 {
		return cachedStatement{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.entries[p.ID]
	if !bytes.Equal(known.text, p.Statement) {
		statement, err := lease.ParseTrustedStatement(p.Statement)
		if err != nil {
			return cachedStatement{} // only signStatement writes it
		}
		known = cachedStatement{text: p.Statement, ref: &lease.StatementRef{Number: statement.Number, Hash: lease.HashOf(p.Statement)}}
		if statement.MaxAge > 0 {
			known.due = statement.Time + lease.Time(statement.MaxAge/2)
		}
		if l.entries == nil {
			l.entries = map[license.ID]cachedStatement{}
		}
		l.entries[p.ID] = known
	}
	return known
}

// EnsureCurrentStatement returns the product with a statement that is not about to exceed the maximum age for license files. It publishes
// the next one if needed. If that fails, the present one is returned: it is still valid, and the next request tries again.
func (s *Service) EnsureCurrentStatement(ctx context.Context, p licensing.Product) licensing.Product {
	if due := s.statements.lookup(&p).due; due == 0 || s.env.Now() < due {
		return p
	}
	next, err := s.UpdateStatement(ctx, p.Organisation, p.ID, func(*lease.Statement) {})
	if err != nil {
		return p
	}
	return next
}

// RevocationList returns the signed text of the product's newest statement, which is public; a *licensing.Conflict with CodeNoStatement if
// there is none.
func (s *Service) RevocationList(ctx context.Context, product license.ID) ([]byte, error) {
	p, err := s.store.ProductWithKeys(ctx, product)
	if err != nil {
		return nil, err
	}
	if p = s.EnsureCurrentStatement(ctx, p); len(p.Statement) == 0 {
		return nil, licensing.NewConflict(licensing.CodeNoStatement, "product %s has made no statement yet", product)
	}
	return p.Statement, nil
}

// The limits of the maximum age of statements for license files, in milliseconds.
const (
	MinStatementAge = 3_600_000
	MaxStatementAge = 10 * 366 * 86_400_000
)

// PublishStatement publishes the product's next statement, also if nothing has changed. maxAge sets how old a statement license files
// accept from then on, in milliseconds; 0: any age, nil: as before.
func (s *Service) PublishStatement(ctx context.Context, org, product license.ID, maxAge *int64) (licensing.Product, error) {
	if maxAge != nil && *maxAge != 0 {
		if err := licensing.CheckRange("max_age_ms", *maxAge, MinStatementAge, MaxStatementAge); err != nil {
			return licensing.Product{}, err
		}
	}
	return s.UpdateStatement(ctx, org, product, func(next *lease.Statement) {
		if maxAge != nil {
			next.MaxAge = *maxAge
		}
	})
}

// Statement returns what the product's newest statement says of its keys and licenses; empty if there is none.
func (s *Service) Statement(p licensing.Product) (lease.Statement, error) {
	if len(p.Statement) == 0 {
		return lease.Statement{Product: p.ID}, nil
	}
	said, err := lease.ParseTrustedStatement(p.Statement)
	if err != nil {
		return lease.Statement{}, fmt.Errorf("product %s: its statement: %w", p.ID, err)
	}
	return *said, nil
}

// UpdateStatement publishes the product's next statement: the last one, changed by edit, which may be called more than once. Retired keys
// and revoked licenses always stay in the statement.
func (s *Service) UpdateStatement(ctx context.Context, org, product license.ID, edit func(*lease.Statement)) (licensing.Product, error) {
	return s.updateKeys(ctx, org, product, func(p *licensing.Product, now time.Time) error { return s.signStatement(p, now, edit) })
}

// signStatement signs the next statement and stores it in the record.
func (s *Service) signStatement(p *licensing.Product, at time.Time, edit func(*lease.Statement)) error {
	old, err := s.Statement(*p)
	if err != nil {
		return err
	}
	next := old
	next.Keys, next.Licenses = slices.Clone(old.Keys), slices.Clone(old.Licenses)
	edit(&next)
	// Numbers are times, as epochs are: a server that was rolled back does not publish a number twice.
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
		return licensing.NewInvalid("statement", "has %d bytes, at most %d are allowed", n, lease.MaxStatement)
	}
	signer, err := s.issuer.Signer(p.ID, p.SealedKeys)
	if err != nil {
		return fmt.Errorf("product %s: %w", p.ID, err)
	}
	p.Statement, err = lease.SignStatement(next, signer, at)
	return s.MissingKeyError(err, "a statement")
}

// MissingKeyError returns err, or a *licensing.Conflict with CodeKeyMissing if err says that no private key on this server can sign; what
// names the thing to be signed.
func (s *Service) MissingKeyError(err error, what string) error {
	if refused := (*license.Error)(nil); errors.As(err, &refused) && refused.Code == license.CodeKeyUse {
		return licensing.NewConflict(licensing.CodeKeyMissing, "no key on this server is good for signing %s at present", what)
	}
	return err
}
