package pgp

import (
	"bytes"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// Merge implements license.Keyring: it joins the packets of both certificates, each once. Presenting an older certificate again does not
// restore a revoked key, and a certificate whose vendor has lost a key does not remove it.
func (k *Keyring) Merge(with license.Keyring) (license.Keyring, []byte, error) {
	other, ok := with.(*Keyring)
	if !ok || other.Root() != k.Root() {
		return nil, nil, license.Refuse(license.CodeWrongRoot, "the root is %s, it was %s", k.Root(), with.Root())
	}
	if bytes.Equal(other.certificate, k.certificate) {
		return k, k.certificate, nil
	}
	own, err := splitPackets(k.certificate)
	if err != nil {
		return nil, nil, err
	}
	more, err := splitPackets(other.certificate)
	if err != nil {
		return nil, nil, err
	}
	var groups [][]*packet.OpaquePacket
	for _, g := range groupPackets(own) { // one of each: a key that is present with and without its binding would be bound twice
		mergeGroup(&groups, g)
	}
	added := false
	for _, g := range groupPackets(more) {
		added = mergeGroup(&groups, g) || added
	}
	if !added {
		return k, k.certificate, nil
	}
	var all []*packet.OpaquePacket
	for _, g := range groups {
		all = append(all, g...)
	}
	merged, err := assembleKeyring(all)
	if err != nil {
		return nil, nil, err
	}
	return merged, merged.certificate, nil
}

// groupPackets splits a certificate into keys and user ids, each with the signatures that follow it.
func groupPackets(packets []*packet.OpaquePacket) (groups [][]*packet.OpaquePacket) {
	for _, p := range packets {
		if p.Tag != tagSignature || len(groups) == 0 {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], p)
	}
	return groups
}

// mergeGroup adds to groups what g has and they lack. It reports whether that was anything.
func mergeGroup(groups *[][]*packet.OpaquePacket, g []*packet.OpaquePacket) (added bool) {
	for i, known := range *groups {
		if !equalPackets(known[0], g[0]) {
			continue
		}
		for _, p := range g[1:] {
			if !containsPacket((*groups)[i], p) {
				(*groups)[i], added = append((*groups)[i], p), true
			}
		}
		return added
	}
	*groups = append(*groups, g)
	return true
}

func equalPackets(a, b *packet.OpaquePacket) bool {
	return a.Tag == b.Tag && bytes.Equal(a.Contents, b.Contents)
}

func containsPacket(list []*packet.OpaquePacket, p *packet.OpaquePacket) bool {
	for _, q := range list {
		if equalPackets(q, p) {
			return true
		}
	}
	return false
}
