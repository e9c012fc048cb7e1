// Package client implements the client core: a state machine without I/O that holds a program's licenses (spec/lease.md).
//
// New makes a Client from the program's settings and the saved state; Step feeds it one event and returns the effects that the host must
// carry out. Consume is the only frequent call. The package has no clock, network, randomness or global state of its own: the same events
// give the same effects, byte for byte, in every runtime.
package client

import (
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Client holds the licenses of one product for one installation. It must be used by one goroutine at a time.
type Client struct {
	cfg   settings
	parse func(certificate []byte) (license.Keyring, error)

	root          string // fingerprint of the product's root key: pinned, or of the first keyring seen when that is allowed
	keys          license.Keyring
	certificate   []byte
	secret        []byte // of the installation; all device keys are derived from it
	issuers       []issuer
	statement     *lease.Statement // the product's newest that was seen; nil: none
	statementText string
	numbers       []lease.NamedNumber // set by the program, sent with the statistics
	clock         clock
	random        drbg

	running      bool
	chains       []*chain
	holds        []*hold
	fileVerdicts []abi.Verdict

	lastEffectID int64
	dirty        bool  // the state has changed since the last save
	savedAt      int64 // monotonic time of the last save
	failedSaves  int   // in a row
	wakeAt       int64 // monotonic time of the timer that the host has; 0: none
	effects      []abi.Effect
}

// New checks the settings and restores the saved state; state is empty at the first start. random must hold 32 fresh bytes; parse reads a
// certificate. A damaged state is not fatal: the client starts over and reports that in its first step. Errors have the codes
// missing_setting, bad_setting, bad_call, wrong_root, keyring_invalid or state_foreign.
func New(cfg abi.Config, state string, random []byte, parse func([]byte) (license.Keyring, error)) (*Client, error) {
	checked, err := checkConfig(cfg)
	if err != nil {
		return nil, err
	}
	if len(random) < 32 {
		return nil, license.Refuse(license.CodeBadCall, "new needs 32 random bytes")
	}
	c := &Client{cfg: checked, parse: parse}
	c.random.reseed(random)
	if err := c.initialise(); err != nil {
		return nil, err
	}
	if state == "" {
		return c, nil
	}
	if err := c.restoreSnapshot(state); err != nil {
		v := abi.DescribeError(err)
		if v.Code != license.CodeStateInvalid {
			return nil, err
		}
		v.AllowContinue = true // it starts over; the server decides what that costs
		*c = Client{cfg: checked, parse: parse, random: c.random}
		if err := c.initialise(); err != nil {
			return nil, err
		}
		c.notify(v)
	}
	return c, nil
}

// initialise sets up a new installation: its secret, the pinned root and the configured keyring.
func (c *Client) initialise() error {
	c.secret = c.random.bytes(32)
	c.root = c.cfg.pin
	if c.cfg.Keyring != "" {
		keys, err := c.parse([]byte(c.cfg.Keyring))
		if err != nil {
			return err
		}
		if c.root != "" && keys.Root() != c.root {
			return license.Refuse(license.CodeWrongRoot, "the keyring's root is %s, the pinned one %s", keys.Root(), c.root)
		}
		c.keys, c.root = keys, keys.Root()
	}
	if c.cfg.LicenseID != "" {
		c.chainOf(c.cfg.LicenseID)
	}
	return nil
}

// Step takes one event and returns the effects that the host must carry out, in this order. An event that is not valid is refused with
// bad_call and changes nothing.
func (c *Client) Step(e abi.Event) ([]abi.Effect, error) {
	if e.Now < 0 || e.Now > lease.MaxCount || e.Mono < 0 || e.Mono > lease.MaxCount {
		return nil, license.Refuse(license.CodeBadCall, "now %d, mono %d", e.Now, e.Mono)
	}
	c.clock.tick(e.Now, e.Mono)
	c.random.reseed(e.Random)
	handle, known := handlers[e.Type]
	if !known {
		return nil, license.Refuse(license.CodeBadCall, "event %q", e.Type)
	}
	c.runDueTimers() // first, so that a due sync is not delayed by another event
	handle(c, e)
	c.finishStep()
	out := c.effects
	c.effects = nil
	return out, nil
}

var handlers = map[string]func(*Client, abi.Event){
	abi.EventStart:      (*Client).start,
	abi.EventFiles:      (*Client).loadFiles,
	abi.EventTimer:      func(c *Client, _ abi.Event) { c.wakeAt = 0 },
	abi.EventReply:      (*Client).onReply,
	abi.EventFailed:     (*Client).onFailed,
	abi.EventSaved:      func(c *Client, e abi.Event) { c.onSaved(e, saved) },
	abi.EventSaveFailed: func(c *Client, e abi.Event) { c.onSaved(e, saveFailed) },
	abi.EventConsume:    (*Client).consume,
	abi.EventReserve:    (*Client).reserve,
	abi.EventRelease:    (*Client).release,
	abi.EventCheck:      (*Client).check,
	abi.EventSync:       (*Client).sync,
	abi.EventDeactivate: (*Client).deactivate,
	abi.EventShutdown:   (*Client).shutdown,
	abi.EventPoll:       func(*Client, abi.Event) {},
	abi.EventStatistics: (*Client).setStatistics,
	abi.EventExport:     (*Client).exportRequest,
	abi.EventImport:     (*Client).importAnswer,
}

// finishStep does what any event may have made necessary: runs due timers, reports changed verdicts, writes the journal and sets the next
// timer.
func (c *Client) finishStep() {
	c.runDueTimers()
	for _, ch := range c.chains {
		ch.dropExpiredBorrows()
		ch.notifyChange()
	}
	//mutant:searching never: the journal is written
	if c.dirty && (c.clock.mono >= c.savedAt+c.journalDelay() || c.failedSaves == 0 && slices.ContainsFunc(c.chains, (*chain).isJournalDue)) {
		c.save()
	}
	c.setTimer()
}

// runDueTimers runs the due timers of all chains.
func (c *Client) runDueTimers() {
	for _, ch := range c.chains {
		ch.runTimers()
	}
}

// start activates the license that the program names, or resumes its chain. Without a license id it only allows calls: licenses then come
// as files.
func (c *Client) start(e abi.Event) {
	switch {
	case c.running:
		c.answerCall(e.Call, abi.Describe(license.CodeOK, "already running"))
		return
	case c.root == "" && !c.cfg.unpinned:
		c.answerCall(e.Call, abi.Describe(license.CodeUnpinned, c.cfg.ServerURL))
		return
	}
	c.running = true
	if c.cfg.pin == "" && c.cfg.Keyring == "" {
		v := abi.Describe(license.CodeUnpinned, c.cfg.ServerURL)
		v.AllowContinue = true // a warning: the vendor opted in, or the server is on loopback
		c.notify(v)
	}
	if c.cfg.LicenseID == "" {
		c.answerCall(e.Call, abi.Describe(license.CodeOK, ""))
		return
	}
	c.chainOf(c.cfg.LicenseID).enqueue(&call{number: e.Call, kind: callStart})
}

// onReply passes the server's reply to the chain that waits for it.
func (c *Client) onReply(e abi.Event) {
	for _, ch := range c.chains {
		if ch.state == sending && ch.awaitedEffect == e.ID {
			ch.handleReply(e)
			return
		}
	}
}

// onFailed reports a request without a reply to the chain that waits for it.
func (c *Client) onFailed(e abi.Event) {
	for _, ch := range c.chains {
		if ch.state == sending && ch.awaitedEffect == e.ID {
			ch.failExchange(abi.Describe(license.CodeUnreachable, e.Detail))
			return
		}
	}
}

// onSaved moves the chains that wait for a save. Each save holds the whole state, so a confirmed save confirms all earlier ones.
func (c *Client) onSaved(e abi.Event, on trigger) {
	if on == saveFailed {
		c.dirty = true
		c.failedSaves++
	} else {
		c.failedSaves = 0
	}
	for _, ch := range c.chains {
		if ch.state == saving && (ch.awaitedEffect == e.ID || on == saved && ch.awaitedEffect < e.ID) {
			if on == saveFailed {
				ch.problem = abi.Describe(license.CodeStorageFailed, e.Detail)
			}
			ch.fire(on)
		}
	}
}

// sync asks the server now, whatever the trigger of the policy.
func (c *Client) sync(e abi.Event) {
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	ch.enqueue(&call{number: e.Call, kind: callSync})
}

// deactivate gives the activation back, so that another machine can use it.
func (c *Client) deactivate(e abi.Event) {
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	ch.goodbye = true
	ch.enqueue(&call{number: e.Call, kind: callGoodbye})
}

// shutdown reports unconfirmed usage and releases all holds. The call is answered when every license has done so; what could not be
// reported is saved and sent in the next run.
func (c *Client) shutdown(e abi.Event) {
	if !c.running {
		c.answerCall(e.Call, abi.Describe(license.CodeNotRunning, "shutdown"))
		return
	}
	c.running = false
	c.holds = nil
	if c.dirty {
		c.save()
	}
	var open []*chain
	for _, ch := range c.chains {
		if ch.current != nil && (ch.unconfirmedCount() > 0 || len(ch.current.Reservations) > 0) || ch.state == saving || ch.state == sending {
			open = append(open, ch)
		}
	}
	if len(open) == 0 {
		c.answerCall(e.Call, abi.Describe(license.CodeOK, ""))
		return
	}
	parts := len(open)
	for _, ch := range open {
		ch.enqueue(&call{number: e.Call, kind: callShutdown, openParts: &parts})
	}
}

// mainChain returns the chain of the license that the program named, or of the first loaded one. If there is none it answers the call and
// returns nil.
func (c *Client) mainChain(number int64) *chain {
	if !c.running {
		c.answerCall(number, abi.Describe(license.CodeNotRunning, ""))
		return nil
	}
	ch := c.firstLoaded()
	if ch == nil {
		c.answerCall(number, abi.Describe(license.CodeNoLicense, "no license is loaded"))
	}
	return ch
}

// firstLoaded returns the first chain whose license is loaded; nil: none.
func (c *Client) firstLoaded() *chain {
	if i := slices.IndexFunc(c.chains, (*chain).isLoaded); i >= 0 {
		return c.chains[i]
	}
	return nil
}

// chainOf returns the chain of a license and makes it if there is none.
func (c *Client) chainOf(id license.ID) *chain {
	for _, ch := range c.chains {
		if ch.license == id {
			return ch
		}
	}
	ch := &chain{c: c, license: id, state: ready}
	ch.activate(0)
	c.chains = append(c.chains, ch)
	return ch
}

// emit appends an effect to those that the present step returns.
func (c *Client) emit(e abi.Effect) { c.effects = append(c.effects, e) }

// nextEffectID returns a number that no effect has had.
func (c *Client) nextEffectID() int64 { c.lastEffectID++; return c.lastEffectID }

// answerCall answers a call of the program; number 0 stands for no call.
func (c *Client) answerCall(number int64, v abi.Verdict) {
	if number != 0 {
		c.emit(abi.Effect{Type: abi.EffectNotify, Call: number, Verdict: &v})
	}
}

// notify sends a verdict that answers no call.
func (c *Client) notify(v abi.Verdict) {
	v.OfflineTolerated = c.isOfflineTolerated(v)
	c.emit(abi.Effect{Type: abi.EffectNotify, Verdict: &v})
}

// isOfflineTolerated reports whether a program that was started offline goes on in spite of v. Which codes that are is a column of
// spec/verdicts.json.
func (c *Client) isOfflineTolerated(v abi.Verdict) bool {
	return c.cfg.Offline && !v.OK && v.Code.Verdict().OfflineTolerable
}

// save writes the whole state and returns the id of the effect.
func (c *Client) save() int64 {
	id := c.nextEffectID()
	c.dirty, c.savedAt = false, c.clock.mono
	for _, ch := range c.chains {
		ch.savedCount = ch.counted
	}
	c.emit(abi.Effect{Type: abi.EffectSave, ID: id, State: c.snapshot()})
	return id
}
