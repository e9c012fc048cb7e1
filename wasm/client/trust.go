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
			v.RetryAt = ch.c.clock.now() + lease.Time(min(e.RetryAfter, longestPause/1000)*1000)
		}
		ch.trouble(v)
		return
	}
	a, keys, certificate, err := ch.judge([]byte(e.Body))
	if err != nil {
		ch.trouble(abi.DescribeError(err))
		return
	}
	c := ch.c
	if certificate != nil {
		c.keys, c.certificate, c.root = keys, certificate, keys.Root()
	}
	if l := a.Lease; l != nil {
		c.epoch = max(c.epoch, l.Epoch)
		c.clock.hear(l.Time)
		ch.answered, ch.text = l, string(a.Text)
		switch {
		case ch.asked.Goodbye && ch.starting(): // the goodbye of an earlier run
			ch.fire(ousted)
		case ch.asked.Goodbye:
			ch.fire(farewell)
		default:
			ch.fire(leased)
		}
		return
	}
	r := a.Refusal
	c.epoch = max(c.epoch, r.Epoch)
	c.clock.hear(r.Time)
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

// judge decides whether an answer may be believed: signed under the pinned root, for this request of this device, not older than
// what is known, not from a server that was rolled back. It returns the keyring that the answer was verified with.
func (ch *chain) judge(body []byte) (*lease.Answer, license.Keyring, []byte, error) {
	c := ch.c
	signed, certificate, err := lease.CutKeyring(body)
	if err != nil {
		return nil, nil, nil, err
	}
	keys := c.keys
	if certificate != nil {
		if keys, err = c.parse(certificate); err != nil {
			return nil, nil, nil, err
		}
		if c.root != "" && keys.Root() != c.root {
			return nil, nil, nil, license.Refuse(license.CodeWrongRoot, "the server's root is %s, the pinned one %s", keys.Root(), c.root)
		}
	}
	if keys == nil {
		return nil, nil, nil, license.Refuse(license.CodeLeaseMalformed, "the answer comes without the keyring that was asked for")
	}
	a, err := lease.Open(signed, keys, c.judgingTime(signed))
	if err != nil {
		return nil, nil, nil, err
	}
	if l := a.Lease; l != nil {
		err = errors.Join(ch.mine(l.Product, l.License, l.Activation, l.Request, l.Nonce, l.Epoch), ch.follows(l))
	} else {
		r := a.Refusal
		err = ch.mine(r.Product, r.License, r.Activation, r.Request, r.Nonce, r.Epoch)
		if err == nil && r.NotAfter < c.clock.mark {
			err = license.Refuse(license.CodeLeaseOld, "the refusal ended at %d, the latest signed time is %d", r.NotAfter, c.clock.mark)
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return a, keys, certificate, nil
}

// mine holds an answer to the request that it must answer.
func (ch *chain) mine(product, id license.ID, activation, request lease.Hash, nonce string, epoch int64) error {
	switch {
	case product != ch.c.cfg.ProductID || id != ch.license || activation != ch.activation:
		return license.Refuse(license.CodeLeaseOtherDevice, "it is for product %s, license %s, activation %.12s", product, id, activation)
	case request != ch.hash || nonce != ch.asked.Nonce:
		return license.Refuse(license.CodeLeaseOtherRequest, "it answers request %.12s, asked was %.12s", request, ch.hash)
	case epoch < ch.c.epoch:
		return license.Refuse(license.CodeEpochLower, "epoch %d, already seen was %d", epoch, ch.c.epoch)
	}
	return nil
}

// follows holds a lease to its place in the chain.
func (ch *chain) follows(l *lease.Lease) error {
	want := lease.Position{Generation: ch.asked.Generation, Number: ch.asked.Number, Link: lease.Next(ch.asked.Previous, ch.hash)}
	if l.Position() != want {
		return license.Refuse(license.CodeLeaseOld, "it is number %d of generation %d, asked was %d of %d", l.Number, l.Generation, want.Number, want.Generation)
	}
	if ch.held != nil && l.Time < ch.held.Time {
		return license.Refuse(license.CodeLeaseOld, "it is of time %d, the last lease of %d", l.Time, ch.held.Time)
	}
	return nil
}

// judgingTime is the time that signatures are judged at: ours, or the document's own if our clock is behind it. What keeps an
// answer from being an old one is the nonce.
func (c *Client) judgingTime(text []byte) time.Time {
	return max(c.clock.now(), lease.ClaimedTime(text)).Std()
}
