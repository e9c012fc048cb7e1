package pgp

import (
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// Reason says why a key is revoked, and with it what becomes of its past.
type Reason byte

// The reasons. ReasonCompromised kills everything the key ever signed; the others spare what it signed before.
const (
	ReasonSuperseded  = Reason(packet.KeySuperseded)
	ReasonCompromised = Reason(packet.KeyCompromised)
	ReasonRetired     = Reason(packet.KeyRetired)
)

// Revoke revokes one key from now on; for the root's fingerprint, all of them. The primary key must be at hand. The new
// certificate must reach whoever verifies: a revocation that nobody has seen revokes nothing.
func (s *Secret) Revoke(fingerprintOf string, reason Reason, now time.Time) (*Secret, error) {
	root, err := s.root()
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
	signature := blank(&root.PublicKey, kind, now)
	signature.RevocationReason = &why
	if kind == packet.SigTypeKeyRevocation {
		err = signature.RevokeKey(&root.PublicKey, root, hardened(root, signature))
	} else {
		for _, k := range s.public.keys {
			if k.fingerprint == fingerprintOf {
				err = signature.RevokeSubkey(k.public, root, hardened(root, signature, k.public.Fingerprint))
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("revoke key %s: %w", fingerprintOf, err)
	}
	p, err := opaque(signature)
	if err != nil {
		return nil, err
	}
	return secret(slices.Insert(slices.Clone(s.packets), at+1, p))
}
