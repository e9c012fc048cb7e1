package onelicense

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Client holds the licenses of one product for one installation. Many goroutines may use it at once. A nil Client and a closed one refuse
// every call with not_running.
type Client struct {
	runner          *runner
	onVerdict       func(Verdict)
	shutdownTimeout time.Duration
	closeOnce       sync.Once
	closeErr        error
}

// New activates the license, or resumes the activation that this installation has, and waits for the activation delay if there is one. It
// returns an *Error when the program may not go on: wrong ids, license expired, limits reached, server not reached and no grace left,
// storage in use by another process. Config.Offline is for machines that reach no server. From then on the license is synced in the
// background until Close.
func New(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.LicenseID == "" {
		return nil, newError(license.CodeMissingSetting, "license_id")
	}
	e, err := sharedEngine()
	if err != nil {
		return nil, err
	}
	return openClient(ctx, e, cfg, nil)
}

// Initialize loads the license files of a directory and the product's revocation lists. A license is activated only when it is needed. A
// file that is refused does not keep the others from being used: Status lists it with its reason.
func Initialize(ctx context.Context, cfg FilesConfig) (*Client, error) {
	switch {
	case cfg.Keyring == "":
		return nil, newError(license.CodeMissingSetting, "keyring")
	case cfg.LicenseID != "":
		return nil, newError(license.CodeBadSetting, "license_id is for New; Initialize takes the ids from the files")
	case cfg.Directory == "" && cfg.Loader == nil:
		return nil, newError(license.CodeMissingSetting, "directory")
	}
	e, err := sharedEngine()
	if err != nil {
		return nil, err
	}
	if cfg.Loader == nil {
		cfg.Loader = DirectoryLoader(cfg.Directory)
	}
	return openClient(ctx, e, cfg.Config, cfg.Loader)
}

// openClient checks the settings, opens storage and transport, and starts the client in inst.
func openClient(ctx context.Context, e *engine, cfg Config, loader Loader) (*Client, error) {
	inst, err := e.instance()
	if err != nil {
		return nil, err
	}
	if err := inst.checkSettings(cfg.settings()); err != nil {
		inst.close()
		return nil, err
	}
	if err := cfg.setDefaults(); err != nil {
		inst.close()
		return nil, err
	}
	c := &Client{onVerdict: cfg.OnVerdict, shutdownTimeout: cfg.ShutdownTimeout}
	c.runner = newRunner(e, &cfg, c.onUnsolicitedVerdict)
	if err := c.start(ctx, inst, loader); err != nil {
		return nil, errors.Join(err, c.stopAndClose(ctx))
	}
	return c, nil
}

// checkSettings lets the module check the settings before anything is done with them: the default storage directory is named after the
// ids.
func (i *instance) checkSettings(settings abi.Config) error {
	reply, err := i.invoke(&abi.Call{Op: abi.OpNew, Config: &settings, Random: randomBytes(32)})
	if err == nil {
		_, err = i.invoke(&abi.Call{Op: abi.OpClose, Handle: reply.Handle})
	}
	if err != nil {
		return toError(err)
	}
	return nil
}

// start restores the saved state, starts the module's client and gives it the license files.
func (c *Client) start(ctx context.Context, inst *instance, loader Loader) error {
	m := c.runner
	state, files, err := m.loadState(loader)
	if err != nil {
		inst.close()
		return err
	}
	m.mu.Lock()
	m.state = state
	err = m.openClient(inst)
	m.mu.Unlock()
	if err != nil {
		return toError(err)
	}
	if err := m.call(ctx, abi.Event{Type: abi.EventStart}); err != nil && !isOfflineTolerated(err) {
		return err
	}
	if loader != nil {
		if err := m.call(ctx, abi.Event{Type: abi.EventFiles, Files: files}); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.files, m.starting = files, false
	m.mu.Unlock()
	return nil
}

// loadState reads the saved state and the license files.
func (m *runner) loadState(loader Loader) (state string, files []File, err error) {
	if state, err = m.storage.Load(); err != nil {
		return "", nil, newError(license.CodeStorageFailed, "%v", err)
	}
	if loader != nil {
		if files, err = loader.Load(); err != nil {
			return "", nil, newError(license.CodeFileUnreadable, "%v", err)
		}
	}
	return state, files, nil
}

// toError returns err as an *Error; a trap becomes one with the code internal.
func toError(err error) error { return &Error{verdictOf(err)} }

// onUnsolicitedVerdict passes a verdict that answers no call to Config.OnVerdict, or logs it and stops the program if it does not allow
// to continue. While New runs, its own error stops the program instead; with Config.Offline a tolerated verdict does not stop it.
func (c *Client) onUnsolicitedVerdict(n unsolicitedVerdict) {
	switch {
	case c.onVerdict != nil:
		c.onVerdict(n.Verdict)
	case n.mayContinue:
		n.AllowContinue = true
		logOrExit(n.Verdict)
	default:
		logOrExit(n.Verdict)
	}
}

var errNotRunning = &Error{abi.Describe(license.CodeNotRunning, "")}

// isOpen reports whether the client was ever opened.
func (c *Client) isOpen() bool { return c != nil && c.runner != nil }

// Consume counts one call; see ConsumeN.
func (c *Client) Consume(ctx context.Context) error { return c.ConsumeN(ctx, 1) }

// ConsumeN counts n calls, all or none. With the trigger interval it neither waits nor uses the network, except in a program that counts
// faster than the disk can be written; with every_call it returns the server's answer. If ctx ends first, it is unknown whether the calls
// were counted.
func (c *Client) ConsumeN(ctx context.Context, n int64) error {
	if !c.isOpen() {
		return errNotRunning
	}
	if n >= 1 && n <= math.MaxInt32 {
		switch counted, err := c.runner.count(int32(n)); {
		case err != nil:
			return err
		case counted:
			return nil
		}
	}
	return c.runner.call(ctx, abi.Event{Type: abi.EventConsume, N: n})
}

// count is the fast path of ConsumeN. If it returns neither true nor an error, the module must be asked in full.
func (m *runner) count(n int32) (counted bool, err error) {
	m.mu.Lock()
	if m.inst == nil {
		defer m.mu.Unlock()
		return false, &Error{m.stopped}
	}
	answer, err := m.inst.count(m.handle, n, float64(m.clock.Now().UnixMilli()))
	switch {
	case err != nil || answer == abi.ConsumeUnknown:
		if err == nil {
			err = &trapError{"the module has lost its client"}
		}
		m.recoverFromTrap(err)
		m.mu.Unlock()
		return false, toError(err)
	case answer == abi.ConsumePoll:
		_ = m.step(abi.Event{Type: abi.EventPoll}) // the module never refuses it
		m.mu.Unlock()
		m.saves.waitForBatch()
		return true, nil
	}
	m.mu.Unlock()
	return answer == abi.ConsumeCounted, nil
}

// Reserve takes a hold on an entitlement in a context. The server is asked for the first hold; further ones are counted locally. Each
// needs its own Release.
func (c *Client) Reserve(ctx context.Context, context, entitlement string, options ...ReserveOption) error {
	e := abi.Event{Type: abi.EventReserve, Context: context, Entitlement: entitlement}
	for _, option := range options {
		option(&e)
	}
	return c.call(ctx, e)
}

// ReserveOption changes what Reserve asks for.
type ReserveOption func(*abi.Event)

// Borrow asks the server to leave the slot with this installation for d, also while the server is not reached, if the policy allows it.
// Release gives the slot back early.
func Borrow(d time.Duration) ReserveOption {
	return func(e *abi.Event) { e.Borrow = d.Round(time.Millisecond).Milliseconds() }
}

// Release returns one hold. It returns false if there was none, and then nothing has changed. The server is told of the last release in
// the background.
func (c *Client) Release(context, entitlement string) (bool, error) {
	err := c.call(background, abi.Event{Type: abi.EventRelease, Context: context, Entitlement: entitlement})
	if CodeOf(err) == license.CodeNotReserved {
		return false, nil
	}
	return err == nil, err
}

// Check returns nil if the entitlement is reserved in the context, or in any context if that is empty, and its license is still good. It
// uses no network. Call it where a missing reservation must not be ignored.
func (c *Client) Check(context, entitlement string) error {
	return c.call(background, abi.Event{Type: abi.EventCheck, Context: context, Entitlement: entitlement})
}

// MustCheck is Check for code that cannot continue without the entitlement: a refusal goes to Config.OnVerdict, or without one stops the
// program.
func (c *Client) MustCheck(context, entitlement string) {
	err := c.Check(context, entitlement)
	if err == nil {
		return
	}
	if c.isOpen() {
		c.onUnsolicitedVerdict(unsolicitedVerdict{Verdict: verdictOf(err)})
	} else {
		logOrExit(verdictOf(err))
	}
}

// Sync asks the server now, whatever the trigger of the policy.
func (c *Client) Sync(ctx context.Context) error { return c.call(ctx, abi.Event{Type: abi.EventSync}) }

// Statistics replaces the program's own numbers, at most 16. They are sent with the next sync if the policy asks for statistics.
func (c *Client) Statistics(numbers map[string]int64) error {
	e := abi.Event{Type: abi.EventStatistics}
	e.Numbers = slices.Grow(e.Numbers, len(numbers))[:len(numbers)]
	for i, name := range slices.Sorted(maps.Keys(numbers)) {
		e.Numbers[i].Name, e.Numbers[i].Value = name, numbers[name]
	}
	return c.call(background, e)
}

// Deactivate gives the activation back, so that another machine can use it. The client must still be closed.
func (c *Client) Deactivate(ctx context.Context) error {
	return c.call(ctx, abi.Event{Type: abi.EventDeactivate})
}

// Status returns the state of all licenses. It uses no network. The Receipt of a license is its last lease as the server signed it, for
// VerifyReceipt.
func (c *Client) Status() (Status, error) {
	if !c.isOpen() {
		return Status{}, errNotRunning
	}
	return c.runner.status()
}

// Close reports unreported usage, releases all holds and closes the storage. It waits at most Config.ShutdownTimeout. Usage that could
// not be reported by then is saved and sent in the next run; the error says so. A second Close does nothing.
func (c *Client) Close(ctx context.Context) error {
	if !c.isOpen() {
		return nil
	}
	c.closeOnce.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, c.shutdownTimeout)
		defer cancel()
		err := c.runner.call(ctx, abi.Event{Type: abi.EventShutdown})
		c.closeErr = errors.Join(err, c.stopAndClose(ctx))
	})
	return c.closeErr
}

// stopAndClose stops the runner and closes the storage once the last state is written.
func (c *Client) stopAndClose(ctx context.Context) error {
	flushed := c.runner.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.shutdownTimeout)
	defer cancel()
	select {
	case <-flushed:
	case <-ctx.Done():
		return newError(license.CodeStorageFailed, "the last state was not written within %v", c.shutdownTimeout)
	}
	if t, ok := c.runner.transport.(*httpTransport); ok {
		t.closeIdle()
	}
	if err := c.runner.storage.Close(); err != nil {
		return newError(license.CodeStorageFailed, "%v", err)
	}
	return nil
}

var background = context.Background()

func (c *Client) call(ctx context.Context, e abi.Event) error {
	_, err := c.callWithBody(ctx, e)
	return err
}

// callWithBody is call that also returns the text of the answer.
func (c *Client) callWithBody(ctx context.Context, e abi.Event) (string, error) {
	if !c.isOpen() {
		v := errNotRunning.Verdict
		v.Context, v.Entitlement = e.Context, e.Entitlement
		return "", &Error{v}
	}
	return c.runner.callWithBody(ctx, e)
}
