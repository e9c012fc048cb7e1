package pgp

import (
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// Notation is the name of the notation in a key's self-signature that states the use of the key: file, lease, statement or delegation,
// one notation for each use. A key without it is good for files only, so that plain GnuPG keys work.
const Notation = "use@onelicense.github.io"

const (
	minRSA = 3072
	maxRSA = 16384 // bounds the work that a certificate can ask for
)

// key is one key of a certificate with the contents of its valid self-signatures. expires and uses are empty until it is bound.
type key struct {
	public      *packet.PublicKey
	fingerprint string
	created     time.Time
	revoked     revocation

	pending *component // holds the binding that is still to be checked; nil: it was checked
	bound   bool       // the key belongs to the certificate
	expires time.Time  // zero: never
	uses    []license.Use
}

// revocation holds the self-revocations of a key. hard means that nothing the key ever signed is accepted.
type revocation struct {
	at   time.Time // the earliest; zero: none
	hard bool
}

// newUnboundKey returns a key of which only the packet and its revocations are known.
func newUnboundKey(public *packet.PublicKey, revoked revocation, pending *component) *key {
	return &key{public: public, fingerprint: fingerprint(public), created: public.CreationTime.UTC(), revoked: revoked, pending: pending}
}

// applySelfSignature binds a key by the newest of its valid self-signatures (for a subkey, its binding).
func (k *key) applySelfSignature(self *packet.Signature) {
	k.bound, k.uses = true, keyUses(k.public, self)
	if n := self.KeyLifetimeSecs; n != nil && *n != 0 {
		k.expires = k.public.CreationTime.Add(time.Duration(*n) * time.Second).UTC()
	}
	// A binding that has expired binds no more: the key expires with it.
	if n := self.SigLifetimeSecs; n != nil && *n != 0 {
		k.expires = earlier(k.expires, self.CreationTime.Add(time.Duration(*n)*time.Second).UTC())
	}
}

// keyUses returns what a key may sign. Only hashed notations are considered: go-crypto drops the others. The root may serve plain GnuPG
// users as a file key, and nothing else: issuing leases online must not need it.
func keyUses(public *packet.PublicKey, self *packet.Signature) []license.Use {
	if !self.FlagsValid || !self.FlagSign || !isSupported(public) {
		return nil
	}
	var list []license.Use
	marked := false
	for _, n := range self.Notations {
		if n.Name != Notation {
			continue
		}
		marked = true
		switch use := license.Use(n.Value); use {
		case license.UseFile, license.UseLease, license.UseStatement, license.UseDelegation:
			if !slices.Contains(list, use) {
				list = append(list, use)
			}
		}
	}
	if !marked {
		list = []license.Use{license.UseFile}
	}
	return slices.DeleteFunc(list, func(use license.Use) bool {
		return use != license.UseFile && (!public.IsSubkey || isRSA(public))
	})
}

// isSupported reports whether the key's algorithm is on the list at all.
func isSupported(public *packet.PublicKey) bool {
	switch public.PubKeyAlgo {
	case packet.PubKeyAlgoEdDSA:
		curve, err := public.Curve()
		return err == nil && curve == packet.Curve25519 && public.Version == 4
	case packet.PubKeyAlgoEd25519:
		return public.Version == 4 || public.Version == 6
	}
	return isRSA(public) && keySize(public) <= maxRSA
}

func isRSA(public *packet.PublicKey) bool {
	return public.PubKeyAlgo == packet.PubKeyAlgoRSA || public.PubKeyAlgo == packet.PubKeyAlgoRSASignOnly
}

// keySize returns the size of a key in bits, counted from the number itself: the length that a packet states may be false.
func keySize(public *packet.PublicKey) int {
	if n, ok := public.PublicKey.(*rsa.PublicKey); ok {
		return n.N.BitLen()
	}
	return 256
}

func (k *key) sameFingerprint(other *key) bool { return k.fingerprint == other.fingerprint }

func (k *key) isWeak() bool { return isRSA(k.public) && keySize(k.public) < minRSA }

func (k *key) algorithmName() string {
	switch {
	case isRSA(k.public):
		return fmt.Sprintf("RSA %d", keySize(k.public))
	case isSupported(k.public):
		return "Ed25519"
	}
	if curve, err := k.public.Curve(); err == nil {
		return string(curve)
	}
	return fmt.Sprintf("algorithm %d", k.public.PubKeyAlgo)
}

func fingerprint(public *packet.PublicKey) string {
	return strings.ToUpper(hex.EncodeToString(public.Fingerprint))
}
