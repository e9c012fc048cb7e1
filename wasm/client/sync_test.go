package client_test

import (
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

func everyCall(s *server) { s.settings.Trigger, s.settings.Interval = lease.EveryCall, minute }

// proves C01
func TestMissingSettingsAreNamed(t *testing.T) {
	for name, change := range map[string]func(*abi.Config){
		"server_url": func(c *abi.Config) { c.ServerURL = "" },
		"product_id": func(c *abi.Config) { c.ProductID = "" },
		"version_id": func(c *abi.Config) { c.VersionID = "" },
		"license_id": func(c *abi.Config) { c.LicenseID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(&w.cfg)
			if v := w.open(); v == nil || v.Code != license.CodeMissingSetting || v.Detail != name {
				t.Errorf("%+v", v)
			}
		})
	}
	for _, url := range []string{"licenses.example.com", "ftp://x/api", "https://", "https://u@x/", "https://x/#12", "https://x y/"} {
		w := newWorld(t)
		w.cfg.ServerURL = url
		if v := w.open(); v == nil || v.Code != license.CodeBadSetting {
			t.Errorf("%s: %+v", url, v)
		}
	}
}

// proves C02 C05
func TestActivationAndHeartbeats(t *testing.T) {
	w := started(t, nil)
	if w.posts != 1 {
		t.Fatalf("%d requests to activate", w.posts)
	}
	w.pass(9*minute + 59*second)
	if w.posts != 1 {
		t.Fatal("synced before the interval")
	}
	w.pass(second)
	if w.posts != 2 {
		t.Fatal("did not sync at the interval")
	}
	if s := w.status(); s.Number != 2 || s.State != "ready" || !s.Verdict.OK {
		t.Fatalf("%+v", s)
	}
}

// proves C03
func TestActivationDelay(t *testing.T) {
	w := newWorld(t)
	w.server.settings.ActivationDelay = 3 * second
	w.open()
	start := w.call(abi.Event{Type: abi.EventStart})
	if !w.waits(start) {
		t.Fatal("did not wait for the delay")
	}
	w.pass(3 * second)
	w.expect(start, license.CodeOK)
}

// proves C07 C09 S19
func TestIntervalCountsWithoutNetwork(t *testing.T) {
	w := started(t, nil)
	for range 40 {
		w.expect(w.consume(1), license.CodeOK)
	}
	if w.posts != 1 {
		t.Fatal("consume went to the network")
	}
	w.pass(10 * minute)
	if w.server.used != 40 || w.status().Pending != 0 {
		t.Fatalf("the server counts %d", w.server.used)
	}
}

// proves C10 S12
func TestCallBeyondAllowanceIsRefused(t *testing.T) {
	w := started(t, nil)
	for range 100 {
		w.expect(w.consume(1), license.CodeOK)
	}
	posts := w.posts
	w.expect(w.consume(1), license.CodeExhausted)
	if w.posts != posts+1 || w.server.used != 100 {
		t.Fatal("no sync was tried")
	}
	w.server.allowance = 101
	w.pass(2 * second)
	w.expect(w.consume(1), license.CodeExhausted) // asks in the background
	w.expect(w.consume(1), license.CodeOK)
}

// proves C08 S12 S20
func TestEveryCallAsksTheServer(t *testing.T) {
	w := started(t, func(s *server) { everyCall(s); s.allowance = 3 })
	for range 3 {
		w.expect(w.consume(1), license.CodeOK)
	}
	if w.posts != 4 || w.server.used != 3 {
		t.Fatalf("%d requests, %d used", w.posts, w.server.used)
	}
	w.expect(w.consume(1), license.CodeExhausted)
	if s := w.status(); s.Pending != 0 || s.Counters.Used != 3 {
		t.Fatalf("a refused call stays counted: %+v", s)
	}
}

// proves C12
func TestEveryCallHeartbeat(t *testing.T) {
	w := started(t, everyCall)
	w.pass(3 * minute)
	if w.posts != 4 {
		t.Fatalf("%d requests in three minutes", w.posts)
	}
}

// proves C14
func TestCallsDuringASync(t *testing.T) {
	w := started(t, func(s *server) { everyCall(s); s.allowance = 2 })
	w.hold = true
	first, second, third := w.consume(1), w.consume(1), w.consume(1)
	w.deliver()
	w.expect(first, license.CodeOK)
	w.hold = false
	w.deliver()
	w.expect(second, license.CodeOK)
	w.expect(third, license.CodeExhausted)
	if w.server.used != 2 {
		t.Fatalf("%d used", w.server.used)
	}
}

// proves C14 S19 N03
func TestLostReplyIsResentAndCountedOnce(t *testing.T) {
	w := started(t, nil)
	w.expect(w.consume(5), license.CodeOK)
	w.hold = true
	sync := w.call(abi.Event{Type: abi.EventSync})
	body := w.sent[0].Body
	w.lose()
	w.expect(sync, license.CodeUnreachable)
	w.pass(5 * minute)
	if len(w.sent) != 1 || w.sent[0].Body != body {
		t.Fatal("not the same bytes again")
	}
	w.deliver()
	if w.server.used != 5 || w.status().Pending != 0 || w.status().Number != 2 {
		t.Fatalf("counted %d", w.server.used)
	}
}

// proves C14 C18
func TestCrashLosesNothingJournaled(t *testing.T) {
	w := started(t, nil)
	w.expect(w.consume(5), license.CodeOK)
	w.pass(2 * second) // the journal is written
	w.hold = true
	w.call(abi.Event{Type: abi.EventSync})
	w.server.answer(w.sent[0].Body) // the server has it; the machine dies before the reply
	w.crash()
	w.hold = false
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	if w.server.used != 5 || len(w.server.heads) != 1 {
		t.Fatalf("counted %d on %d activations", w.server.used, len(w.server.heads))
	}
	w.expect(w.consume(1), license.CodeOK)
	w.pass(10 * minute)
	if w.server.used != 6 {
		t.Fatalf("counted %d", w.server.used)
	}
}

// proves C06 C07
func TestOutageRetriesThenGraceThenFailure(t *testing.T) {
	w := started(t, nil) // interval 10 min, 2 retries, grace 1 h: the lease is good for 80 min
	w.offline = true
	w.pass(21 * minute) // the sync at 10 min and the retries until 20 min failed
	if w.posts < 4 || !w.heard(license.CodeGrace) {
		t.Fatalf("%d requests, no grace", w.posts)
	}
	w.expect(w.consume(1), license.CodeGrace)
	w.pass(60 * minute)
	if !w.heard(license.CodeLeaseExpired) {
		t.Fatal("the end of the lease was not told")
	}
	v := w.expect(w.consume(1), license.CodeLeaseExpired)
	if v.AllowContinue {
		t.Fatal("goes on without a lease")
	}
	w.offline = false
	w.pass(10 * minute)
	if !w.heard(license.CodeOK) {
		t.Fatal("recovery was not told")
	}
	w.expect(w.consume(1), license.CodeOK)
	w.pass(10 * minute)
	if w.server.used != 2 {
		t.Fatalf("two calls were granted, counted are %d", w.server.used)
	}
}

// proves C12 S22
func TestEveryCallOutage(t *testing.T) {
	w := started(t, everyCall)
	w.offline = true
	w.expect(w.consume(1), license.CodeOK) // within the grace: counted, sent later
	w.offline = false
	w.expect(w.consume(1), license.CodeOK)
	if w.server.used != 2 {
		t.Fatalf("%d used", w.server.used)
	}
	strict := started(t, func(s *server) { everyCall(s); s.settings.Grace = 0 })
	strict.offline = true
	strict.expect(strict.consume(1), license.CodeUnreachable)
}

// proves S22 C02
func TestSuspensionHasNoGrace(t *testing.T) {
	w := started(t, nil)
	w.server.refusal = license.CodeSuspended
	w.pass(10 * minute)
	if !w.heard(license.CodeSuspended) {
		t.Fatal("not told")
	}
	w.expect(w.consume(1), license.CodeSuspended)
	w.offline = true // an outage does not lift it
	w.pass(10 * minute)
	w.expect(w.consume(1), license.CodeSuspended)
	w.offline, w.server.refusal = false, ""
	w.pass(10 * minute) // reinstated: the same bytes are accepted
	w.expect(w.consume(1), license.CodeOK)
	if w.status().Number != 2 {
		t.Fatalf("number %d", w.status().Number)
	}
}

// proves C11 S13
func TestExpiryIsDetectedLocally(t *testing.T) {
	w := started(t, func(s *server) { s.settings.Type, s.expires = lease.Timed, begin+5*minute })
	w.expect(w.consume(1_000), license.CodeOK) // any number of calls
	w.pass(5*minute + second)
	if !w.heard(license.CodeExpired) {
		t.Fatal("not told")
	}
	w.expect(w.consume(1), license.CodeExpired)
}

// proves C13 S21
func TestSettingsChangeWhileRunning(t *testing.T) {
	w := started(t, nil)
	w.server.settings.Interval = minute
	w.pass(10 * minute)
	posts := w.posts
	w.pass(5 * minute)
	if w.posts != posts+5 {
		t.Fatalf("%d syncs in five minutes", w.posts-posts)
	}
}

// proves C02
func TestUnreachableServerAtTheFirstStart(t *testing.T) {
	w := newWorld(t)
	w.offline = true
	w.open()
	v := w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeUnreachable)
	if v.AllowContinue {
		t.Fatal("goes on without ever having had a lease")
	}
	w.offline = false
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
}

// A program that was started offline gets the same refusal, marked as tolerated: it is activated by hand. A refusal by the server,
// and a refused call, are not tolerated.
//
// proves part of S23
func TestOfflineStartIsTolerated(t *testing.T) {
	w := newWorld(t)
	w.cfg.Offline, w.offline = true, true
	w.open()
	if v := w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeUnreachable); !v.OfflineTolerated || v.AllowContinue {
		t.Fatalf("%+v", v)
	}
	if v := w.expect(w.consume(1), license.CodeUnreachable); v.OfflineTolerated {
		t.Fatalf("a refused call is tolerated: %+v", v)
	}
	w.expect(w.call(abi.Event{Type: abi.EventExport}), license.CodeOK)
	_, answer := w.server.answer(w.exported)
	w.expect(w.call(abi.Event{Type: abi.EventImport, Body: answer}), license.CodeOK)
	w.expect(w.consume(1), license.CodeOK)

	w.pass(3 * hour)
	expired := w.told[len(w.told)-1]
	if expired.Code != license.CodeLeaseExpired || !expired.OfflineTolerated {
		t.Fatalf("%+v", expired)
	}
	w.expect(w.consume(1), license.CodeLeaseExpired)
	w.crash()
	w.open()
	if v := w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeLeaseExpired); !v.OfflineTolerated {
		t.Fatalf("%+v", v)
	}
	w.offline, w.server.refusal = false, license.CodeSuspended
	if v := w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeSuspended); v.OfflineTolerated {
		t.Fatalf("%+v", v)
	}
}

// proves C06 C18
func TestRestartWithoutServerUsesTheLease(t *testing.T) {
	w := started(t, nil)
	w.crash()
	w.offline = true
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	w.expect(w.consume(1), license.CodeOK)
}

// proves C14
func TestRequestIsSavedBeforeSend(t *testing.T) {
	w := newWorld(t)
	w.diskFull = true
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeStorageFailed)
	if w.posts != 0 {
		t.Fatal("sent")
	}
}

// proves C14
func TestUnsignedErrorsAreOutages(t *testing.T) {
	w := started(t, nil)
	w.server.status = 503
	v := w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeServerError)
	if !v.AllowContinue {
		t.Fatal("an unsigned error ends the work")
	}
	w.server.status = 0
	w.pass(10 * minute)
	w.expect(w.consume(1), license.CodeOK)
}

// proves part of B01
func TestDeactivateGivesTheActivationBack(t *testing.T) {
	w := started(t, nil)
	w.expect(w.consume(2), license.CodeOK)
	w.expect(w.call(abi.Event{Type: abi.EventDeactivate}), license.CodeOK)
	if w.server.used != 2 {
		t.Fatal("the last count is lost")
	}
	w.expect(w.consume(1), license.CodeDeactivated)
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	if len(w.server.heads) != 2 {
		t.Fatal("not activated as a new device")
	}
}

// proves C14
func TestHotConsume(t *testing.T) {
	w := started(t, nil)
	if got := w.hot(1); got != abi.ConsumePoll { // the first sets the journal's timer
		t.Fatal(got)
	}
	w.step(abi.Event{Type: abi.EventPoll})
	saves := w.saves
	polls := 0
	for range 98 {
		if w.hot(1) == abi.ConsumePoll {
			polls++
			w.step(abi.Event{Type: abi.EventPoll})
		}
	}
	if polls > 1 || w.saves > saves+1 {
		t.Fatalf("%d polls, %d saves", polls, w.saves-saves)
	}
	w.hot(1)
	if got := w.hot(1); got != abi.ConsumeNotCounted {
		t.Fatalf("past the allowance: %d", got)
	}
	if w.m.Consume(99, 1, w.now) != abi.ConsumeUnknown || w.hot(-1) != abi.ConsumeNotCounted {
		t.Fatal("bad arguments")
	}
	w.pass(10 * minute)
	if w.server.used != 100 {
		t.Fatalf("%d used", w.server.used)
	}
}

// proves C02
// proves part of B01
func TestDeactivatedByTheVendor(t *testing.T) {
	w := started(t, nil)
	for _, h := range w.server.heads {
		h.closed = true
	}
	w.pass(10 * minute)
	if !w.heard(license.CodeDeactivated) {
		t.Fatal("not told")
	}
	w.expect(w.consume(1), license.CodeDeactivated)
	if len(w.server.heads) != 1 {
		t.Fatal("a running program took another activation")
	}
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK) // started again, it is a newcomer
	if len(w.server.heads) != 2 {
		t.Fatal("not activated anew")
	}
}

// proves C05 C06
func TestNoRetriesAndNoGrace(t *testing.T) {
	w := started(t, func(s *server) { s.settings.MaxRetries, s.settings.Grace = 0, 0; s.forge = exact(&s.settings) })
	w.now += 40 // the host's timers are late
	w.mono += 40
	w.hold = true
	w.pass(10 * minute)
	w.expect(w.consume(1), license.CodeOK) // the sync is on its way
	w.pass(second)
	w.hold = false
	w.deliver()
	if len(w.told) > 0 {
		t.Fatalf("told %s by a sync in time", w.told[0].Code)
	}
	w.offline = true
	w.pass(10*minute + second)
	if !w.heard(license.CodeLeaseExpired) {
		t.Fatal("goes on without retries or grace")
	}
}

// exact makes leases that end when the next sync is due.
func exact(s *lease.Settings) func(*lease.Lease) {
	return func(l *lease.Lease) { l.NotAfter = l.Time + lease.Time(s.Interval) }
}

// proves C02 S22
func TestSuspendedAtTheNextStart(t *testing.T) {
	w := started(t, nil)
	w.crash()
	w.server.refusal = license.CodeSuspended
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeSuspended)
	if len(w.told) > 0 {
		t.Fatalf("told %s beside the answer", w.told[0].Code)
	}
}

// proves part of B01
// proves C14
func TestCallsDuringAGoodbye(t *testing.T) {
	w := started(t, nil)
	w.hold = true
	goodbye := w.call(abi.Event{Type: abi.EventDeactivate})
	w.server.settings.Trigger = lease.EveryCall
	reserve := w.reserve("ui", "rendering")
	sync := w.call(abi.Event{Type: abi.EventSync})
	w.deliver()
	w.expect(goodbye, license.CodeOK)
	w.expect(reserve, license.CodeDeactivated) // nothing was granted to it
	w.expect(sync, license.CodeDeactivated)
	if len(w.sent) > 0 {
		t.Fatal("a closed chain asks")
	}
}

// proves part of B01
func TestLostGoodbyeIsRepeatedAtNextStart(t *testing.T) {
	w := started(t, nil)
	w.hold = true
	goodbye := w.call(abi.Event{Type: abi.EventDeactivate})
	w.lose()
	w.expect(goodbye, license.CodeUnreachable)
	w.crash()
	w.hold = false
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	w.expect(w.consume(1), license.CodeOK)
	if s := w.status(); len(w.server.heads) != 2 || s.State != "ready" {
		t.Fatalf("%d activations, %s", len(w.server.heads), s.State)
	}
}
