package client

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// snapshotVersion is that of the saved form; a program reads its own and older ones.
const snapshotVersion = 1

// snapshot is all that outlives the process: one line of JSON, and one with its MAC under the installation's secret. The MAC finds
// damage and clumsy changes; what a lease grants is proven by the vendor's signature on it, every time it is loaded.
type snapshot struct {
	Version     int         `json:"version"`
	Product     license.ID  `json:"product"`
	Root        string      `json:"root,omitempty"`
	Certificate []byte      `json:"certificate,omitempty"`
	Secret      []byte      `json:"secret"`
	Mark        lease.Time  `json:"mark"`
	Epoch       int64       `json:"epoch"`
	Chains      []savedLink `json:"chains,omitempty"`
}

// savedLink is the saved part of a chain.
type savedLink struct {
	License license.ID `json:"license"`
	Device  int        `json:"device"`
	Counted int64      `json:"counted"`
	Lease   string     `json:"lease,omitempty"`
	Request string     `json:"request,omitempty"` // not yet answered by a lease
}

func (c *Client) snapshot() string {
	s := snapshot{
		Version: snapshotVersion, Product: c.cfg.ProductID, Root: c.root, Certificate: c.certificate, Secret: c.secret,
		Mark: c.clock.mark, Epoch: c.epoch,
	}
	for _, ch := range c.chains {
		s.Chains = append(s.Chains, savedLink{ch.license, ch.nth, ch.counted, ch.text, ch.request})
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers: a bug of ours
	}
	return string(b) + "\n" + seal(c.secret, b) + "\n"
}

func seal(secret, b []byte) string {
	m := hmac.New(sha256.New, derive(secret, "snapshot"))
	m.Write(b)
	return hex.EncodeToString(m.Sum(nil))
}

// derive makes the keys of one installation from its one secret.
func derive(secret []byte, purpose string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("onelicense/" + purpose))
	return m.Sum(nil)
}

// deviceKey is the key of the nth activation of a license by this installation.
func deviceKey(secret []byte, id license.ID, nth int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(secret, "device/"+string(id)+"/"+strconv.Itoa(nth)))
}

// restore takes over a saved state. A damaged one is state_invalid; one of another product or root is state_foreign, and must not
// be overwritten.
func (c *Client) restore(state string) error {
	body, mac, _ := strings.Cut(state, "\n")
	var s snapshot
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	if err := d.Decode(&s); err != nil {
		return license.Refuse(license.CodeStateInvalid, "it does not parse")
	}
	switch {
	case s.Version != snapshotVersion:
		return license.Refuse(license.CodeStateInvalid, "its version is %d, this program reads %d", s.Version, snapshotVersion)
	case len(s.Secret) != 32 || !hmac.Equal([]byte(strings.TrimSuffix(mac, "\n")), []byte(seal(s.Secret, []byte(body)))):
		return license.Refuse(license.CodeStateInvalid, "its authentication fails")
	case s.Product != c.cfg.ProductID:
		return license.Refuse(license.CodeStateForeign, "it is of product %s, the program of %s", s.Product, c.cfg.ProductID)
	case c.root != "" && s.Root != "" && s.Root != c.root:
		return license.Refuse(license.CodeStateForeign, "its root is %s, the pinned one %s", s.Root, c.root)
	}
	c.secret, c.epoch, c.clock.mark = s.Secret, s.Epoch, s.Mark
	if s.Certificate != nil {
		keys, err := c.parse(s.Certificate)
		if err != nil || keys.Root() != s.Root {
			return license.Refuse(license.CodeStateInvalid, "its keyring does not parse")
		}
		c.keys, c.certificate, c.root = keys, s.Certificate, s.Root
	}
	for _, link := range s.Chains {
		ch := c.chain(link.License)
		ch.activate(link.Device)
		ch.counted = link.Counted
		if err := ch.resume(link.Lease, link.Request); err != nil {
			return err
		}
	}
	return nil
}
