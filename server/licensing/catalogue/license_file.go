package catalogue

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// LicenseFile returns a signed license file.
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

// UnsignedFile returns the text of a license file without its signature, to be signed with a key that is kept elsewhere.
func (s *Service) UnsignedFile(ctx context.Context, org, id license.ID) ([]byte, error) {
	claims, _, err := s.fileClaims(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return claims.Text()
}

// SignedFile returns the license file with a signature over UnsignedFile that was made elsewhere, a binary or armored OpenPGP packet. The
// file is verified as programs do, with the product's statement on its keys.
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

// fileClaims returns the claims of a license file and its product. The license counts as issued from then on.
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
