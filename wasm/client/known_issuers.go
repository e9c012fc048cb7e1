package client

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// issuer holds what is known of the server, or of a relay that answers in its name. Neither number ever decreases.
type issuer struct {
	Relay      string `json:"relay,omitempty"` // public key; empty: the server
	Epoch      int64  `json:"epoch"`
	Delegation int64  `json:"delegation,omitempty"` // number of the relay's newest delegation
}

// knownIssuer returns the record of a relay, or of the server if relay is empty.
func (c *Client) knownIssuer(relay string) issuer {
	for _, i := range c.issuers {
		if i.Relay == relay {
			return i
		}
	}
	return issuer{Relay: relay}
}

// recordIssuer raises the record of an issuer to the numbers that were seen.
func (c *Client) recordIssuer(seen issuer) {
	for i := range c.issuers {
		if known := &c.issuers[i]; known.Relay == seen.Relay {
			known.Epoch, known.Delegation = max(known.Epoch, seen.Epoch), max(known.Delegation, seen.Delegation)
			return
		}
	}
	c.issuers = append(c.issuers, seen)
}

// updateIssuer records the issuer of an answer and its time. A new epoch may mean that the server's clock was corrected: earlier signed
// times then no longer count.
func (c *Client) updateIssuer(from issuer, signed lease.Time, fresh bool) {
	if known := c.knownIssuer(from.Relay).Epoch; known > 0 && from.Epoch > known && signed < c.clock.mark {
		c.clock.mark, c.clock.synced = signed, false
	}
	c.recordIssuer(from)
	c.clock.observeTime(signed, fresh)
}

// verifiedAnswer is a verified lease or refusal with its issuer.
type verifiedAnswer struct {
	*lease.Answer
	relay      string // public key; empty: the server itself
	delegation string // signed text
	number     int64  // of the delegation; 0: none
}

// verifyAnswer verifies an answer of the server, or of a relay under a delegation that covers it.
func (c *Client) verifyAnswer(signed, delegation []byte, keys license.Keyring, now time.Time) (*verifiedAnswer, error) {
	keys = c.statement.ApplyTo(keys)
	if len(delegation) == 0 {
		a, err := lease.Open(signed, keys, now)
		return &verifiedAnswer{Answer: a}, err
	}
	d, err := lease.OpenDelegation(delegation, keys, c.verificationTime(delegation))
	if err != nil {
		return nil, err
	}
	a, err := lease.OpenDelegated(signed, d)
	if err != nil {
		return nil, err
	}
	beyond := func(format string, args ...any) error {
		return license.Refuse(license.CodeDelegationInvalid, format, args...)
	}
	if newest := c.knownIssuer(d.Key).Delegation; d.Number < newest {
		return nil, beyond("its number is %d, already seen was %d", d.Number, newest)
	}
	if l := a.Lease; l != nil {
		switch {
		case d.Product != l.Product || d.License != l.License:
			return nil, beyond("it is for product %s, license %s", d.Product, d.License)
		case l.NotAfter > d.NotAfter:
			return nil, beyond("it ends at %s, the lease at %s", d.NotAfter, l.NotAfter)
		case l.Settings.Type.LimitsCalls() && l.Counters.Allowance > d.Allowance:
			return nil, beyond("it allows %d calls, the lease %d", d.Allowance, l.Counters.Allowance)
		}
		for _, r := range l.Reservations {
			if r.Until > d.NotAfter || !d.Grants(r.Entitlement) {
				return nil, beyond("it does not cover the slot of %s until %s", r.Entitlement, r.Until)
			}
		}
	} else if r := a.Refusal; d.Product != r.Product || d.License != r.License {
		return nil, beyond("it is for product %s, license %s", d.Product, d.License)
	} else if r.Time > d.NotAfter {
		return nil, beyond("it ended at %s", d.NotAfter)
	}
	return &verifiedAnswer{a, d.Key, string(delegation), d.Number}, nil
}

// parseUnverifiedLease reads a lease without checking its signature. Its position in the chain is sent to the server, which compares it
// with its own records; it proves nothing here.
func parseUnverifiedLease(text []byte) (*verifiedAnswer, error) {
	document, _, _ := bytes.Cut(text, []byte("\n"))
	l := new(lease.Lease)
	return &verifiedAnswer{Answer: &lease.Answer{Lease: l, Text: text}}, json.Unmarshal(document, l)
}

// isStatement reports whether data begins like a signed statement.
func isStatement(data []byte) bool {
	return bytes.HasPrefix(data, []byte(`{"type":"`+lease.TypeStatement+`"`))
}

// verifyStatement verifies a statement of the product. A statement older than the current one is refused with statement_old.
func (c *Client) verifyStatement(text []byte, keys license.Keyring) (*lease.Statement, error) {
	if keys == nil {
		return nil, license.Refuse(license.CodeKeyringInvalid, "no keyring is known yet")
	}
	s, err := lease.OpenStatement(text, c.statement.ApplyTo(keys), c.verificationTime(text))
	switch {
	case err != nil:
		return nil, err
	case s.Product != c.cfg.ProductID:
		return nil, license.Refuse(license.CodeStatementMalformed, "it is of product %s", s.Product)
	case c.statement != nil && (s.Number < c.statement.Number || s.Number == c.statement.Number && string(text) != c.statementText):
		return nil, license.Refuse(license.CodeStatementOld, "its number is %d, already seen was %d", s.Number, c.statement.Number)
	}
	return s, nil
}

// acceptStatement verifies a statement and makes it the current one.
func (c *Client) acceptStatement(text []byte, keys license.Keyring) error {
	s, err := c.verifyStatement(text, keys)
	if err != nil {
		return err
	}
	c.adoptStatement(s, string(text))
	return nil
}

// adoptStatement makes a verified statement the current one. License files signed by a key that it calls compromised grant nothing any
// more.
func (c *Client) adoptStatement(s *lease.Statement, text string) {
	if text == c.statementText {
		return
	}
	c.statement, c.statementText, c.dirty = s, text, true
	c.clock.observeTime(s.Time, false)
	for _, ch := range c.chains {
		if ch.file == nil {
			continue
		}
		if said, ok := s.Key(ch.file.Signature.Key); ok && said.Status == lease.Compromised {
			v := abi.Describe(license.CodeKeyCompromised, "of the license file, by the product's list "+s.Time.String())
			v.License, ch.file = ch.license, nil
			c.notify(v)
		}
	}
}
