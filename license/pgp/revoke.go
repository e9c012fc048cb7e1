package pgp

import (
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// RevocationReason is why a key is revoked. It decides whether the key's earlier signatures stay good.
type RevocationReason byte

// The reasons. ReasonCompromised invalidates everything that the key ever signed; the others spare earlier signatures.
const (
	ReasonSuperseded  = RevocationReason(packet.KeySuperseded)
	ReasonCompromised = RevocationReason(packet.KeyCompromised)
	ReasonRetired     = RevocationReason(packet.KeyRetired)
)

// Revoke revokes one key from now on; with the root's fingerprint, all of them. The private primary key must be present. The new
// certificate must reach the verifiers: a revocation that nobody has seen has no effect.
func (s *SecretKeyring) Revoke(fingerprintOf string, reason RevocationReason, now time.Time) (*SecretKeyring, error) {
	root, err := s.rootKey()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(s.packets, func(p *packet.OpaquePacket) bool {
		parsed, err := p.Parse()
		if err != nil {
			return false
		}
		switch k := parsed.(type) {
		case *packet.PrivateKey:
			return fingerprint(&k.PublicKey) == fingerprintOf
		case *packet.PublicKey:
			return fingerprint(k) == fingerprintOf
		}
		return false
	})
	if at < 0 {
		return nil, license.Refuse(license.CodeKeyUnknown, "key %s", fingerprintOf)
	}
	why := packet.ReasonForRevocation(reason)
	kind := packet.SigTypeSubkeyRevocation
	if fingerprintOf == s.public.root.fingerprint {
		kind = packet.SigTypeKeyRevocation
	}
	signature := newSignature(&root.PublicKey, kind, now)
	signature.RevocationReason = &why
	if kind == packet.SigTypeKeyRevocation {
		err = signature.RevokeKey(&root.PublicKey, root, deterministicConfig(root, signature))
	} else {
		for _, k := range s.public.keys {
			if k.fingerprint == fingerprintOf {
				err = signature.RevokeSubkey(k.public, root, deterministicConfig(root, signature, k.public.Fingerprint))
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("revoke key %s: %w", fingerprintOf, err)
	}
	p, err := toOpaquePacket(signature)
	if err != nil {
		return nil, err
	}
	return newSecretKeyring(slices.Insert(slices.Clone(s.packets), at+1, p))
}
