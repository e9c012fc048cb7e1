package pgp

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// allUses lists the uses in the order in which Generate makes their keys.
var allUses = []license.Use{license.UseFile, license.UseLease, license.UseStatement, license.UseDelegation}

// The versions of keys. Version 4 is read by every GnuPG since 2.1, version 6 (RFC 9580) by none yet.
const (
	V4 = 4
	V6 = 6
)

// Generate makes the keys of one product: a primary key that only certifies, and one signing subkey for each use. They are Ed25519 keys
// of version 4 with the older algorithm number 22. They do not expire: an expired key accepts nothing (see Verify), so an expiry belongs
// into a plan of rotation, not into a default. It reads 32 bytes of randomness for each key: for the root, then for file, lease,
// statement and delegation.
func Generate(name string, random io.Reader, now time.Time) (*SecretKeyring, error) {
	return GenerateVersion(V4, name, random, now)
}

// GenerateVersion is Generate for keys of a given version, V4 or V6.
func GenerateVersion(version int, name string, random io.Reader, now time.Time) (*SecretKeyring, error) {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || bytes.ContainsFunc([]byte(name), unicode.IsControl) {
		return nil, license.Refuse(license.CodeBadCall, "a key's name is 1 to 255 bytes of UTF-8 without control characters")
	}
	if version != V4 && version != V6 {
		return nil, license.Refuse(license.CodeBadCall, "keys of version %d are not made", version)
	}
	root, secretKey, err := newKey(tagSecretKey, version, random, now)
	if err != nil {
		return nil, err
	}
	packets := []*packet.OpaquePacket{secretKey}
	if version == V6 { // a version 6 key describes itself in a direct-key signature, not in that of a user id
		direct := newSelfSignature(root, packet.SigTypeDirectSignature, now)
		if err := direct.SignDirectKeyBinding(&root.PublicKey, root, deterministicConfig(root, direct)); err != nil {
			return nil, fmt.Errorf("certify the root: %w", err)
		}
		if packets, err = appendSignature(packets, direct); err != nil {
			return nil, err
		}
	}
	self := newSelfSignature(root, packet.SigTypePositiveCert, now)
	if err := self.SignUserId(name, &root.PublicKey, root, deterministicConfig(root, self, []byte(name))); err != nil {
		return nil, fmt.Errorf("certify the user id: %w", err)
	}
	if packets, err = appendSignature(append(packets, &packet.OpaquePacket{Tag: tagUserID, Contents: []byte(name)}), self); err != nil {
		return nil, err
	}
	for _, use := range allUses {
		subkey, err := newSubkey(root, use, time.Time{}, random, now)
		if err != nil {
			return nil, err
		}
		packets = append(packets, subkey...)
	}
	return newSecretKeyring(packets)
}

// newSelfSignature returns an unsigned self-signature of a root key that certifies.
func newSelfSignature(root *packet.PrivateKey, kind packet.SignatureType, now time.Time) *packet.Signature {
	self := newSignature(&root.PublicKey, kind, now)
	self.FlagsValid, self.FlagCertify = true, true
	return self
}

// AddKey makes one more key for the use. That is a rotation: Sign uses the newest key. The private primary key must be present.
func (s *SecretKeyring) AddKey(use license.Use, random io.Reader, now time.Time) (*SecretKeyring, error) {
	return s.AddKeyUntil(use, time.Time{}, random, now)
}

// AddKeyUntil is AddKey for a key with an expiry, after which nothing that it signed is accepted; zero: none.
func (s *SecretKeyring) AddKeyUntil(use license.Use, end time.Time, random io.Reader, now time.Time) (*SecretKeyring, error) {
	root, err := s.rootKey()
	if err != nil {
		return nil, err
	}
	subkey, err := newSubkey(root, use, end, random, now)
	if err != nil {
		return nil, err
	}
	return newSecretKeyring(append(slices.Clone(s.packets), subkey...))
}

// rootKey returns the private primary key.
func (s *SecretKeyring) rootKey() (*packet.PrivateKey, error) {
	root := s.private[s.public.root.fingerprint]
	if root == nil {
		return nil, license.Refuse(license.CodeKeyUse, "the private part of the root %s is not here", s.public.root.fingerprint)
	}
	return root, nil
}

// newSubkey makes a signing subkey and its binding.
func newSubkey(root *packet.PrivateKey, use license.Use, end time.Time, random io.Reader, now time.Time) ([]*packet.OpaquePacket, error) {
	subkey, secretKey, back, err := newCrossSignedKey(&root.PublicKey, use, nil, random, now)
	if err != nil {
		return nil, err
	}
	binding, err := signBinding(root, &subkey.PublicKey, back, use, end, now)
	if err != nil {
		return nil, err
	}
	return appendSignature([]*packet.OpaquePacket{secretKey}, binding)
}

// newCrossSignedKey makes a key for the use and lets it sign back to the root, which proves that it agrees to be its subkey.
func newCrossSignedKey(root *packet.PublicKey, use license.Use, saying []*packet.Notation, random io.Reader, now time.Time) (
	subkey *packet.PrivateKey, secretKey *packet.OpaquePacket, back *packet.Signature, err error) {
	if !slices.Contains(allUses, use) {
		return nil, nil, nil, license.Refuse(license.CodeBadCall, "%q is no use of a key", use)
	}
	if subkey, secretKey, err = newKey(tagSecretSubkey, root.Version, random, now); err != nil {
		return nil, nil, nil, err
	}
	back = newSignature(&subkey.PublicKey, packet.SigTypePrimaryKeyBinding, now)
	back.Notations = saying
	if err := back.CrossSignKey(&subkey.PublicKey, root, subkey, deterministicConfig(subkey, back, root.Fingerprint)); err != nil {
		return nil, nil, nil, fmt.Errorf("sign back: %w", err)
	}
	return subkey, secretKey, back, nil
}

// signBinding makes the signature with which the root binds a subkey: it names the use and holds the subkey's signature back.
func signBinding(root *packet.PrivateKey, subkey *packet.PublicKey, back *packet.Signature, use license.Use, end,
	now time.Time) (*packet.Signature, error) {
	binding := newSignature(&root.PublicKey, packet.SigTypeSubkeyBinding, now)
	binding.FlagsValid, binding.FlagSign = true, true
	binding.EmbeddedSignature = back
	binding.Notations = useNotation(use)
	if !end.IsZero() {
		life := end.Unix() - subkey.CreationTime.Unix()
		if life <= 0 || life > math.MaxUint32 {
			return nil, license.Refuse(license.CodeBadCall, "a key of %s cannot end %s", formatTime(subkey.CreationTime), formatTime(end))
		}
		seconds := uint32(life)
		binding.KeyLifetimeSecs = &seconds
	}
	if err := binding.SignKey(subkey, root, deterministicConfig(root, binding, subkey.Fingerprint)); err != nil {
		return nil, fmt.Errorf("bind the %s key: %w", use, err)
	}
	return binding, nil
}

// useNotation returns the notation that names a use.
func useNotation(use license.Use) []*packet.Notation {
	return []*packet.Notation{{Name: Notation, Value: []byte(use), IsHumanReadable: true}}
}

// ed25519OID is the object identifier of Ed25519 under algorithm 22.
var ed25519OID = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}

// newKey writes a secret key packet from 32 random bytes and reads it back. go-crypto's own generators read an amount of randomness that
// they do not promise; this way the same bytes give the same key, which vectors and simulations need.
func newKey(tag uint8, version int, random io.Reader, now time.Time) (*packet.PrivateKey, *packet.OpaquePacket, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, nil, fmt.Errorf("read randomness for a key: %w", err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)

	body := binary.BigEndian.AppendUint32([]byte{byte(version)}, uint32(now.Unix()))
	if version == V6 {
		body = append(body, byte(packet.PubKeyAlgoEd25519))
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(public))), public...)
		body = append(append(body, 0), seed...) // not encrypted
	} else {
		body = append(body, byte(packet.PubKeyAlgoEdDSA), byte(len(ed25519OID)))
		body = append(append(body, ed25519OID...), encodeMPI(append([]byte{0x40}, public...))...)
		private := encodeMPI(seed)
		sum := uint16(0)
		for _, b := range private {
			sum += uint16(b)
		}
		body = append(append(body, 0), private...) // not encrypted
		body = binary.BigEndian.AppendUint16(body, sum)
	}
	p := &packet.OpaquePacket{Tag: tag, Contents: body}
	parsed, err := p.Parse()
	if err != nil {
		return nil, nil, fmt.Errorf("read back a key: %w", err)
	}
	return parsed.(*packet.PrivateKey), p, nil
}

// encodeMPI encodes an OpenPGP multiprecision integer.
func encodeMPI(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	size := 0
	if len(b) > 0 {
		size = 8*(len(b)-1) + bits.Len8(b[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(size)), b...)
}

// appendSignature appends a signature after the packets that it is about.
func appendSignature(packets []*packet.OpaquePacket, s *packet.Signature) ([]*packet.OpaquePacket, error) {
	p, err := toOpaquePacket(s)
	return append(packets, p), err
}

// toOpaquePacket serializes a signature.
func toOpaquePacket(s *packet.Signature) (*packet.OpaquePacket, error) {
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
