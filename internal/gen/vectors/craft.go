package main

import (
	"crypto"
	"crypto/ed25519"
	_ "crypto/sha1" // for signatures that must be refused
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
	"math/bits"
	"time"
)

// A small writer of OpenPGP packets (RFC 9580) that can also write invalid ones. It shares no code with license/pgp, so
// that a vector on which both agree is checked by two implementations.

// The algorithms and types by their OpenPGP numbers.
const (
	eddsaLegacy = 22
	ed25519v    = 27

	sha1n, sha256n, sha384n, sha512n, sha224n = 2, 8, 9, 10, 11

	binaryType, textType     = 0x00, 0x01
	certification, directKey = 0x13, 0x1f
	bindingType, backType    = 0x18, 0x19
)

var hashes = map[byte]struct {
	hash crypto.Hash
	salt int
}{sha1n: {crypto.SHA1, 0}, sha256n: {crypto.SHA256, 16}, sha384n: {crypto.SHA384, 24}, sha512n: {crypto.SHA512,
	32}, sha224n: {crypto.SHA224, 16}}

// key is an Ed25519 key in one of its OpenPGP forms.
type key struct {
	version, algorithm byte
	created            time.Time
	private            ed25519.PrivateKey
}

func newKey(version, algorithm byte, seed []byte, created time.Time) key {
	return key{version, algorithm, created, ed25519.NewKeyFromSeed(seed)}
}

func (k key) body() []byte {
	public := k.private.Public().(ed25519.PublicKey)
	material := []byte(public)
	if k.algorithm == eddsaLegacy {
		material = append([]byte{9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}, encodeMPI(append([]byte{0x40}, public...))...)
	}
	b := binary.BigEndian.AppendUint32([]byte{k.version}, uint32(k.created.Unix()))
	b = append(b, k.algorithm)
	if k.version == 6 {
		b = binary.BigEndian.AppendUint32(b, uint32(len(material)))
	}
	return append(b, material...)
}

// hashed returns the key in the form that is hashed.
func (k key) hashed() []byte {
	body := k.body()
	if k.version == 6 {
		return append(binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(len(body))), body...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(body))), body...)
}

func (k key) fingerprint() []byte {
	if k.version == 6 {
		sum := sha256.Sum256(k.hashed())
		return sum[:]
	}
	h := crypto.SHA1.New()
	h.Write(k.hashed())
	return h.Sum(nil)
}

func (k key) id() []byte {
	if k.version == 6 {
		return k.fingerprint()[:8]
	}
	return k.fingerprint()[12:]
}

// signature is a packet that is not signed yet. issuer replaces the hashed issuer fingerprint if it is not nil.
type signature struct {
	kind, hash byte
	created    time.Time
	issuer     [][]byte
	hashed     [][]byte // further subpackets
	unhashed   [][]byte
}

// body signs the parts and returns the packet's body.
func (s signature) body(by key, over ...[]byte) []byte {
	issuer := s.issuer
	if issuer == nil {
		issuer = [][]byte{issuerFingerprint(by)}
	}
	area := concat(append(append([][]byte{subpacket(2, binary.BigEndian.AppendUint32(nil, uint32(s.created.Unix())))}, issuer...),
		s.hashed...)...)
	loose := concat(s.unhashed...)
	head := concat([]byte{by.version, s.kind, by.algorithm, s.hash}, areaLength(by, len(area)), area)
	// The salt of version 6 is there against chosen messages; vectors have fixed ones.
	var salt []byte
	if by.version == 6 {
		salt = make([]byte, hashes[s.hash].salt)
	}
	h := hashes[s.hash].hash.New()
	h.Write(salt)
	for _, part := range over {
		h.Write(part)
	}
	h.Write(head)
	h.Write(binary.BigEndian.AppendUint32([]byte{by.version, 0xff}, uint32(len(head))))
	digest := h.Sum(nil)
	raw := ed25519.Sign(by.private, digest)
	if by.algorithm == eddsaLegacy {
		raw = concat(encodeMPI(raw[:32]), encodeMPI(raw[32:]))
	}
	if by.version == 6 {
		salt = append([]byte{byte(len(salt))}, salt...)
	}
	return concat(head, areaLength(by, len(loose)), loose, digest[:2], salt, raw)
}

// packet returns the whole packet.
func (s signature) packet(by key, over ...[]byte) []byte { return packet(2, s.body(by, over...)) }

// areaLength encodes the length of a subpacket area.
func areaLength(by key, n int) []byte {
	if by.version == 6 {
		return binary.BigEndian.AppendUint32(nil, uint32(n))
	}
	return binary.BigEndian.AppendUint16(nil, uint16(n))
}

func packet(tag byte, body []byte) []byte {
	if len(body) < 192 {
		return append([]byte{0xc0 | tag, byte(len(body))}, body...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body...)
}

func subpacket(kind byte, body []byte) []byte {
	if len(body)+1 < 192 {
		return append([]byte{byte(len(body) + 1), kind}, body...)
	}
	return append(append(binary.BigEndian.AppendUint32([]byte{0xff}, uint32(len(body)+1)), kind), body...)
}

func issuerFingerprint(k key) []byte {
	return subpacket(33, append([]byte{k.version}, k.fingerprint()...))
}
func issuerID(k key) []byte { return subpacket(16, k.id()) }
func seconds(kind byte, d time.Duration) []byte {
	return subpacket(kind, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second)))
}
func flags(f byte) []byte { return subpacket(27, []byte{f}) }

func notation(kind byte, name, value string) []byte {
	b := []byte{0x80, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return subpacket(kind, append(append(b, name...), value...))
}

func encodeMPI(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	n := 0
	if len(b) > 0 {
		n = 8*(len(b)-1) + bits.Len8(b[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(n)), b...)
}

func concat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
