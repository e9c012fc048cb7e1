package pgp

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// The rules of this file, in the order in which they are checked. They come before go-crypto, which accepts more:
//
//  1. One signature packet of definite length fills the whole input, and its fields fill the packet.
//  2. Version 4 or 6; the type that the use asks for; SHA-256, SHA-384 or SHA-512; Ed25519 or RSA.
//  3. Only hashed subpackets count. A creation time is present, and neither it nor expiration nor an issuer is present twice.
//  4. Numbers have no leading zero bits: one signature has one form.

// signaturePacket is a signature packet that follows the rules above.
type signaturePacket struct {
	version     byte
	kind        byte // signature type
	algorithm   packet.PublicKeyAlgorithm
	hash        crypto.Hash
	created     time.Time
	lifetime    uint32 // seconds; 0: no expiration
	fingerprint string // of the issuer, upper-case hex; empty: not stated
	keyID       *uint64
	hashedOnly  []byte // the packet without its unhashed subpackets
}

// acceptedHashes is the allow-list by OpenPGP's numbers, with the salt size that version 6 requires.
var acceptedHashes = map[byte]struct {
	hash crypto.Hash
	salt int
}{8: {crypto.SHA256, 16}, 9: {crypto.SHA384, 24}, 10: {crypto.SHA512, 32}}

func isAcceptedHash(h crypto.Hash) bool {
	return h == crypto.SHA256 || h == crypto.SHA384 || h == crypto.SHA512
}

// malformed returns a refusal with the code signature_format.
func malformed(format string, args ...any) error {
	return license.Refuse(license.CodeSignatureFormat, format, args...)
}

// parseSignature parses one signature packet for a use whose documents carry signatures of the given type.
func parseSignature(data []byte, kind byte) (*signaturePacket, error) {
	body, err := signatureBody(data)
	if err != nil {
		return nil, err
	}
	if len(body) < 4 {
		return nil, malformed("the packet is truncated")
	}
	d := &signaturePacket{version: body[0], kind: body[1], algorithm: packet.PublicKeyAlgorithm(body[2])}
	if d.version != 4 && d.version != 6 {
		return nil, malformed("version %d", d.version)
	}
	if d.kind != kind {
		return nil, license.Refuse(license.CodeSignatureType, "type 0x%02x, not 0x%02x", d.kind, kind)
	}
	hash, ok := acceptedHashes[body[3]]
	if !ok {
		return nil, license.Refuse(license.CodeSignatureAlgorithm, "hash algorithm %d", body[3])
	}
	d.hash = hash.hash

	head, rest := body[:4], body[4:]
	hashed, rest, err := d.subpacketArea(rest)
	if err != nil {
		return nil, err
	}
	_, rest, err = d.subpacketArea(rest) // the unhashed subpackets: they are not signed
	if err != nil {
		return nil, err
	}
	tail := rest
	if len(rest) < 2 {
		return nil, malformed("the packet is truncated")
	}
	rest = rest[2:] // the first bytes of the hash; Verify compares them
	if d.version == 6 {
		if len(rest) < 1+hash.salt || int(rest[0]) != hash.salt {
			return nil, malformed("the salt does not fit the hash")
		}
		rest = rest[1+hash.salt:]
	}
	if err := d.checkIntegers(rest); err != nil {
		return nil, err
	}
	if err := d.readSubpackets(hashed); err != nil {
		return nil, err
	}
	d.hashedOnly = d.encodeHashedOnly(head, hashed, tail)
	return d, nil
}

// signatureBody returns the body of the only packet in data, which must be a signature.
func signatureBody(data []byte) ([]byte, error) {
	if len(data) < 2 || data[0]&0x80 == 0 {
		return nil, malformed("not an OpenPGP packet")
	}
	tag, size, width := data[0]&0x3f, 0, 0
	if data[0]&0x40 == 0 {
		tag = data[0] >> 2 & 0x0f
		width = []int{1, 2, 4, 0}[data[0]&3] // 3: until the end of the input
	} else {
		switch first := data[1]; {
		case first < 192:
			width = 1
		case first < 224:
			width = 2
		case first == 255:
			width = 5
		}
	}
	if tag != tagSignature {
		return nil, malformed("packet %d", tag)
	}
	if width == 0 {
		return nil, malformed("the packet has no definite length")
	}
	if len(data) < 1+width {
		return nil, malformed("the packet is truncated")
	}
	length, body := data[1:1+width], data[1+width:]
	switch {
	case data[0]&0x40 != 0 && width == 2:
		size = (int(length[0])-192)<<8 + int(length[1]) + 192
	case data[0]&0x40 != 0 && width == 5:
		length = length[1:]
		fallthrough
	default:
		for _, b := range length {
			size = size<<8 | int(b)
		}
	}
	// A 32-bit int may have become negative, which is not a length either.
	if size != len(body) {
		return nil, malformed("a packet of %d bytes in %d", size, len(body))
	}
	return body, nil
}

// subpacketArea cuts off one subpacket area, which begins with its length.
func (d *signaturePacket) subpacketArea(data []byte) (area, rest []byte, err error) {
	width := 2
	if d.version == 6 {
		width = 4
	}
	if len(data) < width {
		return nil, nil, malformed("the packet is truncated")
	}
	var size uint64
	for _, b := range data[:width] {
		size = size<<8 | uint64(b)
	}
	data = data[width:]
	if size > uint64(len(data)) {
		return nil, nil, malformed("the packet is truncated")
	}
	return data[:size], data[size:], nil
}

// checkIntegers checks the form of the signature's numbers, which must end where the packet ends.
func (d *signaturePacket) checkIntegers(data []byte) error {
	count, most := 0, 0
	switch d.algorithm {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		count, most = 1, maxRSA
	case packet.PubKeyAlgoEdDSA:
		if d.version != 4 {
			return license.Refuse(license.CodeSignatureAlgorithm, "algorithm %d in version %d", d.algorithm, d.version)
		}
		count, most = 2, 256
	case packet.PubKeyAlgoEd25519:
		if len(data) != 64 {
			return malformed("an Ed25519 signature of %d bytes", len(data))
		}
		return nil
	default:
		return license.Refuse(license.CodeSignatureAlgorithm, "public-key algorithm %d", d.algorithm)
	}
	for range count {
		if len(data) < 2 {
			return malformed("the packet is truncated")
		}
		bits := int(binary.BigEndian.Uint16(data))
		size := (bits + 7) / 8
		data = data[2:]
		if bits > most || size > len(data) || bits > 0 && data[0]>>((bits-1)%8) != 1 {
			return malformed("a number of %d bits is not in its one form", bits)
		}
		data = data[size:]
	}
	if len(data) != 0 {
		return malformed("%d bytes after the signature", len(data))
	}
	return nil
}

// The hashed subpackets that are evaluated here (RFC 9580, section 5.2.3.7).
const (
	subCreated     = 2
	subLifetime    = 3
	subIssuer      = 16
	subNotation    = 20
	subFingerprint = 33
)

// readSubpackets reads the hashed area. Unknown subpackets are left to go-crypto, which refuses critical ones.
func (d *signaturePacket) readSubpackets(data []byte) error {
	seen := map[byte]bool{}
	for len(data) > 0 {
		sub, rest, err := nextSubpacket(data)
		if err != nil {
			return err
		}
		data = rest
		kind, body := sub[0]&0x7f, sub[1:]
		switch kind {
		case subCreated, subLifetime, subIssuer, subFingerprint:
			if seen[kind] {
				return malformed("subpacket %d is there twice", kind)
			}
			seen[kind] = true
		}
		switch {
		case kind == subNotation && sub[0]&0x80 != 0:
			// Critical means: refuse if unknown. No notation is known for documents.
			return malformed("a critical notation")
		case kind == subCreated && len(body) == 4:
			d.created = time.Unix(int64(binary.BigEndian.Uint32(body)), 0).UTC()
		case kind == subLifetime && len(body) == 4:
			d.lifetime = binary.BigEndian.Uint32(body)
		case kind == subIssuer && len(body) == 8:
			id := binary.BigEndian.Uint64(body)
			d.keyID = &id
		case kind == subFingerprint && d.version == 4 && len(body) == 21 && body[0] == 4,
			kind == subFingerprint && d.version == 6 && len(body) == 33 && body[0] == 6:
			d.fingerprint = strings.ToUpper(hex.EncodeToString(body[1:]))
		case seen[kind]:
			return malformed("subpacket %d has a wrong length or version", kind)
		}
	}
	if !seen[subCreated] {
		return malformed("no creation time")
	}
	return nil
}

// nextSubpacket cuts off one subpacket: its type and body.
func nextSubpacket(data []byte) (sub, rest []byte, err error) {
	size, width := 0, 0
	switch first := data[0]; {
	case first < 192:
		size, width = int(first), 1
	case first < 255 && len(data) >= 2:
		size, width = (int(first)-192)<<8+int(data[1])+192, 2
	case first == 255 && len(data) >= 5 && data[1] == 0:
		size, width = int(binary.BigEndian.Uint32(data[1:5])), 5
	}
	if width == 0 || size < 1 || size > len(data)-width {
		return nil, nil, malformed("a subpacket is truncated")
	}
	return data[width : width+size], data[width+size:], nil
}

// encodeHashedOnly writes the packet again without its unhashed subpackets, so that no later code sees them.
func (d *signaturePacket) encodeHashedOnly(head, hashed, tail []byte) []byte {
	width := 2
	if d.version == 6 {
		width = 4
	}
	var b bytes.Buffer
	b.Grow(6 + len(head) + 2*width + len(hashed) + len(tail))
	b.WriteByte(0xc0 | tagSignature)
	b.WriteByte(0xff)
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(head)+2*width+len(hashed)+len(tail))))
	b.Write(head)
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(hashed)))[4-width:])
	b.Write(hashed)
	b.Write(make([]byte, width))
	b.Write(tail)
	return b.Bytes()
}

// issuerName returns the issuer that the packet states, for the detail of a refusal.
func (d *signaturePacket) issuerName() string {
	switch {
	case d.fingerprint != "":
		return d.fingerprint
	case d.keyID != nil:
		return fmt.Sprintf("%016X", *d.keyID)
	}
	return "not stated"
}
