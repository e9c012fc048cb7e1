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
	c           *Client
	license     license.ID
	file        *license.License // nil when only the id is known
	deviceIndex int              // activations of this license by this installation, before this one
	device      ed25519.PrivateKey
	activation  lease.Hash

	state         state
	awaitedEffect int64 // the effect whose answer moves the chain on
	current       *lease.Lease
	currentText   string          // of held
	relay         string          // public key of the relay that gave it; empty: the server
	delegation    string          // text of the one that the relay answered under
	requestText   string          // saved, not answered by a lease
	request       *lease.Request  // the same, parsed
	requestHash   lease.Hash      // of the same
	keyProblem    abi.Verdict     // held was saved, and its key is good no longer; empty code: that is not so
	accepted      *verifiedAnswer // verified, on its way into take
	resent        bool            // the same bytes were sent before: what answers them may be old

	counted    int64 // calls, cumulative; what the server has confirmed stands in held
	savedCount int64 // of these on the disk

	problem       abi.Verdict // why the last exchange failed; empty code: it did not
	failures      int         // in a row
	retryAt       int64       // mono; when waiting, or ready after a failure
	syncAt        int64       // mono; the next sync of a ready chain
	delayUntil    int64       // mono; the end of the activation delay
	startedInTime bool        // the exchange began before the lease ran out
	syncAgain     bool        // another request after this exchange
	goodbye       bool
	challenge     string // for the next request: activate anew
	generation    int64  // that the challenge is for
	notifiedCode  license.Code
	earlySyncAt   int64 // mono; of the last sync that a refused call caused

	calls []*call // waiting for the server
}

// activate begins the chain of the nth activation: a new device, nothing held.
func (ch *chain) activate(nth int) {
	ch.deviceIndex = nth
	ch.device = deviceKey(ch.c.secret, ch.license, nth)
	ch.activation = lease.ActivationID(ch.device.Public().(ed25519.PublicKey))
	ch.counted -= ch.confirmedCount()
	ch.current, ch.currentText, ch.requestText, ch.request, ch.relay, ch.delegation, ch.keyProblem = nil, "", "", nil, "", "", abi.Verdict{}
}

// restoreSaved takes over what was saved. The lease must still be genuine; one whose key is good no longer grants nothing, but it still says
// where the chain is. What was prepaid is spent: a state that is restored from a copy would otherwise have the calls twice.
func (ch *chain) restoreSaved(s savedChain) error {
	if s.Lease != "" && ch.c.keys == nil {
		return license.Refuse(license.CodeStateInvalid, "its lease comes without a keyring")
	}
	if s.Lease != "" {
		a, err := ch.c.verifyAnswer([]byte(s.Lease), []byte(s.Delegation), ch.c.keys, ch.c.verificationTime([]byte(s.Lease)))
		if err != nil {
			if v := abi.DescribeError(err); strings.HasPrefix(string(v.Code), "key_") {
				ch.keyProblem = v
				a, err = parseUnverifiedLease([]byte(s.Lease))
			}
		}
		if err != nil || a.Lease == nil || a.Lease.License != ch.license || a.Lease.Activation != ch.activation {
			return license.Refuse(license.CodeStateInvalid, "its lease is not genuine")
		}
		ch.current, ch.currentText, ch.relay, ch.delegation = a.Lease, s.Lease, a.relay, s.Delegation
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
		ch.requestText, ch.request, ch.requestHash, ch.state, ch.resent = s.Request, asked, hash, waiting, true
	}
	return nil
}

// sendNew makes the next request and saves it; it is sent when the save is confirmed.
func (ch *chain) sendNew() {
	c := ch.c
	r := &lease.Request{
		Product: c.cfg.ProductID, Version: c.cfg.VersionID, License: ch.license,
		Nonce: hex.EncodeToString(c.random.bytes(16)), Generation: 1, Number: 1, Previous: lease.OriginLink,
		Epoch: c.knownIssuer(ch.relay).Epoch, Time: c.clock.wall, Goodbye: ch.goodbye, Challenge: ch.challenge,
		Fingerprint: c.cfg.fingerprint(ch.license),
	}
	if c.statement != nil {
		r.List = c.statement.Number
	}
	if ch.current != nil && ch.current.Settings.Statistics {
		r.Statistics = &lease.Statistics{Program: c.cfg.Program, Platform: c.cfg.Platform, Host: c.cfg.Host, Numbers: c.numbers}
	}
	if ch.challenge != "" {
		//mutant:stories value:2 "": a re-activation shows what was refused
		r.Generation, r.Refused = ch.generation, ch.requestHash
	} else if ch.current != nil {
		r.Generation, r.Number, r.Previous = ch.current.Generation, ch.current.Number+1, ch.current.Link
	}
	if ch.current != nil {
		r.Lease = ch.currentText
	}
	if c.certificate != nil {
		r.Keyring = lease.HashOf(c.certificate)
	}
	for _, k := range ch.calls {
		ch.addToRequest(k, r)
	}
	r.Counted = ch.counted
	r.Drop = ch.leakedReservations(r.Want)
	ch.challenge, ch.syncAgain, ch.resent = "", false, false

	text := r.Sign(ch.device)
	ch.requestText, ch.request, ch.requestHash = string(text), r, lease.RequestHash(text)
	//mutant:stories with ch.c.savedAt, ch.awaitedEffect, ch.state = ch.c.clock.mono, 0, sending; ch.send(): a request is on the disk before it is sent
	ch.save()
}

// save is where an exchange begins.
func (ch *chain) save() {
	ch.startedInTime = ch.current != nil && ch.c.clock.now() <= ch.current.NotAfter+timerTolerance
	ch.awaitedEffect = ch.c.save()
}

// resend is save for bytes that were sent before.
func (ch *chain) resend() {
	ch.resent = true
	ch.save()
}

func (ch *chain) send() {
	ch.answerExports()
	ch.awaitedEffect = ch.c.nextEffectID()
	ch.c.emit(abi.Effect{
		Type: abi.EffectSend, ID: ch.awaitedEffect, URL: ch.c.cfg.endpoint, Body: ch.requestText, Timeout: ch.c.cfg.Timeout,
	})
}

// isImported tells whether the answer at hand was carried here.
func (ch *chain) isImported() bool {
	return slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callImport })
}

// requestSyncAgain remembers that one more request is wanted once the present one is answered.
func (ch *chain) requestSyncAgain() { ch.syncAgain = true }

// acceptLease makes the lease the new head, answers the calls that the request carried, and goes on to those that it did not.
func (ch *chain) acceptLease() {
	c, l := ch.c, ch.accepted.Lease
	first := ch.current == nil && l.Generation == 1
	//mutant:stories remove: the server's number stands
	//mutant:searching left: counts made during a sync are kept
	ch.counted = l.Counters.Counted + (ch.counted - ch.request.Counted)
	ch.current, ch.currentText, ch.problem, ch.failures = l, string(ch.accepted.Text), abi.Verdict{}, 0
	ch.relay, ch.delegation, ch.keyProblem = ch.accepted.relay, ch.accepted.delegation, abi.Verdict{}
	ch.syncAt = c.clock.mono + ch.interval()
	if first {
		ch.delayUntil = c.clock.mono + l.Settings.ActivationDelay
	}
	// A reply that was long on its way, by hand or lost and asked for again, tells an old time and ends soon.
	ch.syncAgain = ch.syncAgain || ch.resent && c.clock.wall > l.Time+lease.Time(ch.interval()/2)
	asked, byHand := ch.request, ch.isImported()
	ch.requestText, ch.request, ch.accepted = "", nil, nil
	if first || l.Settings.Trigger != lease.EveryCall {
		c.save()
	} else {
		c.dirty = true // with each call: the request on the disk would only fetch the same lease again
	}
	ch.answerAfterLease()
	ch.revokeHolds()
	// What came by hand was asked for by a call that has been answered: it is kept for the next one, until the next sync.
	if ch.syncAgain || len(ch.leakedReservations(nil)) > 0 && len(asked.Drop) == 0 && !byHand {
		ch.fire(due)
	}
}

// close ends the chain after a goodbye. What the goodbye carried is granted as far as the lease says; what came after it is not. The
// next start of the program would activate as a new device.
func (ch *chain) close() {
	counted := ch.accepted.Lease.Counters.Counted
	ch.activate(ch.deviceIndex + 1)
	ch.accepted = nil
	ch.counted, ch.goodbye = 0, false
	ch.dropHolds(func(string) bool { return false }, nil)
	for _, k := range ch.takeCalls() {
		switch {
		case !k.inRequest || k.kind == callReserve:
			ch.resolve(k, abi.Describe(license.CodeDeactivated, "by this program"))
		case k.kind == callConsume && k.countAfter > counted:
			ch.resolve(k, abi.Describe(license.CodeExhausted, ""))
		default:
			ch.resolve(k, abi.Describe(license.CodeOK, ""))
		}
	}
	ch.save()
}

// recordFailure counts a failed exchange and answers all calls by what the last lease allows.
func (ch *chain) recordFailure() {
	ch.failures++
	ch.retryAt = ch.c.clock.mono + ch.retryDelay()
	ch.answerAfterFailure()
}

// discardRequest gives the request up: the server will never accept these bytes. Nothing of it was counted there.
func (ch *chain) discardRequest() {
	ch.removeFromRequest()
	ch.requestText, ch.request = "", nil
	ch.c.dirty = true
	ch.recordFailure()
}

// reactivate activates anew: the next generation, with the challenge that the refusal brought. The server's count stands.
func (ch *chain) reactivate() {
	ch.removeFromRequest()
	ch.requestText, ch.request = "", nil
	ch.sendNew()
}

// reactivateAsNew activates as a new device: the program was started again after its activation was taken away, or given back. It is then one newcomer among
// others, and pays like one.
func (ch *chain) reactivateAsNew() {
	ch.removeFromRequest()
	ch.activate(ch.deviceIndex + 1)
	ch.problem, ch.failures = abi.Verdict{}, 0
	ch.accepted, ch.goodbye = nil, false
	for _, k := range ch.takeCalls() { // who wants to leave is out already
		if k.kind == callGoodbye {
			ch.resolve(k, abi.Describe(license.CodeOK, ""))
		} else {
			ch.calls = append(ch.calls, k)
		}
	}
	ch.sendNew()
}

// isDeactivating tells whether a goodbye is on its way: the server may have given the activation to another by now, so nothing is granted on it.
func (ch *chain) isDeactivating() bool { return ch.request != nil && ch.request.Goodbye }

// refuseCalls answers the calls of a closed chain.
func (ch *chain) refuseCalls() {
	for _, k := range ch.takeCalls() {
		ch.resolve(k, abi.Describe(license.CodeDeactivated, "by this program"))
	}
}

// confirmedCount is what the server has accepted of the chain's count.
func (ch *chain) confirmedCount() int64 {
	if ch.current == nil {
		return 0
	}
	return ch.current.Counters.Counted
}

// unconfirmedCount is what was counted here and is not confirmed yet.
func (ch *chain) unconfirmedCount() int64 { return ch.counted - ch.confirmedCount() }
