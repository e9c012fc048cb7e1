// Package pgp implements license.Keyring and license.Signer with OpenPGP. It is the only importer of go-crypto. Time and randomness are
// arguments.
//
// Start with Parse, which checks a certificate once; Verify is cheap after that. ParseLazy is for programs that want one verdict soon.
// Generate makes the keys of a product.
//
// An allow-list is applied before go-crypto sees a byte (signature.go): go-crypto alone would accept two signatures as one, garbage after
// a signature, any signature type, SHA-1, and an issuer from the unsigned part of the packet.
package pgp

import (
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
)

// Keyring is one checked certificate: a product's root and its signing keys. Its answers never change. A keyring from Parse may be used
// by many goroutines at once; one from ParseLazy remembers what it has checked, so only one goroutine may use it at a time.
type Keyring struct {
	root        *key
	keys        []*key       // the root first, then the subkeys as the certificate has them
	source      *certificate // has the bindings that are still to be checked; nil: all are
	certificate []byte
}

var _ license.Keyring = (*Keyring)(nil)

// Root returns the fingerprint of the primary key, upper-case hex.
func (k *Keyring) Root() string { return k.root.fingerprint }

// Certificate returns the certificate in its canonical binary form: the packets that were checked, with plain headers, without packets
// that are private to an implementation (trust, markers, padding).
func (k *Keyring) Certificate() []byte { return slices.Clone(k.certificate) }

// isBound reports whether a key belongs to the certificate. Its binding is checked at the first call.
func (k *Keyring) isBound(key *key) bool {
	if about := key.pending; about != nil {
		key.pending = nil
		if binding := k.source.newestBinding(about); binding != nil {
			key.applySelfSignature(binding)
		}
	}
	return key.bound
}

// checkAllBindings checks everything that is still unchecked. After that nothing in the keyring changes.
func (k *Keyring) checkAllBindings() error {
	var keys []*key
	for _, key := range k.keys {
		if !k.isBound(key) {
			continue
		}
		if slices.ContainsFunc(keys, key.sameFingerprint) {
			return license.Refuse(license.CodeKeyringInvalid, "key %s is there twice", key.fingerprint)
		}
		keys = append(keys, key)
	}
	k.keys, k.source = keys, nil
	return nil
}

// Key describes one key of a keyring, for people.
type Key struct {
	Fingerprint string // upper-case hex
	Primary     bool
	Algorithm   string        // "Ed25519", "RSA 3072", …
	Uses        []license.Use // uses that its signatures are accepted for; empty: it only certifies or encrypts
	Created     time.Time
	Expires     time.Time // zero: never
	Revoked     time.Time // zero: not revoked
	State       State
}

// State is the state of a key, which decides whether its signatures are accepted.
type State string

// The states. Of a retired key, signatures made before it was retired are still accepted; of all others but Current, none.
const (
	Current     State = "current"
	Retired     State = "retired"
	Expired     State = "expired"
	Weak        State = "weak"
	Compromised State = "compromised"
)

// Keys lists the keys with their state at the time now.
func (k *Keyring) Keys(now time.Time) []Key {
	list := make([]Key, 0, len(k.keys))
	for _, key := range k.keys {
		if !k.isBound(key) {
			continue
		}
		list = append(list, Key{
			Fingerprint: key.fingerprint, Primary: key == k.root, Algorithm: key.algorithmName(), Uses: slices.Clone(key.uses),
			Created: key.created, Expires: earlier(key.expires, k.root.expires), Revoked: earlier(key.revoked.at, k.root.revoked.at),
			State: k.state(key, now),
		})
	}
	return list
}

func (k *Keyring) state(key *key, now time.Time) State {
	expires, retired := earlier(key.expires, k.root.expires), earlier(key.revoked.at, k.root.revoked.at)
	switch {
	case key.revoked.hard || k.root.revoked.hard:
		return Compromised
	case key.isWeak() || k.root.isWeak():
		return Weak
	case !expires.IsZero() && !now.Before(expires):
		return Expired
	case !retired.IsZero() && !now.Before(retired):
		return Retired
	}
	return Current
}

// earlier returns the earlier of two times; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
