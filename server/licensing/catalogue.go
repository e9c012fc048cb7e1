package licensing

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
)

// Creating takes a record with what the vendor chose and gives it back with id, revision 1 and times. Updating takes the record's id,
// organisation and the revision that the edit was made from, and what the vendor may change; the rest is kept as it is. Deleting takes the
// revision that the record must still have, or 0 for any.

// CreateOrganisation makes an account.
func (s *Service) CreateOrganisation(ctx context.Context, name string) (Organisation, error) {
	id, err := s.newID(ctx)
	if err != nil {
		return Organisation{}, err
	}
	o := Organisation{ID: id, Name: name, Created: s.now()}
	if err := CheckText("name", name, 1, MaxText); err != nil {
		return Organisation{}, err
	}
	return o, s.store.CreateOrganisation(ctx, o)
}

// RootFingerprint is the fingerprint of the product's root key: what programs pin.
func (s *Service) RootFingerprint(p Product) (string, error) {
	keys, err := s.issuer.Keyring(p.Keyring)
	if err != nil {
		return "", fmt.Errorf("product %s: %w", p.ID, err)
	}
	return keys.Root(), nil
}

// CreateProduct makes a product and its keyring.
func (s *Service) CreateProduct(ctx context.Context, p Product) (Product, error) {
	return s.CreateProductWithKeys(ctx, p, NewKeys{})
}

// CreateProductWithKeys makes a product with keys as they are wanted, or that were made elsewhere: they belong to this product alone.
func (s *Service) CreateProductWithKeys(ctx context.Context, p Product, keys NewKeys) (Product, error) {
	if err := p.Check(); err != nil {
		return Product{}, err
	}
	if keys.Version != 0 && keys.Version != 4 && keys.Version != 6 {
		return Product{}, NewInvalid("keys.version", "is %d, allowed are 4 and 6", keys.Version)
	}
	if err := s.initRecord(ctx, &p.Record); err != nil {
		return Product{}, err
	}
	p, err := s.storeNewProduct(ctx, p, keys)
	if err != nil && !IsReplay(ctx, err) {
		return Product{}, err
	}
	return CreatedOrExisting(ctx, p, err, func() (Product, error) { return s.store.Product(ctx, p.Organisation, p.ID) })
}

// storeNewProduct makes the keyring of a new product and stores both.
func (s *Service) storeNewProduct(ctx context.Context, p Product, keys NewKeys) (Product, error) {
	keys.Name = p.Name
	if err := p.setKeys(s.issuer.NewKeyring(p.ID, keys, s.clock())); err != nil {
		return p, fmt.Errorf("making the product's keys: %w", err)
	}
	if err := s.claimRoot(ctx, p); err != nil {
		return p, err
	}
	err := s.store.CreateProduct(ctx, p)
	if err != nil {
		err = errors.Join(err, s.releaseRoot(ctx, p))
	}
	return p, err
}

// UpdateProduct changes name, description, archived and metadata.
func (s *Service) UpdateProduct(ctx context.Context, p Product) (Product, error) {
	if err := p.Check(); err != nil {
		return Product{}, err
	}
	old, err := s.store.Product(ctx, p.Organisation, p.ID)
	if err != nil {
		return Product{}, err
	}
	p.Created, p.Updated, p.Keyring, p.SealedKeys, p.Statement = old.Created, s.now(), old.Keyring, old.SealedKeys, old.Statement
	return s.store.UpdateProduct(ctx, p)
}

// DeleteProduct refuses with ErrInUse while it has versions.
func (s *Service) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	p, err := s.store.Product(ctx, org, id)
	if err != nil {
		return err
	}
	if err := s.store.DeleteProduct(ctx, org, id, revision); err != nil {
		return err
	}
	return s.releaseRoot(ctx, p)
}

// CreateVersion makes a version of the product that it names. Settings left at 0 that cannot be 0 get their defaults.
func (s *Service) CreateVersion(ctx context.Context, v Version) (Version, error) {
	v.Policy = v.Policy.WithDefaults()
	if err := v.Check(); err != nil {
		return Version{}, err
	}
	if _, err := s.store.Product(ctx, v.Organisation, v.Product); err != nil {
		return Version{}, fmt.Errorf("the version's product: %w", err)
	}
	if err := s.initRecord(ctx, &v.Record); err != nil {
		return Version{}, err
	}
	return CreatedOrExisting(ctx, v, s.store.CreateVersion(ctx, v), func() (Version, error) { return s.store.Version(ctx, v.Organisation, v.ID) })
}

// UpdateVersion changes name, description, archived, metadata and policy. The policy's type is for good: its licenses were made for it.
func (s *Service) UpdateVersion(ctx context.Context, v Version) (Version, error) {
	v.Policy = v.Policy.WithDefaults()
	if err := v.Check(); err != nil {
		return Version{}, err
	}
	old, err := s.store.Version(ctx, v.Organisation, v.ID)
	if err != nil {
		return Version{}, err
	}
	if v.Policy.Type != old.Policy.Type {
		return Version{}, NewInvalid("policy.type", "cannot be changed from %s: make another version", old.Policy.Type)
	}
	v.Product, v.Created, v.Updated = old.Product, old.Created, s.now()
	return s.store.UpdateVersion(ctx, v)
}

// DeleteVersion refuses with ErrInUse while it has licenses.
func (s *Service) DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error {
	return s.store.DeleteVersion(ctx, org, id, revision)
}

// CreateLicense makes a license under the version that it names.
func (s *Service) CreateLicense(ctx context.Context, l License) (License, error) {
	l, policy, err := s.prepareLicense(ctx, l)
	if err != nil {
		return License{}, err
	}
	tried, err := s.claimTrial(ctx, l, policy)
	if err != nil {
		return License{}, err
	}
	l, err = CreatedOrExisting(ctx, l, s.store.CreateLicense(ctx, l), func() (License, error) { return s.store.License(ctx, l.Organisation, l.ID) })
	if err != nil {
		return l, s.releaseTrial(ctx, tried, err)
	}
	if err = s.confirmCustomer(ctx, l); err != nil { // the customer was deleted at the same time
		err = errors.Join(err, s.store.DeleteLicense(ctx, l.Organisation, l.ID, l.Revision))
	}
	return l, err
}

// ValidateLicense tells what is wrong with a license that is to be made.
func (s *Service) ValidateLicense(ctx context.Context, l License) error {
	_, _, err := s.prepareLicense(ctx, l)
	return err
}

func (s *Service) prepareLicense(ctx context.Context, l License) (License, Policy, error) {
	v, err := s.store.Version(ctx, l.Organisation, l.Version)
	if err != nil {
		return License{}, Policy{}, fmt.Errorf("the license's version: %w", err)
	}
	if l.Status == "" {
		l.Status = Active
	}
	l.Product = v.Product
	if err := s.initRecord(ctx, &l.Record); err != nil {
		return License{}, Policy{}, err
	}
	if err := l.StartTerm(); err != nil {
		return License{}, Policy{}, err
	}
	if err := s.resolveCustomer(ctx, &l); err != nil {
		return License{}, Policy{}, err
	}
	return l, v.Policy, l.Check(v.Policy)
}

// UpdateLicense changes everything but the version, the machine, the holds and the history. A revoked license stays revoked.
func (s *Service) UpdateLicense(ctx context.Context, l License) (License, error) {
	old, err := s.store.License(ctx, l.Organisation, l.ID)
	if err != nil {
		return License{}, err
	}
	v, err := s.store.Version(ctx, l.Organisation, old.Version)
	if err != nil {
		return License{}, fmt.Errorf("the license's version: %w", err)
	}
	if err := l.Check(v.Policy); err != nil {
		return License{}, err
	}
	if old.Status == Revoked && l.Status != Revoked {
		return License{}, NewInvalid("status", "cannot be changed: the license was revoked for good")
	}
	l.Product, l.Version, l.Created, l.Updated, l.RecentHistory = old.Product, old.Version, old.Created, s.now(), old.RecentHistory
	l.Fingerprint, l.Holds = old.Fingerprint, old.Holds
	anothers := l.CustomerID != old.CustomerID
	if anothers {
		if err := s.resolveCustomer(ctx, &l); err != nil {
			return License{}, err
		}
	}
	var tried Entry
	//mutant:tests drop 2: a trial that changes hands is tried by both
	if !old.Trial || anothers {
		if tried, err = s.claimTrial(ctx, l, v.Policy); err != nil {
			return License{}, err
		}
	}
	if l, err = s.store.UpdateLicense(ctx, l); err != nil {
		return l, s.releaseTrial(ctx, tried, err)
	}
	if anothers {
		err = s.clearDeletedCustomer(ctx, l)
	}
	return l, err
}

// clearDeletedCustomer makes sure of the customer of a license that was just given to it; if it was deleted at the same time, the license is nobody's.
func (s *Service) clearDeletedCustomer(ctx context.Context, l License) error {
	err := s.confirmCustomer(ctx, l)
	if err != nil {
		l.CustomerID = ""
		_, undo := s.store.UpdateLicense(ctx, l)
		err = errors.Join(err, undo)
	}
	return err
}

// DeleteLicense takes its activations with it; they can not sync any more. A license whose file was issued is revoked before it goes.
func (s *Service) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	revision, err := s.revokeIfIssued(ctx, org, id, revision)
	if err != nil {
		return err
	}
	if err := s.store.DeleteLicense(ctx, org, id, revision); err != nil {
		return err
	}
	for _, kind := range []string{queueKind, issuedKind} {
		if gone := s.store.DeleteEntry(ctx, kind, string(id), 0); !errors.Is(gone, ErrNotFound) {
			err = errors.Join(err, gone)
		}
	}
	return errors.Join(err, s.deleteEntries(ctx, historyEntryKind, org, string(id)), s.deleteEntries(ctx, periodKind, org, string(id)))
}

// deleteEntries deletes the entries of a list. What a crash leaves behind belongs to nothing and is shown to nobody.
func (s *Service) deleteEntries(ctx context.Context, kind string, org license.ID, list string) error {
	for {
		found, err := s.store.Entries(ctx, kind, org, list, Page{Limit: 200})
		if err != nil || len(found.Items) == 0 {
			return err
		}
		for _, e := range found.Items {
			if err := s.store.DeleteEntry(ctx, kind, e.ID, 0); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
}

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
	file, err := license.Seal(claims, signer, s.clock())
	return file, s.missingKeyError(err, "a license file")
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
	said, err := s.Statement(p)
	if err != nil {
		return nil, err
	}
	_, err = license.Open(file, said.ApplyTo(keys), s.clock())
	return file, err
}

// fileClaims are those of a license file, which counts as issued from here on.
func (s *Service) fileClaims(ctx context.Context, org, id license.ID) (license.Claims, Product, error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return license.Claims{}, Product{}, err
	}
	if err := s.recordIssued(ctx, org, id); err != nil {
		return license.Claims{}, Product{}, err
	}
	p, err := s.store.Product(ctx, org, l.Product)
	return license.Claims{ID: l.ID, Contexts: l.Contexts, Entitlements: l.Entitlements}, p, err
}

func (s *Service) initRecord(ctx context.Context, m *Record) (err error) {
	m.ID, err = s.newID(ctx)
	m.Revision, m.Created = 1, s.now()
	m.Updated = m.Created
	return err
}
