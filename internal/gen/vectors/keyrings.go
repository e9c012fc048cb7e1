package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/onelicense/onelicense/license/pgp"
)

const day = 24 * time.Hour

var (
	born   = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) // when the keys were made
	signed = born.Add(day)
	now    = born.Add(2 * day) // when most vectors are opened
)

// must panics on errors that cannot happen while a generator runs on its own input.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func random(name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256([]byte("vectors: " + name)))
}

func generate(name string) *pgp.SecretKeyring { return must(pgp.Generate(name, random(name), born)) }

// keysOf returns the keys that Generate made, from the randomness that it read: the root, then file, lease, statement and delegation.
func keysOf(name string) []key {
	r := random(name)
	var keys []key
	for range 5 {
		seed := make([]byte, 32)
		must(r.Read(seed))
		keys = append(keys, newKey(4, eddsaLegacy, seed, born))
	}
	return keys
}

// craftedCertificate describes a certificate with one file key that Generate would not make.
type craftedCertificate struct {
	root, file key
	self       [][]byte // subpackets of the root's self-signature
	binding    [][]byte // subpackets of the subkey's binding
	hash       byte     // of the binding
	unsigned   bool     // the subkey does not sign back
	loose      [][]byte // unhashed subpackets of the binding
}

func keyPair(version, algorithm byte, name string) (root, file key) {
	r := random(name)
	seed := make([]byte, 64)
	must(r.Read(seed))
	return newKey(version, algorithm, seed[:32], born), newKey(version, algorithm, seed[32:], born)
}

func (c craftedCertificate) certificate(name string) []byte {
	if c.hash == 0 {
		c.hash = sha256n
	}
	self := signature{kind: certification, hash: sha256n, created: born, hashed: append([][]byte{flags(1)}, c.self...)}
	var cert []byte
	if c.root.version == 6 {
		self.kind = directKey
		cert = concat(packet(6, c.root.body()), self.packet(c.root, c.root.hashed()))
	} else {
		id := concat(binary.BigEndian.AppendUint32([]byte{0xb4}, uint32(len(name))), []byte(name))
		cert = concat(packet(6, c.root.body()), packet(13, []byte(name)), self.packet(c.root, c.root.hashed(), id))
	}
	binding := signature{kind: bindingType, hash: c.hash, created: born, hashed: c.binding, unhashed: c.loose}
	if !c.unsigned {
		back := signature{kind: backType, hash: sha256n, created: born}
		binding.hashed = append(binding.hashed, subpacket(32, back.body(c.file, c.root.hashed(), c.file.hashed())))
	}
	return concat(cert, packet(14, c.file.body()), binding.packet(c.root, c.root.hashed(), c.file.hashed()))
}

// armor returns a certificate as text. The optional checksum is left out.
func armor(cert []byte) []byte {
	var b bytes.Buffer
	b.WriteString("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n")
	text := base64.StdEncoding.EncodeToString(cert)
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	b.WriteString(text + "\n-----END PGP PUBLIC KEY BLOCK-----\n")
	return b.Bytes()
}
