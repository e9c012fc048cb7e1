package client_test

import (
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// proves C02 N03
func TestFakeServer(t *testing.T) {
	w := newWorld(t)
	w.server.secret = keyring(t, "Mallory") // the same answers, signed by an own root
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeWrongRoot)

	w = started(t, nil)
	w.server.secret = keyring(t, "Mallory") // takes over later
	v := w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeWrongRoot)
	if !v.AllowContinue {
		t.Fatal("a fake server can stop an honest program")
	}
	w.server.twist = func(s string) string {
		return strings.SplitAfterN(s, "keyring ", 2)[0][:len(strings.SplitAfterN(s, "keyring ", 2)[0])-8]
	}
	w.pass(5 * minute)
	if w.status().Number != 1 {
		t.Fatal("a lease of another root was taken")
	}
}

// proves C02
func TestUnpinned(t *testing.T) {
	w := newWorld(t)
	w.cfg.ServerURL = "https://licenses.example.com/api/v1"
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeUnpinned)
	if w.posts != 0 {
		t.Fatal("asked a server that it cannot know")
	}
	for _, allowed := range []func(*abi.Config){
		func(c *abi.Config) { c.ServerURL = "http://127.0.0.1:4000/api/v1" },
		func(c *abi.Config) { c.ServerURL = "http://localhost:4000/api/v1" },
		func(c *abi.Config) { c.ServerURL = "http://[::1]:4000/api/v1" },
		func(c *abi.Config) { c.ServerURL = "https://licenses.example.com/api/v1"; c.AllowUnpinned = true },
	} {
		w := newWorld(t)
		allowed(&w.cfg)
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		if !w.heard(license.CodeUnpinned) {
			t.Fatal("no warning")
		}
	}
	for _, lookalike := range []string{"http://127.0.0.1.example.com/api/v1", "http://localhost.example.com/", "http://127x/"} {
		w := newWorld(t)
		w.cfg.ServerURL = lookalike
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeUnpinned)
	}
}

// proves N03
func TestReplayedLease(t *testing.T) {
	w := started(t, nil)
	var old string
	w.server.twist = func(s string) string { old = s; return s }
	w.call(abi.Event{Type: abi.EventSync})
	w.server.twist = func(string) string { return old } // what was recorded, instead of the new answer
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeLeaseOtherRequest)
	if w.status().Number != 2 {
		t.Fatal("taken")
	}
}

// proves N03 S18
func TestForgedLeases(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(*lease.Lease)
		code  license.Code
	}{
		"another request":    {func(l *lease.Lease) { l.Request = lease.HashOf(nil) }, license.CodeLeaseOtherRequest},
		"another nonce":      {func(l *lease.Lease) { l.Nonce = strings.Repeat("0", 32) }, license.CodeLeaseOtherRequest},
		"another device":     {func(l *lease.Lease) { l.Activation = lease.HashOf(nil) }, license.CodeLeaseOtherDevice},
		"another license":    {func(l *lease.Lease) { l.License = productID }, license.CodeLeaseOtherDevice},
		"another product":    {func(l *lease.Lease) { l.Product = licenseID }, license.CodeLeaseOtherDevice},
		"an older number":    {func(l *lease.Lease) { l.Number = 1 }, license.CodeLeaseOld},
		"another generation": {func(l *lease.Lease) { l.Generation = 2 }, license.CodeLeaseOld},
		"another link":       {func(l *lease.Lease) { l.Link = lease.OriginLink }, license.CodeLeaseOld},
		"an earlier time":    {func(l *lease.Lease) { l.Time -= hour }, license.CodeLeaseOld},
		"a lower epoch":      {func(l *lease.Lease) { l.Epoch-- }, license.CodeEpochLower},
	} {
		t.Run(name, func(t *testing.T) {
			w := started(t, nil)
			w.server.forge = c.forge
			v := w.expect(w.call(abi.Event{Type: abi.EventSync}), c.code)
			if s := w.status(); s.Number != 1 || !v.AllowContinue {
				t.Fatal("it moved something")
			}
			w.server.forge = nil
			w.pass(10 * minute)
			if s := w.status(); s.Number != 2 {
				t.Fatal("the genuine answer no longer heals")
			}
		})
	}
}

// proves N03 S18
func TestRefusalForAnotherRequest(t *testing.T) {
	w := started(t, nil)
	var refusal string
	w.server.refusal = license.CodeRevoked
	w.server.twist = func(s string) string { refusal = s; return s }
	w.call(abi.Event{Type: abi.EventSync})

	honest := newWorld(t) // of the same product; the refusal is for another machine's request
	honest.random.seed = "another machine"
	honest.open()
	honest.expect(honest.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	honest.server.twist = func(string) string { return refusal }
	honest.expect(honest.call(abi.Event{Type: abi.EventSync}), license.CodeLeaseOtherDevice)
	honest.expect(honest.consume(1), license.CodeOK)
}

// proves N03 S22
func TestExpiredRefusal(t *testing.T) {
	w := started(t, nil)
	w.server.refusal = license.CodeSuspended
	var refusal string
	w.server.twist = func(s string) string { refusal = s; return s }
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeSuspended)
	w.server.refusal, w.server.twist = "", nil
	w.pass(10 * minute) // reinstated, with the same bytes
	w.expect(w.consume(1), license.CodeOK)
	w.server.twist = func(string) string { return refusal }
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeLeaseOtherRequest)
}

// proves N03
func TestReplayedRefusal(t *testing.T) {
	w := started(t, nil)
	w.server.refusal = license.CodeRateLimited
	var refusal string
	w.server.twist = func(s string) string { refusal = s; return s }
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeRateLimited)
	w.server.twist = func(string) string { return refusal } // for the same bytes, which go again: but it lives five minutes
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeRateLimited)
	w.pass(6 * minute)
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeLeaseOld)
}

// proves N03
func TestInvalidAnswers(t *testing.T) {
	for name, twist := range map[string]func(string) string{
		"empty":          func(string) string { return "" },
		"page":           func(string) string { return "<html>login</html>" },
		"truncated":      func(s string) string { return s[:len(s)/2] },
		"one byte":       func(s string) string { return strings.Replace(s, `"used":0`, `"used":1`, 1) },
		"no signature":   func(s string) string { return strings.SplitAfter(s, "\n")[0] },
		"third line":     func(s string) string { return s + "more\n" },
		"white space":    func(s string) string { return strings.Replace(s, `,"`, `, "`, 1) },
		"unsigned valid": func(string) string { return `{"valid":true}` },
	} {
		t.Run(name, func(t *testing.T) {
			w := started(t, nil)
			w.server.twist = twist
			number := w.call(abi.Event{Type: abi.EventSync})
			if v := w.answers[number]; v.OK || !v.AllowContinue || w.status().Number != 1 {
				t.Errorf("%+v", v)
			}
		})
	}
}

// proves C18
// proves part of N02
func TestRestoredStateReactivates(t *testing.T) {
	w := started(t, nil)
	w.expect(w.consume(3), license.CodeOK)
	backup := w.disk
	w.pass(30 * minute)
	used := w.server.used
	w.crash()
	w.disk = backup // yesterday's home directory
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	if s := w.status(); s.Generation != 2 || s.Counters.Used != used {
		t.Fatalf("%+v", s)
	}
	w.expect(w.consume(1), license.CodeOK)
	w.pass(10 * minute)
	if w.server.used != used+1 {
		t.Fatalf("%d used, %d before", w.server.used, used)
	}
}

// proves part of N02
// proves C08 C14
func TestCallDetectsRestoredState(t *testing.T) {
	w := started(t, everyCall)
	backup := w.disk
	w.expect(w.consume(1), license.CodeOK)
	w.pass(2 * second)
	w.crash()
	w.disk = backup
	w.offline = true
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK) // on the lease of the backup
	w.offline = false
	w.expect(w.consume(1), license.CodeOK)
	if s := w.status(); s.Generation != 2 || s.Pending != 0 || w.server.used != 2 {
		t.Fatalf("%d used, %+v", w.server.used, s)
	}
}

// proves C08 C14
func TestCallDetectsOtherHolder(t *testing.T) {
	w := started(t, everyCall)
	for _, h := range w.server.heads {
		h.Number, h.Link = h.Number+1, lease.HashOf([]byte("another holder's"))
	}
	w.expect(w.consume(1), license.CodeOK)
	if s := w.status(); s.Generation != 2 || s.Pending != 0 || w.server.used != 1 {
		t.Fatalf("%d used, %+v", w.server.used, s)
	}
}

// proves C14
func TestUnacceptableRequestIsDiscarded(t *testing.T) {
	w := started(t, func(s *server) { everyCall(s); s.settings.Grace = 0 })
	w.server.refusal = license.CodeRequestMalformed
	w.expect(w.consume(1), license.CodeRequestMalformed)
	w.server.refusal = ""
	first := w.server.requests[len(w.server.requests)-1]
	w.expect(w.consume(1), license.CodeOK)
	if last := w.server.requests[len(w.server.requests)-1]; last.Nonce == first.Nonce || w.server.used != 1 {
		t.Fatalf("%d used; the same request again: %v", w.server.used, last.Nonce == first.Nonce)
	}
}

// proves C18
func TestMarkIsSavedWithTheLease(t *testing.T) {
	w := started(t, nil)
	w.crash() // at once
	w.now -= lease.Time(hour)
	w.offline = true
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeClockSetBack)
}

// proves C18
func TestTamperedState(t *testing.T) {
	w := started(t, nil)
	w.pass(2 * second)
	w.crash()
	w.disk = strings.Replace(w.disk, `"counted":0`, `"counted":-9`, 1)
	if v := w.open(); v != nil {
		t.Fatal(v)
	}
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	if !w.heard(license.CodeStateInvalid) || len(w.server.heads) != 2 {
		t.Fatal("went on with a state that was changed")
	}
	for _, state := range []string{"null", "{}", "\n", "{", w.disk[1:], w.disk[:len(w.disk)-10], strings.Repeat("[", 10_000)} {
		w.disk = state
		if v := w.open(); v != nil {
			t.Fatalf("%.20q: %+v", state, v)
		}
	}
}

// proves C18
func TestForeignStateIsNotOverwritten(t *testing.T) {
	w := started(t, nil)
	w.pass(2 * second)
	w.crash()
	w.cfg.ProductID = licenseID
	if v := w.open(); v == nil || v.Code != license.CodeStateForeign {
		t.Fatalf("%+v", v)
	}
	w.cfg.ProductID = productID
	w.cfg.ServerURL = "https://licenses.example.com/api/v1#" + keyring(t, "Mallory").Public().Root()
	if v := w.open(); v == nil || v.Code != license.CodeStateForeign {
		t.Fatalf("%+v", v)
	}
}

// proves C18
func TestClockSetBack(t *testing.T) {
	w := started(t, func(s *server) { s.settings.Type, s.expires = lease.Timed, begin+hour })
	w.pass(30 * minute)
	w.crash()
	w.now -= lease.Time(hour)
	w.offline = true
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeClockSetBack)
	w.expect(w.consume(1), license.CodeClockSetBack)
	w.server.now = func() lease.Time { return w.now + lease.Time(hour) }
	w.offline = false
	w.pass(20 * minute)
	w.expect(w.consume(1), license.CodeOK) // a sync heals, whatever the clock says
	w.pass(20 * minute)
	w.expect(w.consume(1), license.CodeExpired)
}

// proves C18
func TestClockSetBackWhileRunning(t *testing.T) {
	w := started(t, func(s *server) { s.settings.Type, s.expires = lease.Timed, begin+5*minute })
	w.offline = true
	w.now -= lease.Time(24 * hour)
	w.pass(6 * minute)
	w.expect(w.consume(1), license.CodeExpired)
}

// proves C14
func TestPanicsStayInsideTheModule(t *testing.T) {
	w := started(t, nil)
	for _, in := range []string{
		"", "null", "[]", "{", `{"op":"step"}`, `{"op":"step","handle":1}`, `{"op":"step","handle":1,"event":{"type":"reply","id":9,"now":1}}`,
		`{"op":"step","handle":1,"event":{"type":"x","now":1}}`, `{"op":"step","handle":1,"event":{"type":"timer","now":-1}}`,
		`{"op":"step","handle":1,"event":{"type":"saved","id":-1,"now":1}}`, `{"op":"new"}`, `{"op":"new","config":{}}`, `{"op":"verify"}`,
		`{"op":"verify","keys":"x","file":"AAAA"}`, `{"op":"root"}`, `{"op":"close","handle":7}`, `{"op":"status","handle":7}`, "\x00\xff",
		`{"op":"step","handle":1,"event":{"type":"reply","id":99999999999999999999}}`,
	} {
		out := string(w.m.Call([]byte(in)))
		if !strings.HasPrefix(out, `{`) || strings.Contains(out, `"internal"`) {
			t.Errorf("%s: %s", in, out)
		}
	}
}

// proves C18
func TestClockSetForwardAndBack(t *testing.T) {
	w := started(t, func(s *server) { s.settings.Type, s.expires = lease.Timed, begin+24*hour })
	server := w.server.now
	ahead := lease.Time(0)
	w.server.now = func() lease.Time { return server() - ahead }
	w.pass(second)
	ahead = lease.Time(48 * hour)
	w.now += ahead
	w.expect(w.consume(1), license.CodeExpired) // by the clock, which nobody has contradicted yet
	w.pass(2 * second)
	w.expect(w.consume(1), license.CodeOK) // the sync has
	w.now -= ahead
	ahead = 0
	w.pass(hour)
	w.expect(w.consume(1), license.CodeOK)
}
