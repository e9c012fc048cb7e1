package pgp

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// An offline root certifies keys that were made elsewhere. A CertificationRequest is carried to it, and the
// certificate, which is public, is carried back. The private part of the new key is never moved.

const requestBlock = "ONE LICENSE CERTIFICATION REQUEST"

// CertificationRequest is a key that is to become a subkey of an offline root. It has signed back to that root, and its signature names
// the use: a request cannot be redirected to another root or use on the way.
type CertificationRequest struct {
	Key     string // fingerprint, upper-case hex
	Use     license.Use
	Created time.Time

	public  *packet.PublicKey
	back    *packet.Signature
	packets []*packet.OpaquePacket // the key, with its private part if it was made here, and the signature
}

// NewCertificationRequest makes a key for the use and a request to the keyring's root.
func NewCertificationRequest(root *Keyring, use license.Use, random io.Reader, now time.Time) (*CertificationRequest, error) {
	_, secretKey, back, err := newCrossSignedKey(root.root.public, use, useNotation(use), random, now)
	if err != nil {
		return nil, err
	}
	packets, err := appendSignature([]*packet.OpaquePacket{secretKey}, back)
	if err != nil {
		return nil, err
	}
	return parseRequestPackets(packets)
}

// ParseCertificationRequest reads what Armored or Serialize wrote. Certify checks the signature.
func ParseCertificationRequest(data []byte) (*CertificationRequest, error) {
	binary, err := dearmor(data, requestBlock)
	if err != nil {
		return nil, err
	}
	packets, err := splitPackets(binary)
	if err != nil {
		return nil, err
	}
	return parseRequestPackets(packets)
}

// parseRequestPackets reads a request from its two packets.
func parseRequestPackets(packets []*packet.OpaquePacket) (*CertificationRequest, error) {
	no := func(what string) (*CertificationRequest, error) {
		return nil, license.Refuse(license.CodeKeyringInvalid, "the request %s", what)
	}
	if len(packets) != 2 {
		return no("is not a key and its signature")
	}
	r := &CertificationRequest{packets: packets}
	parsed, err := packets[0].Parse()
	if err != nil {
		return no("has a key that cannot be read")
	}
	switch k := parsed.(type) {
	case *packet.PrivateKey:
		r.public = &k.PublicKey
	case *packet.PublicKey:
		r.public = k
	default:
		return no("does not begin with a key")
	}
	parsed, err = packets[1].Parse()
	back, ok := parsed.(*packet.Signature)
	if err != nil || !ok || back.SigType != packet.SigTypePrimaryKeyBinding || !isAcceptable(back) {
		return no("has no signature to a root")
	}
	if !r.public.IsSubkey || !isSupported(r.public) || isRSA(r.public) || len(back.Notations) != 1 || back.Notations[0].Name != Notation {
		return no("is not of an Ed25519 subkey with one use")
	}
	r.back, r.Use = back, license.Use(back.Notations[0].Value)
	r.Key, r.Created = fingerprint(r.public), r.public.CreationTime.UTC()
	if !slices.Contains(allUses, r.Use) {
		return no(fmt.Sprintf("is for %q, which is no use of a key", r.Use))
	}
	return r, nil
}

// Armored returns the request as text, without the private part.
func (r *CertificationRequest) Armored() ([]byte, error) {
	half, err := publicKeyPacket(r.public)
	if err != nil {
		return nil, err
	}
	data, err := serialize([]*packet.OpaquePacket{half, r.packets[1]})
	if err != nil {
		return nil, err
	}
	return enarmor(data, requestBlock)
}

// Serialize returns the request in binary, with the private part unencrypted if it is present.
func (r *CertificationRequest) Serialize() ([]byte, error) { return serialize(r.packets) }

func serialize(packets []*packet.OpaquePacket) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range packets {
		if err := p.Serialize(&b); err != nil {
			return nil, fmt.Errorf("write packets: %w", err)
		}
	}
	return b.Bytes(), nil
}

// Certify binds the key of a request to the root, until end if that is not zero. use is the use that the holder of the root intends: a
// request for another one is refused.
func (s *SecretKeyring) Certify(r *CertificationRequest, use license.Use, end, now time.Time) (*SecretKeyring, error) {
	root, err := s.rootKey()
	switch {
	case err != nil:
		return nil, err
	case r.Use != use:
		return nil, license.Refuse(license.CodeKeyUse, "the request is for a %s key, not for %s", r.Use, use)
	case r.public.Version != root.Version:
		return nil, license.Refuse(license.CodeKeyringInvalid, "the request is of version %d, the root of %d", r.public.Version, root.Version)
	case slices.ContainsFunc(s.public.keys, func(k *key) bool { return k.fingerprint == r.Key }):
		return nil, license.Refuse(license.CodeBadCall, "key %s is certified already", r.Key)
	}
	binding, err := signBinding(root, r.public, r.back, use, end, now)
	if err != nil {
		return nil, err
	}
	if err := root.VerifyKeySignature(r.public, binding); err != nil {
		return nil, license.Refuse(license.CodeSignatureInvalid, "the request is for another root, or was changed")
	}
	half, err := publicKeyPacket(r.public)
	if err != nil {
		return nil, err
	}
	packets, err := appendSignature(append(slices.Clone(s.packets), half), binding)
	if err != nil {
		return nil, err
	}
	return newSecretKeyring(packets)
}

// Merge adds the keys and revocations of another certificate of the same root. Keys that were requested here and certified by the root
// get their private parts.
func (s *SecretKeyring) Merge(from *Keyring, requested ...*CertificationRequest) (*SecretKeyring, error) {
	_, certificate, err := s.public.Merge(from)
	if err != nil {
		return nil, err
	}
	packets, err := splitPackets(certificate)
	if err != nil {
		return nil, err
	}
	private := map[string]*packet.OpaquePacket{} // by the public half
	add := func(p *packet.OpaquePacket) error {
		if p.Tag != tagSecretKey && p.Tag != tagSecretSubkey {
			return nil
		}
		half, _, err := publicPartOf(p)
		if err == nil {
			private[string(half.Contents)] = p
		}
		return err
	}
	for _, p := range s.packets {
		if err := add(p); err != nil {
			return nil, err
		}
	}
	for _, r := range requested {
		if err := add(r.packets[0]); err != nil {
			return nil, err
		}
	}
	for i, p := range packets {
		if own := private[string(p.Contents)]; own != nil && (p.Tag == tagPublicKey || p.Tag == tagPublicSubkey) {
			packets[i] = own
		}
	}
	return newSecretKeyring(packets)
}
