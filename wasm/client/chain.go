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

// chain holds the state of one license: its device key, the last lease, and the request that is not answered yet. Times named mono are
// milliseconds of the monotonic clock.
type chain struct {
	c           *Client
	license     license.ID
	file        *license.License // nil when only the id is known
	deviceIndex int              // number of earlier activations of this license by this installation
	device      ed25519.PrivateKey
	activation  lease.Hash

	state         state
	awaitedEffect int64 // id of the effect whose result moves the chain
	current       *lease.Lease
	currentText   string          // its signed text
	relay         string          // public key of the relay that issued it; empty: the server
	delegation    string          // signed text of the relay's delegation
	requestText   string          // signed; not answered by a lease yet
	request       *lease.Request  // requestText, parsed
	requestHash   lease.Hash      // of its document
	keyProblem    abi.Verdict     // why the key of a restored lease is not accepted any more; empty code: it is
	accepted      *verifiedAnswer // a verified answer, for acceptLease or close
	resent        bool            // these bytes were sent before, so their answer may be old

	counted    int64 // calls, cumulative; current holds how many the server has confirmed
	savedCount int64 // value of counted in the last save

	problem       abi.Verdict // why the last exchange failed; empty code: it succeeded
	failures      int         // failed exchanges in a row
	retryAt       int64       // mono; in the state waiting, or ready after a failure
	syncAt        int64       // mono; the next sync of a ready chain
	delayUntil    int64       // mono; end of the activation delay
	startedInTime bool        // the exchange began before the lease expired
	syncAgain     bool        // send another request after this exchange
	goodbye       bool
	challenge     string // for the next request, which re-activates; empty: none
	generation    int64  // of the re-activation that the challenge is for
	notifiedCode  license.Code
	earlySyncAt   int64 // mono; of the last sync before its time

	calls []*call // of the program, waiting for the server
}

// activate resets the chain to an activation that does not exist yet: a new device key, no lease, no request.
func (ch *chain) activate(nth int) {
	ch.deviceIndex = nth
	ch.device = deviceKey(ch.c.secret, ch.license, nth)
	ch.activation = lease.ActivationID(ch.device.Public().(ed25519.PublicKey))
	ch.counted -= ch.confirmedCount()
	ch.current, ch.currentText, ch.requestText, ch.request, ch.relay, ch.delegation, ch.keyProblem = nil, "", "", nil, "", "", abi.Verdict{}
}

// restoreSaved takes over a saved chain. Its lease must be genuine; a lease whose key is not accepted any more grants nothing but still
// holds the chain's position. Prepaid calls count as used: otherwise a state restored from a copy would have them twice.
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

// sendNew makes the next request and saves it. It is sent when the save is confirmed.
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
	//mutant:stories with ch.c.savedAt, ch.awaitedEffect, ch.state = ch.c.clock.mono, 0, sending; ch.send(): saved before it is sent
	ch.save()
}

// save begins an exchange by saving the request.
func (ch *chain) save() {
	ch.startedInTime = ch.current != nil && ch.c.clock.now() <= ch.current.NotAfter+timerTolerance
	ch.awaitedEffect = ch.c.save()
}

// resend saves and sends a request that was sent before, unchanged.
func (ch *chain) resend() {
	ch.resent = true
	ch.save()
}

// send posts the saved request and answers the exports that waited for it.
func (ch *chain) send() {
	ch.answerExports()
	ch.awaitedEffect = ch.c.nextEffectID()
	ch.c.emit(abi.Effect{
		Type: abi.EffectSend, ID: ch.awaitedEffect, URL: ch.c.cfg.endpoint, Body: ch.requestText, Timeout: ch.c.cfg.Timeout,
	})
}

// isImported reports whether the answer being applied was imported by hand.
func (ch *chain) isImported() bool {
	return slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callImport })
}

// requestSyncAgain asks for one more request once the present one is answered.
func (ch *chain) requestSyncAgain() { ch.syncAgain = true }

// acceptLease makes the lease the current one, answers the calls that the request carried, and continues with the others.
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
	// A reply that took long, by hand or because the first one was lost, has an old time and expires soon.
	ch.syncAgain = ch.syncAgain || ch.resent && c.clock.wall > l.Time+lease.Time(ch.interval()/2)
	asked, byHand := ch.request, ch.isImported()
	ch.requestText, ch.request, ch.accepted = "", nil, nil
	if first || l.Settings.Trigger != lease.EveryCall {
		c.save()
	} else {
		c.dirty = true // not a save for each call: the request on the disk would only fetch the same lease again
	}
	ch.answerAfterLease()
	ch.revokeHolds()
	// A slot in an imported lease was requested by a call that has been answered since: it is kept for the next call, until the next sync.
	if ch.syncAgain || len(ch.leakedReservations(nil)) > 0 && len(asked.Drop) == 0 && !byHand {
		ch.fire(due)
	}
}

// close ends the chain after a goodbye. Calls that the goodbye carried are granted as far as its lease says, later ones are refused. The
// next start of the program activates as a new device.
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

// discardRequest gives up a request that the server will never accept. The server has counted nothing of it.
func (ch *chain) discardRequest() {
	ch.removeFromRequest()
	ch.requestText, ch.request = "", nil
	ch.c.dirty = true
	ch.recordFailure()
}

// reactivate sends a request for the next generation with the challenge of the refusal. The server's count stands.
func (ch *chain) reactivate() {
	ch.removeFromRequest()
	ch.requestText, ch.request = "", nil
	ch.sendNew()
}

// reactivateAsNew activates as a new device, because the program was started again after its activation was taken away or given back. It
// then counts against the activation limits like any other.
func (ch *chain) reactivateAsNew() {
	ch.removeFromRequest()
	ch.activate(ch.deviceIndex + 1)
	ch.problem, ch.failures = abi.Verdict{}, 0
	ch.accepted, ch.goodbye = nil, false
	for _, k := range ch.takeCalls() { // a waiting deactivation is done already
		if k.kind == callGoodbye {
			ch.resolve(k, abi.Describe(license.CodeOK, ""))
		} else {
			ch.calls = append(ch.calls, k)
		}
	}
	ch.sendNew()
}

// isDeactivating reports whether a goodbye is on its way. The server may have given the activation to another installation by now, so
// nothing is granted on it.
func (ch *chain) isDeactivating() bool { return ch.request != nil && ch.request.Goodbye }

// refuseCalls refuses the calls of a closed chain.
func (ch *chain) refuseCalls() {
	for _, k := range ch.takeCalls() {
		ch.resolve(k, abi.Describe(license.CodeDeactivated, "by this program"))
	}
}

// confirmedCount returns how many calls of the chain the server has accepted.
func (ch *chain) confirmedCount() int64 {
	if ch.current == nil {
		return 0
	}
	return ch.current.Counters.Counted
}

// unconfirmedCount returns how many calls were counted here and are not confirmed yet.
func (ch *chain) unconfirmedCount() int64 { return ch.counted - ch.confirmedCount() }
