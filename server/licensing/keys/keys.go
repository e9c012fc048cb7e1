package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Keys returns the product and its keys, the root first, with the states that certificate and statement give them together.
func (s *Service) Keys(ctx context.Context, org, product license.ID) (licensing.Product, []licensing.Key, error) {
	p, err := s.store.Product(ctx, org, product)
	if err != nil {
		return licensing.Product{}, nil, err
	}
	keys, err := s.keysWithStatement(p)
	return p, keys, err
}

// keysWithStatement returns the keys of the product with the states of its statement applied.
func (s *Service) keysWithStatement(p licensing.Product) ([]licensing.Key, error) {
	keys, err := s.issuer.Keys(p.ID, p.SealedKeys, s.env.Clock())
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", p.ID, err)
	}
	said, err := s.Statement(p)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if k, ok := said.Key(keys[i].Fingerprint); ok && keys[i].State != licensing.KeyCompromised {
			keys[i].State, keys[i].IsActive = licensing.KeyState(k.Status), false
			if keys[i].Revoked.IsZero() {
				keys[i].Revoked = k.Since.Std().UTC()
			}
		}
	}
	return keys, nil
}

// AddKey creates the next key for a use. Programs learn of it with their next sync; it signs once it is promoted. If the root key is kept
// elsewhere, the key is requested, and becomes next when the certificate of the root is imported. The key expires at end; zero: never.
func (s *Service) AddKey(ctx context.Context, org, product license.ID, use license.Use, end time.Time) (licensing.Product, error) {
	if !slices.Contains(append([]license.Use{license.UseFile}, licensing.ServerUses...), use) {
		return licensing.Product{}, licensing.NewInvalid("use", "is %q, not file, lease, statement or delegation", use)
	}
	if !end.IsZero() && !end.After(s.env.Clock()) {
		return licensing.Product{}, licensing.NewInvalid("expires", "is in the past")
	}
	return s.updateKeys(ctx, org, product, func(p *licensing.Product, now time.Time) error {
		return p.SetKeys(s.issuer.AddKey(p.ID, p.SealedKeys, use, end, now))
	})
}

// ChangeKeyState promotes, retires or compromises a key, or cancels the request for one. Programs learn of it with their next sync, others
// from the product's next statement.
func (s *Service) ChangeKeyState(
	ctx context.Context, org, product license.ID, key string, action licensing.KeyAction,
) (licensing.Product, error) {
	return s.updateKeys(ctx, org, product, func(p *licensing.Product, now time.Time) error {
		if err := s.checkKeyAction(*p, key, action); err != nil {
			return err
		}
		if err := p.SetKeys(s.issuer.ChangeKeyState(p.ID, p.SealedKeys, key, action, now)); err != nil {
			return err
		}
		switch action {
		case licensing.RetireKey:
			return s.publishKeyStatus(p, now, KeyStatement(key, lease.Retired, now))
		case licensing.CompromiseKey:
			return s.publishKeyStatus(p, now, KeyStatement(key, lease.Compromised, now))
		}
		return nil
	})
}

// checkKeyAction returns a *licensing.Conflict if the statement rules out the action: it may know of a state that the certificate, whose
// root key is kept elsewhere, does not show.
func (s *Service) checkKeyAction(p licensing.Product, key string, action licensing.KeyAction) error {
	said, err := s.Statement(p)
	if err != nil {
		return err
	}
	if k, ok := said.Key(key); ok && (action != licensing.CompromiseKey || k.Status == lease.Compromised) {
		return licensing.NewConflict(licensing.CodeKeyWrongState, "key %s is %s", key, k.Status)
	}
	return nil
}

// ImportCertificate adopts a certificate of the product's root key: what the root, kept elsewhere, has certified and revoked.
func (s *Service) ImportCertificate(ctx context.Context, org, product license.ID, certificate []byte) (licensing.Product, error) {
	return s.updateKeys(ctx, org, product, func(p *licensing.Product, now time.Time) error {
		if err := p.SetKeys(s.issuer.ImportCertificate(p.ID, p.SealedKeys, certificate, now)); err != nil {
			return err
		}
		return s.publishRevocations(p, now)
	})
}

// publishRevocations adds the retired and compromised keys of the certificate to the statement: programs that never sync learn of them only
// there.
func (s *Service) publishRevocations(p *licensing.Product, now time.Time) error {
	keys, err := s.issuer.Keys(p.ID, p.SealedKeys, now)
	if err != nil {
		return err
	}
	said, err := s.Statement(*p)
	if err != nil {
		return err
	}
	var news []lease.KeyStatement
	for _, k := range keys {
		status := lease.KeyStatus(k.State)
		if known, _ := said.Key(k.Fingerprint); (k.State == licensing.KeyRetired || k.State == licensing.KeyCompromised) &&
			known.Status != status && known.Status != lease.Compromised {
			news = append(news, KeyStatement(k.Fingerprint, status, k.Revoked))
		}
	}
	if len(news) == 0 {
		return nil
	}
	return s.publishKeyStatus(p, now, news...)
}

// KeyStatement returns a statement's line on the state of a key.
func KeyStatement(key string, status lease.KeyStatus, since time.Time) lease.KeyStatement {
	return lease.KeyStatement{Key: key, Status: status, Since: lease.Time(since.UnixMilli())}
}

// publishKeyStatus signs the product's next statement with the given states of keys.
func (s *Service) publishKeyStatus(p *licensing.Product, now time.Time, news ...lease.KeyStatement) error {
	return s.signStatement(p, now, func(next *lease.Statement) {
		for _, k := range news {
			next.Keys = slices.DeleteFunc(next.Keys, func(old lease.KeyStatement) bool { return old.Key == k.Key })
			next.Keys = append(next.Keys, k)
		}
	})
}

// updateKeys applies a change to a product's keys, repeating it from the stored record when another change came first.
func (s *Service) updateKeys(
	ctx context.Context, org, product license.ID, change func(*licensing.Product, time.Time) error,
) (licensing.Product, error) {
	for range licensing.MaxAttempts {
		p, err := s.store.Product(ctx, org, product)
		if err != nil {
			return licensing.Product{}, err
		}
		now := s.env.Clock()
		if err := change(&p, now); err != nil {
			return licensing.Product{}, err
		}
		p.Updated = lease.Time(now.UnixMilli())
		if p, err = s.store.UpdateProduct(ctx, p); !errors.Is(err, licensing.ErrStale) {
			return p, err
		}
	}
	return licensing.Product{}, fmt.Errorf("product %s: the keys were changed concurrently %d times: %w", product, licensing.MaxAttempts,
		licensing.ErrStale)
}
