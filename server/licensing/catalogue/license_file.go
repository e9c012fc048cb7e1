package catalogue

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// LicenseFile issues the license file of a license.
func (s *Service) LicenseFile(ctx context.Context, org, id license.ID) ([]byte, error) {
	claims, p, err := s.fileClaims(ctx, org, id)
	if err != nil {
		return nil, err
	}
	signer, err := s.issuer.Signer(p.ID, p.SealedKeys)
	if err != nil {
		return nil, err
	}
	file, err := license.Seal(claims, signer, s.env.Clock())
	return file, s.keys.MissingKeyError(err, "a license file")
}

// UnsignedFile is what the license file of a license says: the three lines that are to be signed, where the key for it is elsewhere.
func (s *Service) UnsignedFile(ctx context.Context, org, id license.ID) ([]byte, error) {
	claims, _, err := s.fileClaims(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return claims.Text()
}

// SignedFile is the license file with a signature that was made elsewhere over LicenseText: a binary OpenPGP packet, or the armored text of
// one. It is judged as every program judges it, with what the product has said of its keys.
func (s *Service) SignedFile(ctx context.Context, org, id license.ID, signature []byte) ([]byte, error) {
	claims, p, err := s.fileClaims(ctx, org, id)
	if err != nil {
		return nil, err
	}
	file, err := claims.Text()
	if err != nil {
		return nil, err
	}
	packet, err := s.issuer.SignaturePacket(signature)
	if err != nil {
		return nil, err
	}
	file = append(append(file, license.EncodeSignature(packet)...), '\n')
	keys, err := s.issuer.Keyring(p.Keyring)
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", p.ID, err)
	}
	said, err := s.keys.Statement(p)
	if err != nil {
		return nil, err
	}
	_, err = license.Open(file, said.ApplyTo(keys), s.env.Clock())
	return file, err
}

// fileClaims are those of a license file, which counts as issued from here on.
func (s *Service) fileClaims(ctx context.Context, org, id license.ID) (license.Claims, licensing.Product, error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return license.Claims{}, licensing.Product{}, err
	}
	if err := s.recordIssued(ctx, org, id); err != nil {
		return license.Claims{}, licensing.Product{}, err
	}
	p, err := s.store.Product(ctx, org, l.Product)
	return license.Claims{ID: l.ID, Contexts: l.Contexts, Entitlements: l.Entitlements}, p, err
}
