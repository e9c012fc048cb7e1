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

// Client holds the licenses of one product for one installation. Many goroutines may use it at once. A nil Client, and one that is
// closed, refuses everything as not_running.
type Client struct {
	runner          *runner
	onVerdict       func(Verdict)
	shutdownTimeout time.Duration
	closeOnce       sync.Once
	closeErr        error
}

// New activates the license, or goes on with the activation that this installation has, and waits for the activation delay if there
// is one. It refuses when the program may not go on: wrong ids, expired, limits reached, server not reached and no grace left,
// storage in use by another process; Config.Offline is for machines that reach no server. From then on the license is kept in sync in
// the background until Close.
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

// Initialize loads the license files of a directory, and the product's lists of revoked licenses; no license is activated before it is
// needed. A file that is refused does not keep the others from serving: Status names it with its reason.
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

// checkSettings lets the module judge the settings before anything is done with them: the default storage directory is named after ids.
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

// loadState reads what was saved and what the program has as files.
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

// toError makes a trap an *Error.
func toError(err error) error { return &Error{verdictOf(err)} }

// onUnsolicitedVerdict is told what nobody asked for. While New is at work its own error is what stops the program, and with Config.Offline silence of the
// server does not.
func (c *Client) onUnsolicitedVerdict(n unsolicitedVerdict) {
	switch {
	case c.onVerdict != nil:
		c.onVerdict(n.Verdict)
	case n.goOn:
		n.AllowContinue = true
		logOrExit(n.Verdict)
	default:
		logOrExit(n.Verdict)
	}
}

var errNotRunning = &Error{abi.Describe(license.CodeNotRunning, "")}

// isOpen tells whether the client was ever opened.
func (c *Client) isOpen() bool { return c != nil && c.runner != nil }

// Consume counts one call; see ConsumeN.
func (c *Client) Consume(ctx context.Context) error { return c.ConsumeN(ctx, 1) }

// ConsumeN counts n calls, all or none. With the trigger interval it neither waits nor uses the network, but for a program that counts
// faster than the disk can write it down; with every_call the server's answer is the answer. When ctx ends first, it is unknown
// whether the calls were counted.
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

// count is the fast path. Not counted and no error: the module must be asked in full.
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
			err = &trapError{"it lost its client"}
		}
		m.recoverFromTrap(err)
		m.mu.Unlock()
		return false, toError(err)
	case answer == abi.ConsumePoll:
		m.step(abi.Event{Type: abi.EventPoll}) // refuses nothing
		m.mu.Unlock()
		m.saves.waitForBatch()
		return true, nil
	}
	m.mu.Unlock()
	return answer == abi.ConsumeCounted, nil
}

// Reserve takes a hold on an entitlement in a context. The server is asked for the first one; more are counted here. Each needs its Release.
func (c *Client) Reserve(ctx context.Context, context, entitlement string, options ...ReserveOption) error {
	e := abi.Event{Type: abi.EventReserve, Context: context, Entitlement: entitlement}
	for _, option := range options {
		option(&e)
	}
	return c.call(ctx, e)
}

// ReserveOption is something more that Reserve asks for.
type ReserveOption func(*abi.Event)

// Borrow asks the server to leave the slot here for so long, also while it is not reached, if the policy allows it. Release gives it back
// early.
func Borrow(d time.Duration) ReserveOption {
	return func(e *abi.Event) { e.Borrow = d.Round(time.Millisecond).Milliseconds() }
}

// Release gives one hold back; false when there was none, and then nothing has changed. The server hears of the last one, in the background.
func (c *Client) Release(context, entitlement string) (bool, error) {
	err := c.call(background, abi.Event{Type: abi.EventRelease, Context: context, Entitlement: entitlement})
	if CodeOf(err) == license.CodeNotReserved {
		return false, nil
	}
	return err == nil, err
}

// Check is nil when the entitlement is reserved in the context, or, if that is empty, in any, and its license is still good. It asks
// nobody. Call it where a missing reservation may not be ignored.
func (c *Client) Check(context, entitlement string) error {
	return c.call(background, abi.Event{Type: abi.EventCheck, Context: context, Entitlement: entitlement})
}

// MustCheck is Check for code that has no way to go on: what Check refuses goes to Config.OnVerdict, or without one stops the program.
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

// Sync asks the server now, whatever the trigger.
func (c *Client) Sync(ctx context.Context) error { return c.call(ctx, abi.Event{Type: abi.EventSync}) }

// Statistics sets the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for
// statistics.
func (c *Client) Statistics(numbers map[string]int64) error {
	e := abi.Event{Type: abi.EventStatistics}
	e.Numbers = slices.Grow(e.Numbers, len(numbers))[:len(numbers)]
	for i, name := range slices.Sorted(maps.Keys(numbers)) {
		e.Numbers[i].Name, e.Numbers[i].Value = name, numbers[name]
	}
	return c.call(background, e)
}

// Deactivate gives the activation back, so that another machine can have it. The client must still be closed.
func (c *Client) Deactivate(ctx context.Context) error {
	return c.call(ctx, abi.Event{Type: abi.EventDeactivate})
}

// Status tells how the licenses stand. It asks nobody. The Receipt of a license is its last lease as the server signed it, for
// VerifyReceipt.
func (c *Client) Status() (Status, error) {
	if !c.isOpen() {
		return Status{}, errNotRunning
	}
	return c.runner.status()
}

// Close reports what is not reported, releases what is held, and lets go of the storage. It waits at most Config.ShutdownTimeout. What
// could not be reported by then is saved and goes with the next run; the error says so. A second Close does nothing.
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

// stopAndClose stops the machine and closes the storage when the last state is on it.
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

// callWithBody is ask with the text that comes with the answer.
func (c *Client) callWithBody(ctx context.Context, e abi.Event) (string, error) {
	if !c.isOpen() {
		v := errNotRunning.Verdict
		v.Context, v.Entitlement = e.Context, e.Entitlement
		return "", &Error{v}
	}
	return c.runner.callWithBody(ctx, e)
}
