// Package client is the client core: a machine without I/O that holds a program's licenses (spec/lease.md).
//
// New makes a Client from the program's settings and the saved state; Step feeds it one event and gives the effects to carry out.
// Consume is the one hot call. There is no clock, no network, no randomness and no global here: given the same events, the effects are
// the same, byte for byte, in every runtime.
package client

import (
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Client holds the licenses of one product for one installation.
type Client struct {
	cfg   settings
	parse func(certificate []byte) (license.Keyring, error)

	root        string // of the product: pinned, or of the first keyring seen when that is allowed
	keys        license.Keyring
	certificate []byte
	secret      []byte // all device keys are derived from it
	issuers     []issuer
	list        *lease.Statement // the newest that was seen
	listText    string
	numbers     []lease.Number // of the program's own, for the statistics
	clock       clock
	random      generator

	running bool
	chains  []*chain
	holds   []*hold
	files   []abi.Verdict

	ids     int64 // of effects
	dirty   bool  // something changed since the last save
	savedAt int64 // mono of the last save
	unsaved int   // saves in a row that failed
	wakeAt  int64 // mono of the timer that the host has; 0: none
	out     []abi.Effect
}

// New checks the settings and takes over the saved state, if there is one. random is 32 fresh bytes; parse reads a certificate.
// A damaged state is not fatal: the client begins anew and says so in its first step.
func New(cfg abi.Config, state string, random []byte, parse func([]byte) (license.Keyring, error)) (*Client, error) {
	checked, err := check(cfg)
	if err != nil {
		return nil, err
	}
	if len(random) < 32 {
		return nil, license.Refuse(license.CodeBadCall, "new needs 32 random bytes")
	}
	c := &Client{cfg: checked, parse: parse}
	c.random.mix(random)
	if err := c.begin(); err != nil {
		return nil, err
	}
	if state == "" {
		return c, nil
	}
	if err := c.restore(state); err != nil {
		v := abi.DescribeError(err)
		if v.Code != license.CodeStateInvalid {
			return nil, err
		}
		v.AllowContinue = true // it begins anew; what that costs, the server says
		*c = Client{cfg: checked, parse: parse, random: c.random}
		if err := c.begin(); err != nil {
			return nil, err
		}
		c.tell(v)
	}
	return c, nil
}

// begin sets a new installation up.
func (c *Client) begin() error {
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
		c.chain(c.cfg.LicenseID)
	}
	return nil
}

// Step takes one event and gives what the host must do, in this order.
func (c *Client) Step(e abi.Event) ([]abi.Effect, error) {
	if e.Now < 0 || e.Now > lease.MaxCount || e.Mono < 0 || e.Mono > lease.MaxCount {
		return nil, license.Refuse(license.CodeBadCall, "now %d, mono %d", e.Now, e.Mono)
	}
	c.clock.tick(e.Now, e.Mono)
	c.random.mix(e.Random)
	handle, known := handlers[e.Type]
	if !known {
		return nil, license.Refuse(license.CodeBadCall, "event %q", e.Type)
	}
	c.fireTimers() // first: what is due by now is not late because something else happened too
	handle(c, e)
	c.settle()
	out := c.out
	c.out = nil
	return out, nil
}

var handlers = map[string]func(*Client, abi.Event){
	abi.EventStart:      (*Client).start,
	abi.EventFiles:      (*Client).load,
	abi.EventTimer:      func(c *Client, _ abi.Event) { c.wakeAt = 0 },
	abi.EventReply:      (*Client).reply,
	abi.EventFailed:     (*Client).noReply,
	abi.EventSaved:      func(c *Client, e abi.Event) { c.onSave(e, saved) },
	abi.EventSaveFailed: func(c *Client, e abi.Event) { c.onSave(e, unsaved) },
	abi.EventConsume:    (*Client).consume,
	abi.EventReserve:    (*Client).reserve,
	abi.EventRelease:    (*Client).release,
	abi.EventCheck:      (*Client).check,
	abi.EventSync:       (*Client).sync,
	abi.EventDeactivate: (*Client).deactivate,
	abi.EventShutdown:   (*Client).shutdown,
	abi.EventPoll:       func(*Client, abi.Event) {},
	abi.EventStatistics: (*Client).statistics,
	abi.EventExport:     (*Client).export,
	abi.EventImport:     (*Client).importAnswer,
}

// settle does what every event may have made necessary: timers that are due, changes to tell, the journal, the next timer.
func (c *Client) settle() {
	c.fireTimers()
	for _, ch := range c.chains {
		ch.giveUpBorrowed()
		ch.tellChange()
	}
	//mutant:searching never: the journal is written
	if c.dirty && (c.clock.mono >= c.savedAt+c.journalPause() || c.unsaved == 0 && slices.ContainsFunc(c.chains, (*chain).journalDue)) {
		c.save()
	}
	c.setTimer()
}

func (c *Client) fireTimers() {
	for _, ch := range c.chains {
		ch.timers()
	}
}

func (c *Client) start(e abi.Event) {
	switch {
	case c.running:
		c.answer(e.Call, abi.Describe(license.CodeOK, "already running"))
		return
	case c.root == "" && !c.cfg.unpinned:
		c.answer(e.Call, abi.Describe(license.CodeUnpinned, c.cfg.ServerURL))
		return
	}
	c.running = true
	if c.cfg.pin == "" && c.cfg.Keyring == "" {
		v := abi.Describe(license.CodeUnpinned, c.cfg.ServerURL)
		v.AllowContinue = true // the vendor opted in, or the server is on loopback: this is a warning
		c.tell(v)
	}
	if c.cfg.LicenseID == "" {
		c.answer(e.Call, abi.Describe(license.CodeOK, ""))
		return
	}
	c.chain(c.cfg.LicenseID).ask(&call{number: e.Call, kind: callStart})
}

func (c *Client) reply(e abi.Event) {
	for _, ch := range c.chains {
		if ch.state == sending && ch.waitsFor == e.ID {
			ch.hear(e)
			return
		}
	}
}

func (c *Client) noReply(e abi.Event) {
	for _, ch := range c.chains {
		if ch.state == sending && ch.waitsFor == e.ID {
			ch.trouble(abi.Describe(license.CodeUnreachable, e.Detail))
			return
		}
	}
}

// onSave: a chain that waits for an older save than the one confirmed is on the disk as well, since each save is the whole state.
func (c *Client) onSave(e abi.Event, on trigger) {
	if on == unsaved {
		c.dirty = true
		c.unsaved++
	} else {
		c.unsaved = 0
	}
	for _, ch := range c.chains {
		if ch.state == saving && (ch.waitsFor == e.ID || on == saved && ch.waitsFor < e.ID) {
			if on == unsaved {
				ch.problem = abi.Describe(license.CodeStorageFailed, e.Detail)
			}
			ch.fire(on)
		}
	}
}

// sync asks the server now.
func (c *Client) sync(e abi.Event) {
	ch := c.main(e.Call)
	if ch == nil {
		return
	}
	ch.ask(&call{number: e.Call, kind: callSync})
}

// deactivate gives the activation back: the machine is free for another.
func (c *Client) deactivate(e abi.Event) {
	ch := c.main(e.Call)
	if ch == nil {
		return
	}
	ch.goodbye = true
	ch.ask(&call{number: e.Call, kind: callGoodbye})
}

// shutdown reports what is not reported and releases what is held. The call is answered when all licenses have done so; what could
// not be reported is saved and goes with the next run.
func (c *Client) shutdown(e abi.Event) {
	if !c.running {
		c.answer(e.Call, abi.Describe(license.CodeNotRunning, "shutdown"))
		return
	}
	c.running = false
	c.holds = nil
	if c.dirty {
		c.save()
	}
	var open []*chain
	for _, ch := range c.chains {
		if ch.held != nil && (ch.pending() > 0 || len(ch.held.Reservations) > 0) || ch.state == saving || ch.state == sending {
			open = append(open, ch)
		}
	}
	if len(open) == 0 {
		c.answer(e.Call, abi.Describe(license.CodeOK, ""))
		return
	}
	parts := len(open)
	for _, ch := range open {
		ch.ask(&call{number: e.Call, kind: callShutdown, parts: &parts})
	}
}

// main is the license that the program named, or the first that it has; nil after answering that there is none.
func (c *Client) main(number int64) *chain {
	if !c.running {
		c.answer(number, abi.Describe(license.CodeNotRunning, ""))
		return nil
	}
	ch := c.first()
	if ch == nil {
		c.answer(number, abi.Describe(license.CodeNoLicense, "no license is loaded"))
	}
	return ch
}

func (c *Client) first() *chain {
	if i := slices.IndexFunc(c.chains, (*chain).present); i >= 0 {
		return c.chains[i]
	}
	return nil
}

// chain of the license; made if there is none yet.
func (c *Client) chain(id license.ID) *chain {
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

func (c *Client) effect(e abi.Effect) { c.out = append(c.out, e) }

func (c *Client) id() int64 { c.ids++; return c.ids }

// answer resolves a call of the program; 0 is nobody's call.
func (c *Client) answer(number int64, v abi.Verdict) {
	if number != 0 {
		c.effect(abi.Effect{Type: abi.EffectNotify, Call: number, Verdict: &v})
	}
}

// tell says what nobody asked for.
func (c *Client) tell(v abi.Verdict) { c.effect(abi.Effect{Type: abi.EffectNotify, Verdict: &v}) }

// save writes the whole state and gives the id of the save.
func (c *Client) save() int64 {
	id := c.id()
	c.dirty, c.savedAt = false, c.clock.mono
	for _, ch := range c.chains {
		ch.journaled = ch.counted
	}
	c.effect(abi.Effect{Type: abi.EffectSave, ID: id, State: c.snapshot()})
	return id
}
