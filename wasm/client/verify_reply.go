package client

import (
	"errors"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// handleReply verifies the server's reply and fires its trigger. Anything but a genuine answer to exactly this request is a failed
// exchange with a code; it changes nothing else.
func (ch *chain) handleReply(e abi.Event) {
	if !strings.HasPrefix(e.Body, `{"type":"onelicense/`) {
		v := abi.Describe(license.CodeServerError, httpDetail(e))
		if e.RetryAfter > 0 {
			// Retry-After is not signed: it is obeyed no longer than until the next sync would be due anyway.
			v.RetryAt = ch.c.clock.now() + lease.Time(min(e.RetryAfter, ch.interval()/1000+1)*1000)
		}
		ch.failExchange(v)
		return
	}
	a, err := ch.verifyReply([]byte(e.Body))
	if err != nil {
		ch.failExchange(abi.DescribeError(err))
		return
	}
	ch.applyReply(a)
}

// verifiedReply is a verified answer with its attachments.
type verifiedReply struct {
	*verifiedAnswer
	keys          license.Keyring // keyring that it was verified with
	certificate   []byte          // of the keyring, if that is new
	statement     *lease.Statement
	statementText string
}

// applyReply takes over the attachments of a verified answer and fires its trigger.
func (ch *chain) applyReply(a *verifiedReply) {
	c := ch.c
	if a.certificate != nil {
		c.keys, c.certificate, c.root = a.keys, a.certificate, a.keys.Root()
	}
	if a.statement != nil {
		c.adoptStatement(a.statement, a.statementText)
	}
	if l := a.Lease; l != nil {
		c.updateIssuer(issuer{a.relay, l.Epoch, a.number}, l.Time, !ch.resent && !ch.isImported())
		ch.accepted = a.verifiedAnswer
		switch {
		case ch.request.Goodbye && !ch.goodbye: // the goodbye of an earlier run was answered
			ch.fire(deactivated)
		case ch.request.Goodbye:
			ch.fire(goodbye)
		default:
			ch.fire(leased)
		}
		return
	}
	r := a.Refusal
	c.updateIssuer(issuer{a.relay, r.Epoch, a.number}, r.Time, !ch.isImported())
	v := abi.Describe(r.Code, r.Detail)
	v.RetryAt = r.RetryAt
	ch.problem = v
	switch {
	case r.Code == license.CodeStaleState && r.Challenge != "" && ch.request.Challenge == "":
		ch.challenge, ch.generation = r.Challenge, r.Generation+1
		ch.fire(staleState)
	case r.Code == license.CodeDeactivated && ch.isStarting():
		ch.fire(deactivated)
	case v.Class == license.ClassRequest:
		ch.fire(invalid)
	default:
		ch.fire(refused)
	}
}

// failExchange records an exchange without a genuine answer.
func (ch *chain) failExchange(v abi.Verdict) {
	if ch.problem.Class == license.ClassFinal {
		v = ch.problem // an outage does not lift a final refusal
	}
	ch.problem = v
	ch.fire(failed)
}

// maxCertificate limits a merged certificate in bytes: a snapshot with it must remain readable.
const maxCertificate = 32 << 10

// verifyReply verifies an answer: signed under the pinned root, by the server or a delegated relay, for this request of this device, not
// older than what is known, and not from a server that was rolled back.
func (ch *chain) verifyReply(body []byte) (*verifiedReply, error) {
	c := ch.c
	signed, beside, err := lease.SplitAttachments(body)
	if err != nil {
		return nil, err
	}
	j := &verifiedReply{keys: c.keys, certificate: beside.Keyring}
	if beside.Keyring != nil {
		if j.keys, err = c.parse(beside.Keyring); err != nil {
			return nil, err
		}
		//mutant:tests never: the root is the pinned one
		if c.root != "" && j.keys.Root() != c.root {
			return nil, license.Refuse(license.CodeWrongRoot, "the server's root is %s, the pinned one %s", j.keys.Root(), c.root)
		}
		//mutant:tests never: a keyring forgets nothing
		if c.keys != nil {
			if j.keys, j.certificate, err = j.keys.Merge(c.keys); err != nil {
				return nil, err
			}
			if len(j.certificate) > maxCertificate { // somebody pads it; ignored
				j.keys, j.certificate = c.keys, nil
			}
		}
	}
	if j.keys == nil {
		return nil, license.Refuse(license.CodeLeaseMalformed, "the answer comes without the keyring that was asked for")
	}
	if beside.List != nil {
		if j.statement, err = c.verifyStatement(beside.List, j.keys); err != nil {
			return nil, err
		}
		j.statementText = string(beside.List)
	}
	now := c.verificationTime(signed)
	if j.verifiedAnswer, err = c.verifyAnswer(signed, beside.Delegation, j.statement.ApplyTo(j.keys), now); err != nil {
		return nil, err
	}
	if l := j.Lease; l != nil {
		//mutant:tests arg 3 nil: a named list must be at hand
		err = errors.Join(ch.checkAddressee(l.Product, l.License, l.Activation, l.Request, l.Nonce, j.relay, l.Epoch), ch.checkPosition(l, j),
			c.checkStatement(l.List, j))
	} else {
		r := j.Refusal
		err = ch.checkAddressee(r.Product, r.License, r.Activation, r.Request, r.Nonce, j.relay, r.Epoch)
		if err == nil && r.NotAfter < c.clock.mark && r.Epoch == c.knownIssuer(j.relay).Epoch {
			err = license.Refuse(license.CodeLeaseOld, "the refusal ended at %d, the latest signed time is %d", r.NotAfter, c.clock.mark)
		}
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// checkStatement checks that the statement which an answer names is at hand, so that removing the attachment gains an attacker nothing.
func (c *Client) checkStatement(named *lease.StatementRef, j *verifiedReply) error {
	list, text := c.statement, c.statementText
	if j.statement != nil {
		list, text = j.statement, j.statementText
	}
	switch {
	case named == nil || list != nil && list.Number > named.Number:
		return nil
	case list == nil:
		return license.Refuse(license.CodeStatementMissing, "the answer names list %d, none is at hand", named.Number)
	case list.Number < named.Number || lease.HashOf([]byte(text)) != named.Hash:
		return license.Refuse(license.CodeStatementMissing, "the answer names list %d, %.12s; at hand is %d", named.Number, named.Hash,
			list.Number)
	}
	return nil
}

// checkAddressee checks that an answer is for this product, license, activation and request, and not of an earlier epoch.
func (ch *chain) checkAddressee(product, id license.ID, activation, request lease.Hash, nonce, relay string, epoch int64) error {
	seen := ch.c.knownIssuer(relay).Epoch
	switch {
	//mutant:stories never: an answer is for this device
	case product != ch.c.cfg.ProductID || id != ch.license || activation != ch.activation:
		return license.Refuse(license.CodeLeaseOtherDevice, "it is for product %s, license %s, activation %.12s", product, id, activation)
	//mutant:years never: an answer is for this request
	case request != ch.requestHash || nonce != ch.request.Nonce:
		return license.Refuse(license.CodeLeaseOtherRequest, "it answers request %.12s, asked was %.12s", request, ch.requestHash)
	case epoch < seen:
		return license.Refuse(license.CodeEpochLower, "epoch %d, already seen was %d", epoch, seen)
	}
	return nil
}

// checkPosition checks that a lease has the requested position in the chain. Its time may go back only with a new epoch, so that a server
// whose clock once ran ahead can be corrected.
func (ch *chain) checkPosition(l *lease.Lease, j *verifiedReply) error {
	want := lease.Position{Generation: ch.request.Generation, Number: ch.request.Number,
		Link: lease.NextLink(ch.request.Previous, ch.requestHash)}
	if l.Position() != want {
		return license.Refuse(license.CodeLeaseOld, "it is number %d of generation %d, asked was %d of %d", l.Number, l.Generation, want.Number,
			want.Generation)
	}
	if ch.current != nil && l.Time < ch.current.Time && l.Epoch == ch.c.knownIssuer(j.relay).Epoch {
		return license.Refuse(license.CodeLeaseOld, "it is of time %d, the last lease of %d", l.Time, ch.current.Time)
	}
	return nil
}

// verificationTime returns the time that signatures are checked at: the client's, or the document's own if the clock here is behind it.
// The nonce proves that an answer is not an old one.
func (c *Client) verificationTime(text []byte) time.Time {
	return max(c.clock.now(), lease.ClaimedTime(text)).Std()
}
