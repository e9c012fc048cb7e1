package client

import (
	"errors"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// handleReply judges what came back for the request and fires what it amounts to. Anything that is not a genuine answer to just this request
// is a failed exchange with a name; it moves nothing else.
func (ch *chain) handleReply(e abi.Event) {
	if !strings.HasPrefix(e.Body, `{"type":"onelicense/`) {
		v := abi.Describe(license.CodeServerError, httpDetail(e))
		if e.RetryAfter > 0 {
			// Anybody on the way can say so: it is obeyed no longer than the next sync would have waited anyway.
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

// verifiedReply is an answer that may be believed, with what came beside it.
type verifiedReply struct {
	*verifiedAnswer
	keys          license.Keyring // that it was verified with
	certificate   []byte          // of them, if it is a new one
	statement     *lease.Statement
	statementText string
}

// applyReply takes over what a genuine answer brings and fires what it amounts to.
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
		case ch.request.Goodbye && !ch.goodbye: // the goodbye of an earlier run
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

// failExchange is an exchange without a genuine answer.
func (ch *chain) failExchange(v abi.Verdict) {
	if ch.problem.Class == license.ClassFinal {
		v = ch.problem // an outage does not lift what the server has said for good
	}
	ch.problem = v
	ch.fire(failed)
}

// maxCertificate bounds what may grow together from many certificates: every one of them must be readable again.
const maxCertificate = 32 << 10

// verifyReply decides whether an answer may be believed: signed under the pinned root, by the server or a relay in its name, for this request of
// this device, not older than what is known, not from a server that was rolled back.
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
			if len(j.certificate) > maxCertificate { // somebody pads it
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
		err = errors.Join(ch.checkAddressee(l.Product, l.License, l.Activation, l.Request, l.Nonce, j.relay, l.Epoch), ch.checkPosition(l, j), c.checkStatement(l.List, j))
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

// checkStatement holds an answer to the list that it names: who takes the list away from beside it gains nothing.
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
		return license.Refuse(license.CodeStatementMissing, "the answer names list %d, %.12s; at hand is %d", named.Number, named.Hash, list.Number)
	}
	return nil
}

// checkAddressee holds an answer to the request that it must answer.
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

// checkPosition holds a lease to its place in the chain. Time goes back only with a new epoch: so a server whose clock once ran ahead can be put
// right.
func (ch *chain) checkPosition(l *lease.Lease, j *verifiedReply) error {
	want := lease.Position{Generation: ch.request.Generation, Number: ch.request.Number, Link: lease.NextLink(ch.request.Previous, ch.requestHash)}
	if l.Position() != want {
		return license.Refuse(license.CodeLeaseOld, "it is number %d of generation %d, asked was %d of %d", l.Number, l.Generation, want.Number, want.Generation)
	}
	if ch.current != nil && l.Time < ch.current.Time && l.Epoch == ch.c.knownIssuer(j.relay).Epoch {
		return license.Refuse(license.CodeLeaseOld, "it is of time %d, the last lease of %d", l.Time, ch.current.Time)
	}
	return nil
}

// verificationTime is the time that signatures are judged at: ours, or the document's own if our clock is behind it. What keeps an
// answer from being an old one is the nonce.
func (c *Client) verificationTime(text []byte) time.Time {
	return max(c.clock.now(), lease.ClaimedTime(text)).Std()
}
