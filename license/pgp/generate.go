package pgp

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// everyUse lists the uses, in the order in which Generate makes their keys.
var everyUse = []license.Use{license.UseFile, license.UseLease, license.UseStatement, license.UseDelegation}

// Generate makes the keys of one product: a primary key that only certifies, and one signing subkey for each use. They are
// Ed25519 keys of version 4 under the older algorithm number 22, which every GnuPG since 2.1 reads. They do not expire: a key
// that is expired now accepts nothing (see Verify), so an end belongs to a plan of rotation, not to a default.
// It reads 32 bytes of randomness for each key: for the root, then for file, lease, statement and delegation.
func Generate(name string, random io.Reader, now time.Time) (*Secret, error) {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || bytes.ContainsFunc([]byte(name), unicode.IsControl) {
		return nil, license.Refuse(license.CodeBadCall, "a key's name is 1 to 255 bytes of UTF-8 without control characters")
	}
	root, secretKey, err := newKey(tagSecretKey, random, now)
	if err != nil {
		return nil, err
	}
	self := blank(&root.PublicKey, packet.SigTypePositiveCert, now)
	self.FlagsValid, self.FlagCertify = true, true
	if err := self.SignUserId(name, &root.PublicKey, root, hardened); err != nil {
		return nil, fmt.Errorf("certify the user id: %w", err)
	}
	certification, err := opaque(self)
	if err != nil {
		return nil, err
	}
	packets := []*packet.OpaquePacket{secretKey, {Tag: tagUserID, Contents: []byte(name)}, certification}
	for _, use := range everyUse {
		subkey, err := newSubkey(root, use, random, now)
		if err != nil {
			return nil, err
		}
		packets = append(packets, subkey...)
	}
	return secret(packets)
}

// AddKey makes one more key for the use, which is a rotation: Sign takes the newest. The primary key must be at hand.
func (s *Secret) AddKey(use license.Use, random io.Reader, now time.Time) (*Secret, error) {
	root, err := s.root()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(everyUse, use) {
		return nil, license.Refuse(license.CodeBadCall, "%q is no use of a key", use)
	}
	subkey, err := newSubkey(root, use, random, now)
	if err != nil {
		return nil, err
	}
	return secret(append(slices.Clone(s.packets), subkey...))
}

func (s *Secret) root() (*packet.PrivateKey, error) {
	root := s.private[s.public.root.fingerprint]
	if root == nil {
		return nil, license.Refuse(license.CodeKeyUse, "the private part of the root %s is not here", s.public.root.fingerprint)
	}
	return root, nil
}

// newSubkey makes a signing subkey and its binding, which names the use and in which the subkey signs back.
func newSubkey(root *packet.PrivateKey, use license.Use, random io.Reader, now time.Time) ([]*packet.OpaquePacket, error) {
	subkey, secretKey, err := newKey(tagSecretSubkey, random, now)
	if err != nil {
		return nil, err
	}
	back := blank(&subkey.PublicKey, packet.SigTypePrimaryKeyBinding, now)
	if err := back.CrossSignKey(&subkey.PublicKey, &root.PublicKey, subkey, hardened); err != nil {
		return nil, fmt.Errorf("sign back: %w", err)
	}
	binding := blank(&root.PublicKey, packet.SigTypeSubkeyBinding, now)
	binding.FlagsValid, binding.FlagSign = true, true
	binding.EmbeddedSignature = back
	binding.Notations = []*packet.Notation{{Name: Notation, Value: []byte(use), IsHumanReadable: true}}
	if err := binding.SignKey(&subkey.PublicKey, root, hardened); err != nil {
		return nil, fmt.Errorf("bind the %s key: %w", use, err)
	}
	signature, err := opaque(binding)
	if err != nil {
		return nil, err
	}
	return []*packet.OpaquePacket{secretKey, signature}, nil
}

// curve is the object identifier of Ed25519 under algorithm 22.
var curve = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}

// newKey writes a secret key packet from 32 random bytes and reads it back. go-crypto's own generators read randomness in
// amounts they do not promise; this way the same bytes give the same key, which vectors and simulations need.
func newKey(tag uint8, random io.Reader, now time.Time) (*packet.PrivateKey, *packet.OpaquePacket, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, nil, fmt.Errorf("read randomness for a key: %w", err)
	}
	point := append([]byte{0x40}, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)...)

	body := []byte{4}
	body = binary.BigEndian.AppendUint32(body, uint32(now.Unix()))
	body = append(body, byte(packet.PubKeyAlgoEdDSA), byte(len(curve)))
	body = append(body, curve...)
	body = append(body, number(point)...)
	body = append(body, 0) // not encrypted
	private := number(seed)
	sum := uint16(0)
	for _, b := range private {
		sum += uint16(b)
	}
	body = binary.BigEndian.AppendUint16(append(body, private...), sum)

	p := &packet.OpaquePacket{Tag: tag, Contents: body}
	parsed, err := p.Parse()
	if err != nil {
		return nil, nil, fmt.Errorf("read back a key: %w", err)
	}
	return parsed.(*packet.PrivateKey), p, nil
}

// number writes an OpenPGP multiprecision integer.
func number(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	size := 0
	if len(b) > 0 {
		size = 8*(len(b)-1) + bits.Len8(b[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(size)), b...)
}

func opaque(s *packet.Signature) (*packet.OpaquePacket, error) {
	var b bytes.Buffer
	if err := s.Serialize(&b); err != nil {
		return nil, fmt.Errorf("write a signature: %w", err)
	}
	p, err := packet.NewOpaqueReader(&b).Next()
	if err != nil {
		return nil, fmt.Errorf("write a signature: %w", err)
	}
	return p, nil
}
