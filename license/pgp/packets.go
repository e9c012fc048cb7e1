package pgp

import (
	"bytes"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// The packets that a certificate is made of (RFC 9580, section 5).
const (
	tagSignature     = 2
	tagSecretKey     = 5
	tagPublicKey     = 6
	tagSecretSubkey  = 7
	tagMarker        = 10
	tagTrust         = 12
	tagUserID        = 13
	tagPublicSubkey  = 14
	tagUserAttribute = 17
	tagPadding       = 21
	tagFirstIgnored  = 40 // from here on an unknown packet is not critical
)

// Parse reads and checks one certificate, armored or binary. What it refuses is keyring_invalid.
//
// Self-signatures that do not verify, or use a weak hash, count as absent, and a subkey without a valid binding is no part of
// the keyring. With revocations it is the other way round: one that cannot be checked makes the certificate useless, because
// ignoring it would bring a revoked key back to life.
func Parse(cert []byte) (*Keyring, error) {
	k, err := ParseLazy(cert)
	if err != nil {
		return nil, err
	}
	if err := k.checkAllBindings(); err != nil {
		return nil, err
	}
	return k, nil
}

// ParseLazy is Parse, but leaves the binding of each subkey, and what the subkey signed back, to the first signature that names it.
// A product's certificate has five keys and one file needs one of them: in an interpreted module the others are most of the wait for
// the first verdict. The keyring is for one goroutine at a time.
//
// Verdicts are those of Parse, always: what can make a whole certificate invalid is checked here. That is its form, the root's
// self-signature, every revocation, and that no key is there twice. A bad binding never does; it costs its own key only.
func ParseLazy(cert []byte) (*Keyring, error) {
	data, err := dearmor(cert, publicBlock)
	if err != nil {
		return nil, err
	}
	packets, err := splitPackets(data)
	if err != nil {
		return nil, err
	}
	return assembleKeyring(packets)
}

// splitPackets reads the packets of a certificate and drops those that are private to an implementation.
func splitPackets(data []byte) ([]*packet.OpaquePacket, error) {
	r := packet.NewOpaqueReader(bytes.NewReader(data))
	var list []*packet.OpaquePacket
	for {
		p, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, license.Refuse(license.CodeKeyringInvalid, "packet %d does not parse", len(list)+1)
		}
		if p.Tag == tagMarker || p.Tag == tagTrust || p.Tag == tagPadding || p.Tag >= tagFirstIgnored {
			continue
		}
		list = append(list, p)
	}
}

// assembleKeyring builds a keyring from public packets, with bindings that are still to be checked.
func assembleKeyring(packets []*packet.OpaquePacket) (*Keyring, error) {
	c := &certificate{}
	var canonical bytes.Buffer
	for _, p := range packets {
		if err := c.addPacket(p); err != nil {
			return nil, err
		}
		if err := p.Serialize(&canonical); err != nil {
			return nil, license.Refuse(license.CodeKeyringInvalid, "a packet cannot be written")
		}
	}
	keyring, err := c.buildKeyring()
	if err != nil {
		return nil, err
	}
	keyring.certificate = canonical.Bytes()
	return keyring, nil
}
