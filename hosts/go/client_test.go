package onelicense

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// eventually waits for a condition that the background fulfils.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	look, enough := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-enough:
			t.Fatal(what)
		}
	}
}

// resting tells whether no request is under way and all is on the disk. Then nothing comes from the background until the clock is moved.
func (c *Client) resting() bool {
	status, err := c.Status()
	if err != nil {
		return false
	}
	for _, l := range status.Licenses {
		if l.State == "saving" || l.State == "sending" {
			return false
		}
	}
	saves := c.runner.saves
	saves.mu.Lock()
	defer saves.mu.Unlock()
	return len(saves.items) == 0 && !saves.busy
}

// trapNext makes the instance trap at the next call, which is the program's.
func (c *Client) trapNext(t testing.TB) {
	t.Helper()
	eventually(t, "it does not come to rest", c.resting)
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	breakInstance(c.runner.inst)
}

// proves C01
func TestMissingSettingIsNamed(t *testing.T) {
	v := newFakeServer(t)
	for name, spoil := range map[string]func(*Config){
		"server_url": func(c *Config) { c.ServerURL = "" },
		"product_id": func(c *Config) { c.ProductID = "" },
		"version_id": func(c *Config) { c.VersionID = "" },
		"license_id": func(c *Config) { c.LicenseID = "" },
	} {
		cfg := v.config(t)
		cfg.StorageDir = filepath.Join(cfg.StorageDir, "not-made")
		spoil(&cfg)
		_, err := New(t.Context(), cfg)
		wantCode(t, err, license.CodeMissingSetting)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
		if _, err := os.Stat(cfg.StorageDir); err == nil {
			t.Errorf("without %s storage was touched", name)
		}
	}
	cfg := v.config(t)
	cfg.ProductID = "../../etc"
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeBadSetting)
}

// proves C02
func TestNewRefuses(t *testing.T) {
	v := newFakeServer(t)
	for _, code := range []license.Code{license.CodeUnknownProduct, license.CodeExpired, license.CodeActivationLimit, license.CodeSuspended} {
		v.set(func() { v.refuse = code })
		_, err := New(t.Context(), v.config(t))
		wantCode(t, err, code)
		if refusal, ok := errors.AsType[*Error](err); !ok || refusal.AllowContinue || refusal.Message == "" || refusal.Do == "" ||
			refusal.License != first {
			t.Errorf("%s: %+v", code, err)
		}
	}
	v.set(func() { v.refuse = "" })

	cfg := v.config(t)
	cfg.ServerURL = v.URL + "/api/v1#" + strings.Repeat("A", 40)
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeWrongRoot)

	cfg = v.config(t)
	cfg.ServerURL = "https://license.example.com/api/v1"
	_, err = New(t.Context(), cfg)
	wantCode(t, err, license.CodeUnpinned)

	cfg = v.config(t)
	v.Close()
	_, err = New(t.Context(), cfg)
	wantCode(t, err, license.CodeUnreachable)
	again, err := OpenDirectory(cfg.StorageDir)
	if err != nil {
		t.Fatalf("the storage is still held: %v", err)
	}
	again.Close()
}

// proves C03
func TestNewWaitsForActivationDelay(t *testing.T) {
	v := newFakeServer(t)
	v.settings.ActivationDelay = 30_000
	cfg, clock := v.config(t), newHand()
	cfg.Clock = clock
	done := make(chan error, 1)
	var c *Client
	go func() {
		var err error
		c, err = New(t.Context(), cfg)
		done <- err
	}()
	eventually(t, "no activation", func() bool { return len(v.requests()) == 1 && clock.waiting() })
	clock.move(29 * time.Second)
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	eventually(t, "it waits for ever", func() bool {
		clock.move(time.Second)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return true
		default:
			return false
		}
	})
	c.Close(context.Background())
}

// proves C04 C05 C13
func TestSyncsInBackground(t *testing.T) {
	v := newFakeServer(t)
	cfg, clock := v.config(t), newHand()
	cfg.Clock = clock
	c := must(t, cfg)
	for range 3 {
		if err := c.Consume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.requests()); n != 1 {
		t.Fatalf("%d requests before the interval", n)
	}
	v.set(func() { v.settings.Interval = 5_000 })
	clock.move(time.Minute)
	eventually(t, "no sync after the interval", func() bool { return v.total() == 3 })
	// The new interval holds from then on.
	eventually(t, "the answer is not taken", func() bool { s, _ := c.Status(); return s.Licenses[0].Number == 2 })
	clock.move(5 * time.Second)
	eventually(t, "no sync after the new interval", func() bool { return len(v.requests()) == 3 })
}

// proves C08 S12
func TestEveryCallAsksTheServer(t *testing.T) {
	v := newFakeServer(t)
	v.settings.Trigger, v.allowance = lease.EveryCall, 2
	c := must(t, v.config(t))
	for n := int64(1); n <= 2; n++ {
		if err := c.Consume(t.Context()); err != nil || v.total() != n {
			t.Fatalf("call %d: %v, the server counted %d", n, err, v.total())
		}
	}
	wantCode(t, c.Consume(t.Context()), license.CodeExhausted)
	v.set(func() { v.refuse = license.CodeRevoked })
	wantCode(t, c.Consume(t.Context()), license.CodeRevoked)
}

// proves C09 C10
func TestIntervalCountsWithoutNetwork(t *testing.T) {
	v := newFakeServer(t)
	v.allowance = 500
	c := must(t, v.config(t))
	for range 250 {
		if err := c.Consume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ConsumeN(t.Context(), 250); err != nil {
		t.Fatal(err)
	}
	if n := len(v.requests()); n != 1 {
		t.Errorf("%d requests, want only the activation", n)
	}
	wantCode(t, c.Consume(t.Context()), license.CodeExhausted)
	eventually(t, "no sync after the refusal", func() bool { return len(v.requests()) > 1 })
	wantCode(t, c.ConsumeN(t.Context(), 0), license.CodeBadCall)
	wantCode(t, c.ConsumeN(t.Context(), 1<<40), license.CodeBadCall)
}

// replyDropper loses answers on their way back.
type replyDropper struct {
	Transport
	mu   sync.Mutex
	lose int
}

func (d *replyDropper) Post(ctx context.Context, url, body string) (Answer, error) {
	a, err := d.Transport.Post(ctx, url, body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lose > 0 {
		d.lose--
		return Answer{}, errors.New("the answer was lost")
	}
	return a, err
}

// proves C14 S19
func TestLostReplyIsResentAndCountedOnce(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	lossy := &replyDropper{Transport: newHTTPTransport(nil)}
	cfg.Transport = lossy
	c := must(t, cfg)
	if err := c.ConsumeN(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	lossy.lose = 1
	if err := c.Sync(t.Context()); err != nil { // the last lease still allows to go on
		wantCode(t, err, license.CodeUnreachable)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.texts) < 3 || v.texts[1] != v.texts[2] {
		t.Errorf("%d requests; the lost one was not sent again byte for byte", len(v.texts))
	}
	for _, n := range v.counted {
		if n != 7 {
			t.Errorf("counted %d, want 7", n)
		}
	}
}

// proves C14 C18
func TestUsageSurvivesARestart(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	c := must(t, cfg)
	if err := c.ConsumeN(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.total() != 5 {
		t.Errorf("closing reported %d, want 5", v.total())
	}
	c = must(t, cfg)
	if err := c.ConsumeN(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.total() != 7 || len(v.counted) != 1 {
		t.Errorf("%d calls of %d activations, want 7 of 1", v.total(), len(v.counted))
	}
}

// proves C06 C12
func TestOutageWithinGrace(t *testing.T) {
	v := newFakeServer(t)
	cfg, clock := v.config(t), newHand()
	heard := make(chan Verdict, 100)
	cfg.Clock, cfg.OnVerdict = clock, func(v Verdict) { heard <- v }
	c := must(t, cfg)
	v.Close()
	for _, want := range []license.Code{license.CodeGrace, license.CodeLeaseExpired} {
		eventually(t, "never told "+string(want), func() bool {
			select {
			case verdict := <-heard:
				if verdict.Code != want || verdict.AllowContinue != (want == license.CodeGrace) {
					t.Fatalf("told %+v, want %s", verdict, want)
				}
				return true
			default:
				if c.resting() { // no time passes while it asks
					clock.move(10 * time.Second)
				}
				return false
			}
		})
		if err := c.Consume(t.Context()); want == license.CodeGrace && err != nil {
			t.Errorf("in the grace: %v", err)
		} else if want == license.CodeLeaseExpired {
			wantCode(t, err, want)
		}
	}
}

// proves C18
func TestDamagedStateIsReportedAndReplaced(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	must(t, cfg).Close(t.Context())
	path := filepath.Join(cfg.StorageDir, "state")
	state, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(state), `"counted":0`, `"counted":1`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	heard := make(chan Verdict, 10)
	cfg.OnVerdict = func(v Verdict) { heard <- v }
	must(t, cfg)
	if got := <-heard; got.Code != license.CodeStateInvalid {
		t.Errorf("told %v", got)
	}
	cfg = v.config(t)
	cfg.StorageDir = filepath.Dir(path)
	_, err = New(t.Context(), cfg)
	wantCode(t, err, license.CodeInUse)
}

// proves C18
func TestSecondClientOfOneStorageIsInUse(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	c := must(t, cfg)
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeInUse)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, cfg)
}

// proves L17 L18
func TestNotRunning(t *testing.T) {
	v := newFakeServer(t)
	closed := must(t, v.config(t))
	closed.Close(t.Context())
	for name, c := range map[string]*Client{"nil": nil, "zero": {}, "closed": closed} {
		for what, err := range map[string]error{
			"consume": c.Consume(t.Context()), "reserve": c.Reserve(t.Context(), "ui", "rendering"), "check": c.Check("ui", "rendering"),
			"sync": c.Sync(t.Context()), "deactivate": c.Deactivate(t.Context()), "statistics": c.Statistics(nil),
			"import": c.ImportAnswer(t.Context(), ""),
		} {
			if CodeOf(err) != license.CodeNotRunning {
				t.Errorf("%s client, %s: %v", name, what, err)
			}
		}
		if held, err := c.Release("ui", "rendering"); held || CodeOf(err) != license.CodeNotRunning {
			t.Errorf("%s client, release: %v, %v", name, held, err)
		}
		if request, err := c.ExportRequest(t.Context()); request != "" || CodeOf(err) != license.CodeNotRunning {
			t.Errorf("%s client, export: %q, %v", name, request, err)
		}
		if _, err := c.Status(); CodeOf(err) != license.CodeNotRunning {
			t.Errorf("%s client, status: %v", name, err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("%s client, close: %v", name, err)
		}
	}
}

func TestDeactivateGivesTheActivationBack(t *testing.T) {
	v := newFakeServer(t)
	c := must(t, v.config(t))
	if err := c.Deactivate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked := v.requests(); !asked[len(asked)-1].Goodbye {
		t.Error("the server was not told")
	}
	wantCode(t, c.Consume(t.Context()), license.CodeDeactivated)
}

// A program that stops waiting gets its context's error, and the client continues.
func TestContextCancelsCall(t *testing.T) {
	v := newFakeServer(t)
	v.settings.Trigger = lease.EveryCall
	c := must(t, v.config(t))
	v.mu.Lock() // the server does not answer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Consume(ctx)
	v.mu.Unlock()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := c.Consume(t.Context()); err != nil {
		t.Error(err)
	}
}

// proves C14
func TestConcurrentConsumeLosesNoCount(t *testing.T) {
	v := newFakeServer(t)
	v.allowance = 100_000
	c := must(t, v.config(t))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 250 {
				if err := c.Consume(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := c.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := c.Status(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.total() != 2000 {
		t.Errorf("counted %d, want 2000", v.total())
	}
}

// A trap ends the instance, not the program: open calls get internal, and a new instance resumes from the last saved state.
func TestTrapIsRecovered(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	heard := make(chan Verdict, 10)
	cfg.OnVerdict = func(v Verdict) { heard <- v }
	c := must(t, cfg)
	if err := c.ConsumeN(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	trap := func() { c.trapNext(t) }
	trap()
	wantCode(t, c.Check("ui", "rendering"), license.CodeInternal)
	if told := <-heard; told.Code != license.CodeInternal || !told.AllowContinue {
		t.Errorf("told %+v", told)
	}
	if err := c.Consume(t.Context()); err != nil {
		t.Fatal(err)
	}
	trap()
	wantCode(t, c.Consume(t.Context()), license.CodeInternal)
	trap()
	_, err := c.Status()
	wantCode(t, err, license.CodeInternal)
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(v.counted) != 1 || v.total() < 3 {
		t.Errorf("%d calls of %d activations", v.total(), len(v.counted))
	}
	trap() // once too often
	wantCode(t, c.Sync(t.Context()), license.CodeInternal)
	wantCode(t, c.Consume(t.Context()), license.CodeInternal)
}

// Results that belong to a trapped instance must not reach the next one, which uses the same numbers.
func TestEventsForTrappedInstanceAreDropped(t *testing.T) {
	v := newFakeServer(t)
	c := must(t, v.config(t))
	m := c.runner
	c.trapNext(t)
	earlier := m.generation
	c.Check("ui", "rendering")
	if m.generation == earlier {
		t.Fatal("no new instance")
	}
	m.feedBackground(earlier, abi.Event{Type: "unknown"}) // would be refused
	if err := c.Sync(t.Context()); err != nil {
		t.Error(err)
	}
}

// failing storage
type broken struct{ Storage }

func (broken) Load() (string, error) { return "", nil }
func (broken) Save(string) error     { return errors.New("no space left on device") }
func (broken) Close() error          { return nil }

func TestRequestIsSavedBeforeSend(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	cfg.Storage = broken{}
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeStorageFailed)
	if n := len(v.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestServerTimeout(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	cfg.ServerURL = slow.URL + "/api/v1#" + v.root
	cfg.Timeout = 20 * time.Millisecond
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeUnreachable)
	if err == nil || !strings.Contains(err.Error(), "no answer within 20 ms") {
		t.Error(err)
	}
}
