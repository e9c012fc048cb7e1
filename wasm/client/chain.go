package client

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// chain is one license of the client: its device key, the last lease, and the request that is not answered yet.
type chain struct {
	c          *Client
	license    license.ID
	file       *license.License // nil when only the id is known
	nth        int              // activations of this license by this installation, before this one
	device     ed25519.PrivateKey
	activation lease.Hash

	state      state
	waitsFor   int64 // the effect whose answer moves the chain on
	held       *lease.Lease
	text       string         // of held
	relay      string         // public key of the relay that gave it; empty: the server
	delegation string         // text of the one that the relay answered under
	request    string         // saved, not answered by a lease
	asked      *lease.Request // the same, parsed
	hash       lease.Hash     // of the same
	unproven   abi.Verdict    // held was saved, and its key is good no longer; empty code: that is not so
	answered   *answer        // verified, on its way into take
	resent     bool           // the same bytes were sent before: what answers them may be old

	counted   int64 // calls, cumulative; what the server has confirmed stands in held
	journaled int64 // of these on the disk

	problem    abi.Verdict // why the last exchange failed; empty code: it did not
	failures   int         // in a row
	retryAt    int64       // mono; when waiting, or ready after a failure
	syncAt     int64       // mono; the next sync of a ready chain
	openAt     int64       // mono; the end of the activation delay
	inTime     bool        // the exchange began before the lease ran out
	more       bool        // another request after this exchange
	goodbye    bool
	challenge  string // for the next request: activate anew
	generation int64  // that the challenge is for
	told       license.Code
	hurriedAt  int64 // mono; of the last sync that a refused call caused

	calls []*call // waiting for the server
}

// activate begins the chain of the nth activation: a new device, nothing held.
func (ch *chain) activate(nth int) {
	ch.nth = nth
	ch.device = deviceKey(ch.c.secret, ch.license, nth)
	ch.activation = lease.ActivationOf(ch.device.Public().(ed25519.PublicKey))
	ch.counted -= ch.confirmed()
	ch.held, ch.text, ch.request, ch.asked, ch.relay, ch.delegation, ch.unproven = nil, "", "", nil, "", "", abi.Verdict{}
}

// resume takes over what was saved. The lease must still be genuine; one whose key is good no longer grants nothing, but it still says
// where the chain is. What was prepaid is spent: a state that is restored from a copy would otherwise have the calls twice.
func (ch *chain) resume(s savedLink) error {
	if s.Lease != "" && ch.c.keys == nil {
		return license.Refuse(license.CodeStateInvalid, "its lease comes without a keyring")
	}
	if s.Lease != "" {
		a, err := ch.c.open([]byte(s.Lease), []byte(s.Delegation), ch.c.keys, ch.c.judgingTime([]byte(s.Lease)))
		if err != nil {
			if v := abi.DescribeError(err); strings.HasPrefix(string(v.Code), "key_") {
				ch.unproven = v
				a, err = readLease([]byte(s.Lease))
			}
		}
		if err != nil || a.Lease == nil || a.Lease.License != ch.license || a.Lease.Activation != ch.activation {
			return license.Refuse(license.CodeStateInvalid, "its lease is not genuine")
		}
		ch.held, ch.text, ch.relay, ch.delegation = a.Lease, s.Lease, a.relay, s.Delegation
		ch.counted = max(ch.counted, a.Lease.Counters.Counted)
		//mutant:stories never: what was prepaid is spent when it is read back
		if a.Lease.Settings.Prepaid > 0 {
			ch.counted = max(ch.counted, a.Lease.Counters.Granted)
		}
	}
	if s.Request != "" {
		asked, hash, err := lease.OpenRequest([]byte(s.Request))
		if err != nil || asked.License != ch.license || asked.Activation() != ch.activation {
			return license.Refuse(license.CodeStateInvalid, "its request is not genuine")
		}
		ch.request, ch.asked, ch.hash, ch.state, ch.resent = s.Request, asked, hash, waiting, true
	}
	return nil
}

// form makes the next request and saves it; it is sent when the save is confirmed.
func (ch *chain) form() {
	c := ch.c
	r := &lease.Request{
		Product: c.cfg.ProductID, Version: c.cfg.VersionID, License: ch.license,
		Nonce: hex.EncodeToString(c.random.bytes(16)), Generation: 1, Number: 1, Previous: lease.Origin,
		Epoch: c.issuer(ch.relay).Epoch, Time: c.clock.wall, Goodbye: ch.goodbye, Challenge: ch.challenge,
		Fingerprint: c.cfg.fingerprint(ch.license),
	}
	if c.list != nil {
		r.List = c.list.Number
	}
	if ch.held != nil && ch.held.Settings.Statistics {
		r.Statistics = &lease.Statistics{Program: c.cfg.Program, Platform: c.cfg.Platform, Host: c.cfg.Host, Numbers: c.numbers}
	}
	if ch.challenge != "" {
		//mutant:stories value:2 "": a re-activation shows what was refused
		r.Generation, r.Refused = ch.generation, ch.hash
	} else if ch.held != nil {
		r.Generation, r.Number, r.Previous = ch.held.Generation, ch.held.Number+1, ch.held.Link
	}
	if ch.held != nil {
		r.Lease = ch.text
	}
	if c.certificate != nil {
		r.Keyring = lease.HashOf(c.certificate)
	}
	for _, k := range ch.calls {
		ch.include(k, r)
	}
	r.Counted = ch.counted
	r.Drop = ch.unheld(r.Want)
	ch.challenge, ch.more, ch.resent = "", false, false

	text := r.Sign(ch.device)
	ch.request, ch.asked, ch.hash = string(text), r, lease.HashOfText(text)
	//mutant:stories with ch.c.savedAt, ch.waitsFor, ch.state = ch.c.clock.mono, 0, sending; ch.send(): a request is on the disk before it is sent
	ch.save()
}

// save is where an exchange begins.
func (ch *chain) save() {
	ch.inTime = ch.held != nil && ch.c.clock.now() <= ch.held.NotAfter+late
	ch.waitsFor = ch.c.save()
}

// resend is save for bytes that were sent before.
func (ch *chain) resend() {
	ch.resent = true
	ch.save()
}

func (ch *chain) send() {
	ch.answerExports()
	ch.waitsFor = ch.c.id()
	ch.c.effect(abi.Effect{
		Type: abi.EffectSend, ID: ch.waitsFor, URL: ch.c.cfg.endpoint, Body: ch.request, Timeout: ch.c.cfg.Timeout,
	})
}

// byHand tells whether the answer at hand was carried here.
func (ch *chain) byHand() bool {
	return slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callImport })
}

// again remembers that one more request is wanted once the present one is answered.
func (ch *chain) again() { ch.more = true }

// take makes the lease the new head, answers the calls that the request carried, and goes on to those that it did not.
func (ch *chain) take() {
	c, l := ch.c, ch.answered.Lease
	first := ch.held == nil && l.Generation == 1
	//mutant:stories remove: the server's number stands
	//mutant:searching left: counts made during a sync are kept
	ch.counted = l.Counters.Counted + (ch.counted - ch.asked.Counted)
	ch.held, ch.text, ch.problem, ch.failures = l, string(ch.answered.Text), abi.Verdict{}, 0
	ch.relay, ch.delegation, ch.unproven = ch.answered.relay, ch.answered.delegation, abi.Verdict{}
	ch.syncAt = c.clock.mono + ch.interval()
	if first {
		ch.openAt = c.clock.mono + l.Settings.ActivationDelay
	}
	// A reply that was long on its way, by hand or lost and asked for again, tells an old time and ends soon.
	ch.more = ch.more || ch.resent && c.clock.wall > l.Time+lease.Time(ch.interval()/2)
	asked, byHand := ch.asked, ch.byHand()
	ch.request, ch.asked, ch.answered = "", nil, nil
	if first || l.Settings.Trigger != lease.EveryCall {
		c.save()
	} else {
		c.dirty = true // with each call: the request on the disk would only fetch the same lease again
	}
	ch.answerLeased()
	ch.lose()
	// What came by hand was asked for by a call that has been answered: it is kept for the next one, until the next sync.
	if ch.more || len(ch.unheld(nil)) > 0 && len(asked.Drop) == 0 && !byHand {
		ch.fire(due)
	}
}

// leave ends the chain after a goodbye. What the goodbye carried is granted as far as the lease says; what came after it is not. The
// next start of the program would activate as a new device.
func (ch *chain) leave() {
	counted := ch.answered.Lease.Counters.Counted
	ch.activate(ch.nth + 1)
	ch.answered = nil
	ch.counted, ch.goodbye = 0, false
	ch.dropHolds(func(string) bool { return false }, nil)
	for _, k := range ch.takeCalls() {
		switch {
		case !k.included || k.kind == callReserve:
			ch.resolve(k, abi.Describe(license.CodeDeactivated, "by this program"))
		case k.kind == callConsume && k.upTo > counted:
			ch.resolve(k, abi.Describe(license.CodeExhausted, ""))
		default:
			ch.resolve(k, abi.Describe(license.CodeOK, ""))
		}
	}
	ch.save()
}

// fail counts a failed exchange and answers all calls by what the last lease allows.
func (ch *chain) fail() {
	ch.failures++
	ch.retryAt = ch.c.clock.mono + ch.pause()
	ch.answerFailed()
}

// drop gives the request up: the server will never accept these bytes. Nothing of it was counted there.
func (ch *chain) drop() {
	ch.exclude()
	ch.request, ch.asked = "", nil
	ch.c.dirty = true
	ch.fail()
}

// restore activates anew: the next generation, with the challenge that the refusal brought. The server's count stands.
func (ch *chain) restore() {
	ch.exclude()
	ch.request, ch.asked = "", nil
	ch.form()
}

// renew activates as a new device: the program was started again after its activation was taken away, or given back. It is then one newcomer among
// others, and pays like one.
func (ch *chain) renew() {
	ch.exclude()
	ch.activate(ch.nth + 1)
	ch.problem, ch.failures = abi.Verdict{}, 0
	ch.answered, ch.goodbye = nil, false
	for _, k := range ch.takeCalls() { // who wants to leave is out already
		if k.kind == callGoodbye {
			ch.resolve(k, abi.Describe(license.CodeOK, ""))
		} else {
			ch.calls = append(ch.calls, k)
		}
	}
	ch.form()
}

// leaving tells whether a goodbye is on its way: the server may have given the activation to another by now, so nothing is granted on it.
func (ch *chain) leaving() bool { return ch.asked != nil && ch.asked.Goodbye }

// refuse answers the calls of a closed chain.
func (ch *chain) refuse() {
	for _, k := range ch.takeCalls() {
		ch.resolve(k, abi.Describe(license.CodeDeactivated, "by this program"))
	}
}

// confirmed is what the server has accepted of the chain's count.
func (ch *chain) confirmed() int64 {
	if ch.held == nil {
		return 0
	}
	return ch.held.Counters.Counted
}

// pending is what was counted here and is not confirmed yet.
func (ch *chain) pending() int64 { return ch.counted - ch.confirmed() }
