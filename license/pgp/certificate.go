package pgp

import (
	"bytes"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// certificate collects packets: a primary key, its user ids, its subkeys, and after each of them the signatures about it. go-crypto's own
// reader is not used because it drops direct-key signatures of v4 keys, accepts self-signatures with SHA-1 and lets a revocation expire.
type certificate struct {
	primary    *packet.PublicKey
	components []*component // the first is about the primary key itself
}

// component is a key or user id with the signatures that follow it.
type component struct {
	subkey     *packet.PublicKey
	userID     *packet.UserId
	signatures []*packet.Signature
}

// addPacket adds the next packet of the certificate.
func (c *certificate) addPacket(p *packet.OpaquePacket) error {
	if c.primary == nil && p.Tag != tagPublicKey && p.Tag != tagSecretKey {
		return license.Refuse(license.CodeKeyringInvalid, "it begins with packet %d, not with a public key", p.Tag)
	}
	switch p.Tag {
	case tagSecretKey, tagSecretSubkey:
		return license.Refuse(license.CodeKeyringInvalid, "it holds a private key")
	case tagPublicKey:
		if c.primary != nil {
			return license.Refuse(license.CodeKeyringInvalid, "it holds more than one certificate")
		}
		parsed, err := p.Parse()
		primary, ok := parsed.(*packet.PublicKey)
		if err != nil || !ok || !isSupported(primary) {
			return license.Refuse(license.CodeKeyringInvalid, "the primary key is neither Ed25519 nor RSA")
		}
		c.primary = primary
		c.components = append(c.components, &component{})
	case tagPublicSubkey:
		// A subkey of an unknown algorithm does not invalidate the others: its component stays empty.
		about := &component{}
		if parsed, err := p.Parse(); err == nil {
			about.subkey, _ = parsed.(*packet.PublicKey)
		}
		c.components = append(c.components, about)
	case tagUserID:
		c.components = append(c.components, &component{userID: &packet.UserId{Id: string(p.Contents)}})
	case tagUserAttribute:
		c.components = append(c.components, &component{})
	case tagSignature:
		return c.addSignature(p)
	default:
		return license.Refuse(license.CodeKeyringInvalid, "packet %d has no place in a certificate", p.Tag)
	}
	return nil
}

func (c *certificate) addSignature(p *packet.OpaquePacket) error {
	about := c.components[len(c.components)-1]
	parsed, err := p.Parse()
	if signature, ok := parsed.(*packet.Signature); err == nil && ok {
		about.signatures = append(about.signatures, signature)
		return nil
	}
	if isRevocation(p.Contents) {
		return license.Refuse(license.CodeKeyringInvalid, "a revocation cannot be read")
	}
	return nil // a third party's, or of a type that has no meaning here
}

// isRevocation reports whether the body of a signature packet that did not parse is a key revocation.
func isRevocation(body []byte) bool {
	at := 1
	if len(body) > 0 && body[0] < 4 {
		at = 2 // versions 2 and 3 have a length first
	}
	if len(body) <= at {
		return false
	}
	kind := packet.SignatureType(body[at])
	return kind == packet.SigTypeKeyRevocation || kind == packet.SigTypeSubkeyRevocation
}

// buildKeyring checks the primary key and its revocations, and lists the subkeys with bindings that are still to be checked.
func (c *certificate) buildKeyring() (*Keyring, error) {
	if c.primary == nil {
		return nil, license.Refuse(license.CodeKeyringInvalid, "it holds no key")
	}
	revoked, err := c.revokedPrimary()
	if err != nil {
		return nil, err
	}
	self := c.primarySelfSignature()
	if self == nil {
		return nil, license.Refuse(license.CodeKeyringInvalid, "the primary key has no valid self-signature")
	}
	root := newUnboundKey(c.primary, revoked, nil)
	root.applySelfSignature(self)
	keyring := &Keyring{root: root, keys: []*key{root}, source: c}
	twice := false
	for _, about := range c.components {
		if about.subkey == nil {
			continue
		}
		revoked, err := c.revokedSubkey(about)
		if err != nil {
			return nil, err
		}
		k := newUnboundKey(about.subkey, revoked, about)
		twice = twice || slices.ContainsFunc(keyring.keys, k.sameFingerprint)
		keyring.keys = append(keyring.keys, k)
	}
	// A key may be present twice if only one of the two is bound. Such certificates are rare, so all bindings are checked at once.
	if twice {
		if err := keyring.checkAllBindings(); err != nil {
			return nil, err
		}
	}
	return keyring, nil
}

// isAcceptable reports whether a self-signature may be used: its hash is on the list, because a collision in a weak one could bind
// another key, and it has no critical notation that is not understood.
func isAcceptable(s *packet.Signature) bool {
	if s == nil || !isAcceptedHash(s.Hash) {
		return false
	}
	for _, n := range s.Notations {
		if n.IsCritical && n.Name != Notation {
			return false
		}
	}
	return true
}

// primarySelfSignature returns the newest valid self-signature of the primary key: a direct-key signature or, before version 6, one on a
// user id that is not revoked.
func (c *certificate) primarySelfSignature() *packet.Signature {
	var newest *packet.Signature
	for i, about := range c.components {
		if i > 0 && (about.userID == nil || c.primary.Version >= 6) {
			continue
		}
		self, revoked := c.newestSelfSignature(i == 0, about)
		if self == nil || revoked != nil && !revoked.CreationTime.Before(self.CreationTime) {
			continue
		}
		if newest == nil || self.CreationTime.After(newest.CreationTime) {
			newest = self
		}
	}
	return newest
}

// newestSelfSignature returns the newest valid self-signature of a component, and the newest one that revokes it.
func (c *certificate) newestSelfSignature(direct bool, about *component) (self, revoked *packet.Signature) {
	for _, s := range about.signatures {
		if s.Version != c.primary.Version || s.PubKeyAlgo != c.primary.PubKeyAlgo || s.IssuerKeyId != nil && *s.IssuerKeyId != c.primary.KeyId {
			continue // a third party's
		}
		target := &self
		switch s.SigType {
		case packet.SigTypeDirectSignature:
			if !direct || !isAcceptable(s) || c.primary.VerifyDirectKeySignature(s) != nil {
				continue
			}
		case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert:
			if direct || !isAcceptable(s) || c.primary.VerifyUserIdSignature(about.userID.Id, c.primary, s) != nil {
				continue
			}
		case packet.SigTypeCertificationRevocation:
			if direct || c.primary.VerifyUserIdSignature(about.userID.Id, c.primary, s) != nil {
				continue
			}
			target = &revoked
		default:
			continue
		}
		if *target == nil || s.CreationTime.After((*target).CreationTime) {
			*target = s
		}
	}
	return self, revoked
}

// newestBinding returns the newest valid binding of a subkey. A key that may sign must have signed back, otherwise it could be taken from
// another certificate and claimed; VerifyKeySignature checks that.
func (c *certificate) newestBinding(about *component) *packet.Signature {
	var newest *packet.Signature
	for _, s := range about.signatures {
		if s.SigType != packet.SigTypeSubkeyBinding || s.Version != c.primary.Version || !isAcceptable(s) ||
			s.FlagSign && !isAcceptable(s.EmbeddedSignature) ||
			newest != nil && !s.CreationTime.After(newest.CreationTime) ||
			c.primary.VerifyKeySignature(about.subkey, s) != nil {
			continue
		}
		newest = s
	}
	return newest
}

// revokedPrimary returns the revocations of the primary key. One that does not verify makes the certificate invalid: it must not be
// possible to hide a revocation by damaging it.
func (c *certificate) revokedPrimary() (revocation, error) {
	var all []*packet.Signature
	for _, about := range c.components {
		for _, s := range about.signatures {
			if s.SigType != packet.SigTypeKeyRevocation {
				continue
			}
			if c.primary.VerifyRevocationSignature(s) != nil {
				return revocation{}, license.Refuse(license.CodeKeyringInvalid, "a revocation of the primary key cannot be checked")
			}
			all = append(all, s)
		}
	}
	return combineRevocations(all), nil
}

// revokedSubkey returns the revocations of a subkey.
func (c *certificate) revokedSubkey(about *component) (revocation, error) {
	var all []*packet.Signature
	for _, s := range c.signaturesAbout(about.subkey) {
		if s.SigType != packet.SigTypeSubkeyRevocation {
			continue
		}
		if c.primary.VerifySubkeyRevocationSignature(s, about.subkey) != nil {
			return revocation{}, license.Refuse(license.CodeKeyringInvalid, "a revocation of subkey %s cannot be checked", fingerprint(about.subkey))
		}
		all = append(all, s)
	}
	return combineRevocations(all), nil
}

// signaturesAbout returns the signatures about a subkey from all its copies: a revocation of one copy revokes all.
func (c *certificate) signaturesAbout(key *packet.PublicKey) (all []*packet.Signature) {
	for _, about := range c.components {
		if about.subkey != nil && bytes.Equal(about.subkey.Fingerprint, key.Fingerprint) {
			all = append(all, about.signatures...)
		}
	}
	return all
}

// combineRevocations reads the reasons of revocations. Only superseded and retired spare earlier signatures: with another reason, or
// none, the key may have been stolen. A revocation does not expire.
func combineRevocations(all []*packet.Signature) revocation {
	var r revocation
	for _, s := range all {
		r.at = earlier(r.at, s.CreationTime.UTC())
		if s.RevocationReason == nil || *s.RevocationReason != packet.KeySuperseded && *s.RevocationReason != packet.KeyRetired {
			r.hard = true
		}
	}
	return r
}
