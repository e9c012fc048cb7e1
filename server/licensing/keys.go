package licensing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A product's keys, and what it has said of them, stand in its record. Each change is made from the record as it was read and is stored
// only if that is still the present one, so of two nodes that change keys at a time none loses the other's.

// Keys lists the product's keys, the root first, as certificate and statement have them together.
func (s *Service) Keys(ctx context.Context, org, product license.ID) (Product, []Key, error) {
	p, err := s.store.Product(ctx, org, product)
	if err != nil {
		return Product{}, nil, err
	}
	keys, err := s.keysWithStatement(p)
	return p, keys, err
}

func (s *Service) keysWithStatement(p Product) ([]Key, error) {
	keys, err := s.issuer.Keys(p.ID, p.SealedKeys, s.clock())
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", p.ID, err)
	}
	said, err := s.Statement(p)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if k, ok := said.Key(keys[i].Fingerprint); ok && keys[i].State != KeyCompromised {
			keys[i].State, keys[i].IsActive = KeyState(k.Status), false
			if keys[i].Revoked.IsZero() {
				keys[i].Revoked = k.Since.Std().UTC()
			}
		}
	}
	return keys, nil
}

// AddKey makes the next key for a use. Programs learn of it with their next sync; it signs when it is promoted. Where the root is
// elsewhere the key is requested, and is next when the root's certificate has come. The key ends then; zero: never.
func (s *Service) AddKey(ctx context.Context, org, product license.ID, use license.Use, end time.Time) (Product, error) {
	if !slices.Contains(append([]license.Use{license.UseFile}, ServerUses...), use) {
		return Product{}, NewInvalid("use", "is %q, not file, lease, statement or delegation", use)
	}
	if !end.IsZero() && !end.After(s.clock()) {
		return Product{}, NewInvalid("expires", "is over")
	}
	return s.updateKeys(ctx, org, product, func(p *Product, now time.Time) error {
		return p.setKeys(s.issuer.AddKey(p.ID, p.SealedKeys, use, end, now))
	})
}

// ChangeKeyState promotes, retires, or takes back a key, or declares it compromised. Programs learn of it with their next sync, others by the
// product's next statement.
func (s *Service) ChangeKeyState(ctx context.Context, org, product license.ID, key string, turn KeyAction) (Product, error) {
	return s.updateKeys(ctx, org, product, func(p *Product, now time.Time) error {
		if err := s.checkKeyAction(*p, key, turn); err != nil {
			return err
		}
		if err := p.setKeys(s.issuer.ChangeKeyState(p.ID, p.SealedKeys, key, turn, now)); err != nil {
			return err
		}
		switch turn {
		case RetireKey:
			return s.publishKeyStatus(p, now, KeyStatement(key, lease.Retired, now))
		case CompromiseKey:
			return s.publishKeyStatus(p, now, KeyStatement(key, lease.Compromised, now))
		}
		return nil
	})
}

// checkKeyAction knows what the certificate does not: what the product has said of a key whose root is elsewhere.
func (s *Service) checkKeyAction(p Product, key string, turn KeyAction) error {
	said, err := s.Statement(p)
	if err != nil {
		return err
	}
	if k, ok := said.Key(key); ok && (turn != CompromiseKey || k.Status == lease.Compromised) {
		return NewConflict(CodeKeyWrongState, "key %s is %s", key, k.Status)
	}
	return nil
}

// ImportCertificate takes over a certificate of the product's root: what the root has certified and revoked elsewhere.
func (s *Service) ImportCertificate(ctx context.Context, org, product license.ID, certificate []byte) (Product, error) {
	return s.updateKeys(ctx, org, product, func(p *Product, now time.Time) error {
		if err := p.setKeys(s.issuer.ImportCertificate(p.ID, p.SealedKeys, certificate, now)); err != nil {
			return err
		}
		return s.publishRevocations(p, now)
	})
}

// publishRevocations says in the product's statement what its certificate says: programs that never sync learn of revocations only there.
func (s *Service) publishRevocations(p *Product, now time.Time) error {
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
		if known, _ := said.Key(k.Fingerprint); (k.State == KeyRetired || k.State == KeyCompromised) && known.Status != status && known.Status != lease.Compromised {
			news = append(news, KeyStatement(k.Fingerprint, status, k.Revoked))
		}
	}
	if len(news) == 0 {
		return nil
	}
	return s.publishKeyStatus(p, now, news...)
}

// KeyStatement is what a statement says of a key.
func KeyStatement(key string, status lease.KeyStatus, since time.Time) lease.KeyStatement {
	return lease.KeyStatement{Key: key, Status: status, Since: lease.Time(since.UnixMilli())}
}

// publishKeyStatus signs the product's next statement with some more of its keys.
func (s *Service) publishKeyStatus(p *Product, now time.Time, news ...lease.KeyStatement) error {
	return s.signStatement(p, now, func(next *lease.Statement) {
		for _, k := range news {
			next.Keys = slices.DeleteFunc(next.Keys, func(old lease.KeyStatement) bool { return old.Key == k.Key })
			next.Keys = append(next.Keys, k)
		}
	})
}

// setKeys puts keys into the record.
func (p *Product) setKeys(r SealedKeys, err error) error {
	if err == nil {
		p.Keyring, p.SealedKeys = r.Certificate, r.Sealed
	}
	return err
}

// updateKeys changes what stands in a product's record about its keys, anew for as long as other changes come first.
func (s *Service) updateKeys(ctx context.Context, org, product license.ID, change func(*Product, time.Time) error) (Product, error) {
	for range MaxAttempts {
		p, err := s.store.Product(ctx, org, product)
		if err != nil {
			return Product{}, err
		}
		now := s.clock()
		if err := change(&p, now); err != nil {
			return Product{}, err
		}
		p.Updated = lease.Time(now.UnixMilli())
		if p, err = s.store.UpdateProduct(ctx, p); !errors.Is(err, ErrStale) {
			return p, err
		}
	}
	return Product{}, fmt.Errorf("product %s: its keys were changed %d times meanwhile: %w", product, MaxAttempts, ErrStale)
}
