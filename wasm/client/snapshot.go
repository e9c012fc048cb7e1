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

	circl "github.com/cloudflare/circl/sign/ed25519"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// snapshotVersion is the version of the saved format. A program reads its own and older versions.
const snapshotVersion = 1

// snapshot holds everything that outlives the process. It is saved as one line of JSON and one line with its MAC under the installation's
// secret. The MAC detects damage and simple manipulation; what a lease grants is proven by the vendor's signature, each time it is
// loaded.
type snapshot struct {
	Version     int          `json:"version"`
	Product     license.ID   `json:"product"`
	Root        string       `json:"root,omitempty"`
	Certificate []byte       `json:"certificate,omitempty"`
	Secret      []byte       `json:"secret"`
	Mark        lease.Time   `json:"mark"`
	Issuers     []issuer     `json:"issuers,omitempty"`
	List        string       `json:"list,omitempty"`
	Chains      []savedChain `json:"chains,omitempty"`
}

// savedChain is the saved part of a chain.
type savedChain struct {
	License    license.ID `json:"license"`
	Device     int        `json:"device"`
	Counted    int64      `json:"counted"`
	Lease      string     `json:"lease,omitempty"`
	Delegation string     `json:"delegation,omitempty"` // of the relay that issued the lease
	Request    string     `json:"request,omitempty"`    // not answered by a lease yet
}

// snapshot returns the state to be saved.
func (c *Client) snapshot() string {
	s := snapshot{
		Version: snapshotVersion, Product: c.cfg.ProductID, Root: c.root, Certificate: c.certificate, Secret: c.secret,
		Mark: c.clock.mark, Issuers: c.issuers, List: c.statementText,
	}
	for _, ch := range c.chains {
		//mutant:searching element 4 "": the lease is part of the state
		//mutant:stories element 6 "": the request is part of the state
		s.Chains = append(s.Chains, savedChain{ch.license, ch.deviceIndex, ch.counted, ch.currentText, ch.delegation, ch.requestText})
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a snapshot holds only strings and numbers, so this is a bug of ours
	}
	return string(b) + "\n" + snapshotMAC(c.secret, b) + "\n"
}

// snapshotMAC returns the hex MAC of a snapshot's JSON.
func snapshotMAC(secret, b []byte) string {
	m := hmac.New(sha256.New, derive(secret, "snapshot"))
	m.Write(b)
	return hex.EncodeToString(m.Sum(nil))
}

// derive returns a key for one purpose, derived from the installation's secret.
func derive(secret []byte, purpose string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("onelicense/" + purpose))
	return m.Sum(nil)
}

// deviceKey returns the device key of the nth activation of a license by this installation.
func deviceKey(secret []byte, id license.ID, nth int) ed25519.PrivateKey {
	return ed25519.PrivateKey(circl.NewKeyFromSeed(derive(secret, "device/"+string(id)+"/"+strconv.Itoa(nth))))
}

// restoreSnapshot takes over a saved state. A damaged one is refused with state_invalid; one of another product or root with
// state_foreign, and it must not be overwritten.
func (c *Client) restoreSnapshot(state string) error {
	body, mac, _ := strings.Cut(state, "\n")
	var s snapshot
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	if err := d.Decode(&s); err != nil {
		return license.Refuse(license.CodeStateInvalid, "it does not parse")
	}
	switch {
	case s.Version != snapshotVersion:
		return license.Refuse(license.CodeStateInvalid, "its version is %d, this program reads %d", s.Version, snapshotVersion)
	case len(s.Secret) != 32 || !hmac.Equal([]byte(strings.TrimSuffix(mac, "\n")), []byte(snapshotMAC(s.Secret, []byte(body)))):
		return license.Refuse(license.CodeStateInvalid, "its authentication fails")
	case s.Product != c.cfg.ProductID:
		return license.Refuse(license.CodeStateForeign, "it is of product %s, the program of %s", s.Product, c.cfg.ProductID)
	case c.root != "" && s.Root != "" && s.Root != c.root:
		return license.Refuse(license.CodeStateForeign, "its root is %s, the pinned one %s", s.Root, c.root)
	}
	c.secret, c.issuers, c.clock.mark = s.Secret, s.Issuers, s.Mark
	for _, ch := range c.chains { // a license that the state does not hold gets a device key of the restored secret
		ch.activate(0)
	}
	for _, i := range s.Issuers {
		if i.Epoch < 0 || i.Epoch > lease.MaxCount || i.Delegation < 0 {
			return license.Refuse(license.CodeStateInvalid, "epoch %d, delegation %d", i.Epoch, i.Delegation)
		}
	}
	if s.Certificate != nil {
		keys, err := c.parse(s.Certificate)
		if err != nil || keys.Root() != s.Root {
			return license.Refuse(license.CodeStateInvalid, "its keyring does not parse")
		}
		certificate := s.Certificate
		if c.keys != nil { // the program has a keyring in its settings, which may be newer
			if keys, certificate, err = keys.Merge(c.keys); err != nil {
				return err
			}
		}
		c.keys, c.certificate, c.root = keys, certificate, s.Root
	}
	if s.List != "" {
		// It was verified when it arrived. Its key may not be accepted any more; what it says stands.
		list, err := lease.ParseTrustedStatement([]byte(s.List))
		if err != nil {
			return license.Refuse(license.CodeStateInvalid, "its list does not parse")
		}
		c.statement, c.statementText = list, s.List
	}
	for _, link := range s.Chains {
		if !link.License.Valid() {
			return license.Refuse(license.CodeStateInvalid, "license %.24q", string(link.License))
		}
		ch := c.chainOf(link.License)
		ch.activate(link.Device)
		ch.counted = min(max(link.Counted, 0), lease.MaxCount)
		if err := ch.restoreSaved(link); err != nil {
			return err
		}
	}
	return nil
}
