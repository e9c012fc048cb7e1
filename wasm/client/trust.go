package client

import (
	"errors"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// hear judges what came back for the request and fires what it amounts to. Anything that is not a genuine answer to just this request
// is a failed exchange with a name; it moves nothing else.
func (ch *chain) hear(e abi.Event) {
	if !strings.HasPrefix(e.Body, `{"type":"onelicense/`) {
		v := abi.Describe(license.CodeServerError, httpDetail(e))
		if e.RetryAfter > 0 {
			// Anybody on the way can say so: it is obeyed no longer than the next sync would have waited anyway.
			v.RetryAt = ch.c.clock.now() + lease.Time(min(e.RetryAfter, ch.interval()/1000+1)*1000)
		}
		ch.trouble(v)
		return
	}
	a, err := ch.judge([]byte(e.Body))
	if err != nil {
		ch.trouble(abi.DescribeError(err))
		return
	}
	ch.believe(a)
}

// judged is an answer that may be believed, with what came beside it.
type judged struct {
	*answer
	keys        license.Keyring // that it was verified with
	certificate []byte          // of them, if it is a new one
	list        *lease.Statement
	listText    string
}

// believe takes over what a genuine answer brings and fires what it amounts to.
func (ch *chain) believe(a *judged) {
	c := ch.c
	if a.certificate != nil {
		c.keys, c.certificate, c.root = a.keys, a.certificate, a.keys.Root()
	}
	if a.list != nil {
		c.adopt(a.list, a.listText)
	}
	if l := a.Lease; l != nil {
		c.hear(issuer{a.relay, l.Epoch, a.number}, l.Time, !ch.resent && !ch.byHand())
		ch.answered = a.answer
		switch {
		case ch.asked.Goodbye && !ch.goodbye: // the goodbye of an earlier run
			ch.fire(ousted)
		case ch.asked.Goodbye:
			ch.fire(farewell)
		default:
			ch.fire(leased)
		}
		return
	}
	r := a.Refusal
	c.hear(issuer{a.relay, r.Epoch, a.number}, r.Time, !ch.byHand())
	v := abi.Describe(r.Code, r.Detail)
	v.RetryAt = r.RetryAt
	ch.problem = v
	switch {
	case r.Code == license.CodeStaleState && r.Challenge != "" && ch.asked.Challenge == "":
		ch.challenge, ch.generation = r.Challenge, r.Generation+1
		ch.fire(stale)
	case r.Code == license.CodeDeactivated && ch.starting():
		ch.fire(ousted)
	case v.Class == license.ClassRequest:
		ch.fire(rejected)
	default:
		ch.fire(refused)
	}
}

// trouble is an exchange without a genuine answer.
func (ch *chain) trouble(v abi.Verdict) {
	if ch.problem.Class == license.ClassFinal {
		v = ch.problem // an outage does not lift what the server has said for good
	}
	ch.problem = v
	ch.fire(failed)
}

// maxCertificate bounds what may grow together from many certificates: every one of them must be readable again.
const maxCertificate = 32 << 10

// judge decides whether an answer may be believed: signed under the pinned root, by the server or a relay in its name, for this request of
// this device, not older than what is known, not from a server that was rolled back.
func (ch *chain) judge(body []byte) (*judged, error) {
	c := ch.c
	signed, beside, err := lease.CutBeside(body)
	if err != nil {
		return nil, err
	}
	j := &judged{keys: c.keys, certificate: beside.Keyring}
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
			if j.keys, j.certificate, err = j.keys.Union(c.keys); err != nil {
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
		if j.list, err = c.openList(beside.List, j.keys); err != nil {
			return nil, err
		}
		j.listText = string(beside.List)
	}
	now := c.judgingTime(signed)
	if j.answer, err = c.open(signed, beside.Delegation, j.list.Over(j.keys), now); err != nil {
		return nil, err
	}
	if l := j.Lease; l != nil {
		//mutant:tests arg 3 nil: a named list must be at hand
		err = errors.Join(ch.mine(l.Product, l.License, l.Activation, l.Request, l.Nonce, j.relay, l.Epoch), ch.follows(l, j), c.upToDate(l.List, j))
	} else {
		r := j.Refusal
		err = ch.mine(r.Product, r.License, r.Activation, r.Request, r.Nonce, j.relay, r.Epoch)
		if err == nil && r.NotAfter < c.clock.mark && r.Epoch == c.issuer(j.relay).Epoch {
			err = license.Refuse(license.CodeLeaseOld, "the refusal ended at %d, the latest signed time is %d", r.NotAfter, c.clock.mark)
		}
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// upToDate holds an answer to the list that it names: who takes the list away from beside it gains nothing.
func (c *Client) upToDate(named *lease.ListRef, j *judged) error {
	list, text := c.list, c.listText
	if j.list != nil {
		list, text = j.list, j.listText
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

// mine holds an answer to the request that it must answer.
func (ch *chain) mine(product, id license.ID, activation, request lease.Hash, nonce, relay string, epoch int64) error {
	seen := ch.c.issuer(relay).Epoch
	switch {
	//mutant:stories never: an answer is for this device
	case product != ch.c.cfg.ProductID || id != ch.license || activation != ch.activation:
		return license.Refuse(license.CodeLeaseOtherDevice, "it is for product %s, license %s, activation %.12s", product, id, activation)
	//mutant:years never: an answer is for this request
	case request != ch.hash || nonce != ch.asked.Nonce:
		return license.Refuse(license.CodeLeaseOtherRequest, "it answers request %.12s, asked was %.12s", request, ch.hash)
	case epoch < seen:
		return license.Refuse(license.CodeEpochLower, "epoch %d, already seen was %d", epoch, seen)
	}
	return nil
}

// follows holds a lease to its place in the chain. Time goes back only with a new epoch: so a server whose clock once ran ahead can be put
// right.
func (ch *chain) follows(l *lease.Lease, j *judged) error {
	want := lease.Position{Generation: ch.asked.Generation, Number: ch.asked.Number, Link: lease.Next(ch.asked.Previous, ch.hash)}
	if l.Position() != want {
		return license.Refuse(license.CodeLeaseOld, "it is number %d of generation %d, asked was %d of %d", l.Number, l.Generation, want.Number, want.Generation)
	}
	if ch.held != nil && l.Time < ch.held.Time && l.Epoch == ch.c.issuer(j.relay).Epoch {
		return license.Refuse(license.CodeLeaseOld, "it is of time %d, the last lease of %d", l.Time, ch.held.Time)
	}
	return nil
}

// judgingTime is the time that signatures are judged at: ours, or the document's own if our clock is behind it. What keeps an
// answer from being an old one is the nonce.
func (c *Client) judgingTime(text []byte) time.Time {
	return max(c.clock.now(), lease.ClaimedTime(text)).Std()
}
