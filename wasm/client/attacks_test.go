package client_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
	"github.com/onelicense/onelicense/wasm/trace"
)

// The attacks that a program meets on its customer's machine and on the way to its server, one test each, named after the attack.
// spec/threats.md lists them all and says what is not stopped. TestFakeServer and TestClockSetBack stand in trust_test.go.

// Somebody on the way keeps every answer and, from some day on, shows them again instead of what the server says.
//
// proves N03
func TestReplayedAnswer(t *testing.T) {
	w := started(t, halfAnHour)
	var kept []string
	w.server.twist = func(s string) string { kept = append(kept, s); return s }
	w.pass(20 * minute)
	end, shown := w.status().NotAfter, 0
	w.server.twist = func(string) string { shown++; return kept[shown%len(kept)] }
	w.pass(31 * minute)
	w.expect(w.call(abi.Event{Type: abi.EventImport, Body: kept[0]}), license.CodeLeaseOtherRequest)
	w.expect(w.consume(1), license.CodeLeaseExpired)
	if s := w.status(); s.NotAfter != end || s.Number != 3 || shown < 3 {
		t.Fatalf("number %d until %d after %d replays", s.Number, s.NotAfter, shown)
	}
	w.server.twist = nil
	w.pass(10 * minute)
	w.expect(w.consume(1), license.CodeOK)
}

// halfAnHour sets a lease to last 30 minutes: two intervals of ten minutes and the grace.
func halfAnHour(s *server) { s.settings.MaxRetries, s.settings.Grace = 1, 10*minute }

// The server's clock is a year ahead, by accident or for somebody who wants a lease that lasts. No lease lasts longer for it, and one that
// was kept answers nothing else.
//
// proves N03 C18
func TestFutureDatedAnswer(t *testing.T) {
	w := started(t, halfAnHour)
	const year = 365 * 24 * hour
	right, kept := w.server.now, ""
	w.server.now = func() lease.Time { return right() + year }
	w.server.twist = func(s string) string { kept = s; return s }
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
	w.server.twist = func(string) string { return kept }
	w.pass(31 * minute)
	w.expect(w.call(abi.Event{Type: abi.EventImport, Body: kept}), license.CodeLeaseOtherRequest)
	w.expect(w.consume(1), license.CodeLeaseExpired)
	w.crash()
	w.offline = true
	w.open() // the computer's own clock is a year behind the signed time now
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeClockSetBack)

	// The server's clock is put right, which is no reason to believe an earlier time; that it begins a new epoch is.
	w.offline, w.server.twist, w.server.now = false, nil, right
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeClockSetBack)
	w.server.epoch++
	w.pass(hour)
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
	w.expect(w.consume(1), license.CodeOK)
}

// An honest accident: the clock was years ahead for a while, also across a start of the program. What was kept of it does no harm.
//
// proves C18
func TestClockSetForwardThenBack(t *testing.T) {
	w := started(t, nil)
	w.offline = true
	const ahead = 3 * 365 * 24 * hour
	w.now += ahead
	w.expect(w.consume(1), license.CodeLeaseExpired) // by the clock, which nobody has contradicted yet
	w.pass(10 * second)
	for range 2 {
		w.crash()
		w.open()
		w.call(abi.Event{Type: abi.EventStart})
		w.pass(10 * second)
	}
	w.crash()
	w.now -= ahead
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	w.expect(w.consume(1), license.CodeOK)
}

// The customer uses up a prepaid block without a network, puts yesterday's disk back, and has nothing: what is stored counts as spent.
//
// proves part of N02
func TestStateRollback(t *testing.T) {
	w := newWorld(t)
	w.server.settings.Prepaid = 10
	w.server.forge = func(l *lease.Lease) { l.Counters.Granted = l.Counters.Counted + 10 }
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	yesterday := w.disk
	w.offline = true
	w.expect(w.consume(10), license.CodeOK)
	w.expect(w.consume(1), license.CodePrepaidExhausted)
	for range 2 {
		w.crash()
		w.disk = yesterday
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		w.expect(w.consume(1), license.CodePrepaidExhausted)
	}
	w.offline = false
	w.pass(5 * minute)
	w.expect(w.consume(1), license.CodeOK)
	if s := w.status(); s.Counters.Counted != 10 || w.server.used != 10 {
		t.Fatalf("the restored block is counted as %d, %d used", s.Counters.Counted, w.server.used)
	}
}

// copied is the machine copied while it runs: same memory, same disk, same clocks. From here on each draws its own randomness.
func copied(w *world) *world {
	c := *w
	c.m, c.random, c.answers, c.trace = client.NewModule(parse), &stream{seed: "the copy"}, maps.Clone(w.answers), trace.Trace{}
	record(&c)
	c.trace.BeginRun()
	for _, e := range w.trace.Runs[len(w.trace.Runs)-1] {
		c.note(trace.Exchange{Call: e.Call, Reply: string(c.m.Call([]byte(e.Call)))})
	}
	return &c
}

// A virtual machine is copied while it runs, with all that could tell it from its copy. The two ask for the same lease with different
// bytes, so the chain forks where everybody can see it; and what the server then says is for good (server/licensing has its side).
//
// proves part of N02
func TestVMClone(t *testing.T) {
	w := started(t, nil)
	c := copied(w)
	w.pass(10 * minute)
	w.server.refusal = license.CodeCloned // as if there had been turns enough
	c.pass(10 * minute)
	asked := w.server.requests[len(w.server.requests)-2:]
	one, other := asked[0], asked[1]
	if one.Activation() != other.Activation() || one.Number != other.Number || one.Previous != other.Previous || one.Nonce == other.Nonce {
		t.Fatalf("the server cannot tell that there are two: %+v %+v", one, other)
	}
	c.expect(c.consume(1), license.CodeCloned)
	c.offline = true
	c.pass(20 * minute)
	c.expect(c.consume(1), license.CodeCloned) // no grace, and no outage lifts it
	w.expect(w.consume(1), license.CodeOK)
}

// The vendor's server is put back to a snapshot, and nobody says so. The programs have seen a higher epoch, refuse what the old one
// says, and show it what they hold.
//
// proves N05
func TestServerSnapshotRollback(t *testing.T) {
	w := started(t, nil)
	w.server.epoch = 8
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
	last := w.status().Receipt
	w.crash()
	w.server.epoch = 7
	w.server.forge = func(l *lease.Lease) { l.Epoch = w.server.epoch } // also of a stored lease
	w.open()
	v := w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK) // on the lease that it has
	if !strings.Contains(v.Detail, string(license.CodeEpochLower)) || w.status().Number != 2 {
		t.Fatalf("number %d, %+v", w.status().Number, v)
	}
	if r := w.server.requests[len(w.server.requests)-1]; r.Epoch != 8 || r.Lease != last {
		t.Fatalf("the server is shown epoch %d and %q", r.Epoch, r.Lease)
	}
	w.server.epoch = 9
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
}

// A seat is borrowed for six hours and never returned. It ends here when it ends, whatever is done to the clock.
//
// proves part of B03
func TestBorrowedSeatKeptForEver(t *testing.T) {
	w := started(t, func(s *server) {
		s.settings.Interval, s.settings.MaxRetries = hour, 1 // a lease lasts three hours
		s.forge = func(l *lease.Lease) {
			for i := range l.Reservations {
				l.Reservations[i].Until = begin + 6*hour
			}
		}
	})
	w.expect(w.call(abi.Event{Type: abi.EventReserve, Entitlement: "rendering", Context: "ui", Borrow: 6 * hour}), license.CodeOK)
	w.offline = true
	w.pass(4 * hour)
	w.expect(w.check("ui", "rendering"), license.CodeGrace)
	w.now -= 4 * hour
	w.pass(90 * minute)
	w.expect(w.check("ui", "rendering"), license.CodeGrace)
	w.pass(hour)
	w.expect(w.check("ui", "rendering"), license.CodeNotReserved)
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeClockSetBack)
	if v := w.answers[w.reserve("ui", "rendering")]; v.OK {
		t.Fatalf("held again: %+v", v)
	}
}

// resealed changes a saved state as somebody would who has read this source: its MAC is made anew, for the secret is in the state.
func resealed(t *testing.T, state string, change func(state, chain map[string]any)) string {
	t.Helper()
	body, _, _ := strings.Cut(state, "\n")
	var s map[string]any
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	change(s, s["chains"].([]any)[0].(map[string]any))
	secret, err := base64.StdEncoding.DecodeString(s["secret"].(string))
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	body = mustJSON(t, s)
	return body + "\n" + hex.EncodeToString(mac(mac(secret, "onelicense/snapshot"), body)) + "\n"
}

// Another vendor's keys, or this vendor's keys of another product, are put in the place of the pinned ones: in the settings, in the
// answer, in the stored state.
//
// proves C02 N03
func TestKeySubstitution(t *testing.T) {
	w := newWorld(t)
	other := keyring(t, "Acme CAM")
	w.cfg.Keyring = armored(t, other.Public())
	if v := w.open(); v == nil || v.Code != license.CodeWrongRoot {
		t.Fatalf("settings: %+v", v)
	}
	w.cfg.Keyring = ""
	own := w.server.secret
	w.server.secret = other
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeWrongRoot)
	w.server.secret = own
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
	w.pass(2 * second)
	genuine := w.disk
	for _, c := range []struct {
		name   string
		change func(state, chain map[string]any)
		code   license.Code
	}{
		{"keyring", func(s, _ map[string]any) { s["certificate"] = other.Public().Certificate() }, license.CodeStateInvalid},
		{"keyring and root", func(s, _ map[string]any) {
			s["certificate"], s["root"] = other.Public().Certificate(), other.Public().Root()
		}, license.CodeStateForeign},
		{"no root", func(s, _ map[string]any) { s["certificate"] = other.Public().Certificate(); delete(s, "root") }, license.CodeStateInvalid},
	} {
		w.crash()
		w.disk = resealed(t, genuine, c.change)
		v := w.open()
		if v == nil {
			w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK) // begins anew, with the pinned root
			if !w.heard(c.code) {
				t.Errorf("%s: not refused", c.name)
			}
		} else if v.Code != c.code {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// What the vendor's keys have signed for one purpose is shown for another.
//
// proves N03 L04
func TestCrossProtocolReuse(t *testing.T) {
	w := started(t, nil)
	keys, now := w.server.secret, begin.Std()
	signed := func(use license.Use, text string) string {
		document, _, _ := strings.Cut(text, "\n")
		signature, err := keys.Sign(use, []byte(document), now)
		if err != nil {
			t.Fatal(err)
		}
		return document + "\n" + license.EncodeSignature(signature) + "\n"
	}
	must := func(b []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	file := must(license.Seal(claims(licenseID, "ui", "rendering"), keys, now))
	statement := must(lease.SignStatement(lease.Statement{Product: productID, Number: 1, Time: begin}, keys, now))
	delegation := must(lease.SignDelegation(lease.Delegation{Product: productID, License: licenseID, Key: strings.Repeat("0", 64),
		NotAfter: begin + hour}, keys, now))
	for _, c := range []struct {
		name  string
		twist func(answer string) string
		code  license.Code
	}{
		{"a lease signed as a file", func(s string) string { return signed(license.UseFile, s) }, license.CodeSignatureType},
		{"a lease signed as a statement", func(s string) string { return signed(license.UseStatement, s) }, license.CodeKeyUse},
		{"a lease signed as a delegation", func(s string) string { return signed(license.UseDelegation, s) }, license.CodeKeyUse},
		{"a statement", func(string) string { return statement }, license.CodeKeyUse},
		{"a delegation", func(string) string { return delegation }, license.CodeKeyUse},
		{"a statement signed as a lease", func(string) string { return signed(license.UseLease, statement) }, license.CodeProtocolUnsupported},
		{"a file", func(string) string { return file }, license.CodeServerError},
	} {
		w.server.twist = c.twist
		v := w.expect(w.call(abi.Event{Type: abi.EventSync}), c.code)
		if s := w.status(); s.Number != 1 || !v.AllowContinue {
			t.Errorf("%s: moved something", c.name)
		}
	}
	// And the other way round: a lease in the directory of license files is none, nor is it a statement.
	answer := w.status().Receipt
	renamed := strings.Replace(statement, "/statement/", "/lease/", 1)
	w.expect(w.call(abi.Event{Type: abi.EventFiles,
		Files: []abi.File{{Name: "a.txt", Data: []byte(answer)}, {Name: "b.txt", Data: []byte(renamed)},
			{Name: "c.txt", Data: []byte(signed(license.UseLease, statement))}}}), license.CodeOK)
	for _, v := range w.do(abi.Call{Op: abi.OpStatus, Handle: w.handle}).Status.Files {
		if v.OK || v.File == "c.txt" && v.Code != license.CodeKeyUse {
			t.Errorf("%+v", v)
		}
	}
}

// The key that signs leases was stolen. The vendor revokes it and takes another; who has heard of that believes the thief nothing more,
// whatever certificate he brings and whatever date he writes.
//
// proves part of N04
func TestExpiredOrRevokedKey(t *testing.T) {
	w := started(t, nil)
	thief := w.server.secret
	var stolen string
	for _, k := range thief.Public().Keys(begin.Std()) {
		if slices.Contains(k.Uses, license.UseLease) {
			stolen = k.Fingerprint
		}
	}
	rotated, err := thief.AddKey(license.UseLease, &stream{seed: "next"}, begin.Std())
	if err != nil {
		t.Fatal(err)
	}
	if w.server.secret, err = rotated.Revoke(stolen, pgp.ReasonCompromised, begin.Std()); err != nil {
		t.Fatal(err)
	}
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK) // the new certificate comes beside the answer
	w.server.secret = thief
	v := w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeKeyCompromised)
	if s := w.status(); s.Number != 2 || !v.AllowContinue {
		t.Fatalf("number %d, %+v", s.Number, v)
	}
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK) // on its own lease, by the new key
	if w.status().Number != 2 {
		t.Fatal("the thief is believed after a restart")
	}
}

// A signature that says it was made an hour after the document that it signs.
//
// proves N03
func TestSignatureFromTheFuture(t *testing.T) {
	w := started(t, nil)
	w.server.twist = func(s string) string {
		document, _, _ := strings.Cut(s, "\n")
		signature, err := w.server.secret.Sign(license.UseLease, []byte(document), w.now.Std().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return document + "\n" + license.EncodeSignature(signature) + "\n"
	}
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeSignatureFuture)
	if w.status().Number != 1 {
		t.Fatal("taken")
	}
}

// A report is lost, comes twice, and comes again from before a crash. It is counted once, and the lease is the receipt for just that.
//
// proves C14 S19 N07
func TestMeteringReplayOrLoss(t *testing.T) {
	w := started(t, nil)
	w.expect(w.consume(5), license.CodeOK)
	w.hold = true
	w.call(abi.Event{Type: abi.EventSync})
	report := w.sent[0].Body
	w.lose()
	w.crash()
	w.open()
	w.call(abi.Event{Type: abi.EventStart})
	if w.sent[0].Body != report {
		t.Fatal("the report that may have arrived is not the one that goes again")
	}
	w.hold = false
	w.deliver()
	w.server.answer(report) // somebody else sends it too
	w.expect(w.consume(2), license.CodeOK)
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
	if w.server.used != 7 {
		t.Fatalf("counted %d of 7", w.server.used)
	}
	r := w.do(abi.Call{Op: abi.OpReceipt, File: []byte(w.status().Receipt), Keys: armored(t, w.server.secret.Public())})
	if r.Receipt == nil || r.Receipt.Counters.Counted != 7 || r.Receipt.Activation != w.status().Activation {
		t.Fatalf("%+v", r.Receipt)
	}
}

// A server that comes back finds its clients spread over the time between two retries, and who is told to wait waits.
//
// proves C05
func TestReconnectHerd(t *testing.T) {
	const many = 50
	at := map[int64]bool{}
	for i := range many {
		c := newWorld(noTrace{t})
		c.random.seed = "machine " + string(rune('A'+i))
		c.open()
		c.expect(c.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		c.offline = true
		c.pass(10 * minute) // all fail in the same millisecond
		wait := c.wake - c.mono
		if wait < 5*minute*9/10 || wait > 5*minute {
			t.Fatalf("the retry is %d ms away", wait)
		}
		at[wait/second] = true
	}
	if len(at) < many/3 {
		t.Fatalf("%d clients come back in only %d different seconds of 30", many, len(at))
	}

	w := started(t, nil)
	w.hold = true
	// Nobody has signed that it is to wait, so it does no longer than it would have waited anyway.
	for _, c := range []struct{ says, waits int64 }{{120, 2 * minute}, {10 * 365 * 24 * 3600, 10 * minute}} {
		w.call(abi.Event{Type: abi.EventSync})
		w.step(abi.Event{Type: abi.EventReply, ID: w.sent[len(w.sent)-1].ID, Status: 503, RetryAfter: c.says, Body: "busy"})
		posts := w.posts
		w.pass(c.waits - second)
		if w.posts != posts {
			t.Fatalf("told to wait %d s, it came sooner", c.says)
		}
		w.pass(second + c.waits/10 + second)
		if w.posts != posts+1 {
			t.Fatalf("told to wait %d s, it did not come after %d ms and a tenth", c.says, c.waits)
		}
		w.deliver()
	}
}

// What made other verifiers panic, and what looks as if it might. Nothing does, nothing is taken, and the program goes on.
//
// proves C14 L22
func TestBadInputToTheVerifier(t *testing.T) {
	w := started(t, nil)
	genuine := w.status().Receipt
	w.takesNone(
		"", "abc", "a.b", ".", "null", "[]", `{"type":"onelicense/lease/1"}`, "null\nnull\n", "\n\n\n\n", `keyid="",signature=`, "\x00\xff",
		genuine[:len(genuine)-9]+"\n", strings.Replace(genuine, `"used":0`, `"used":1e400`, 1), strings.Replace(genuine, "\n", "\nkeyring \n", 1),
		genuine+"keyring AAAA\n", genuine+"list bnVsbAo=\n", genuine+"delegation bnVsbAo=\n",
	)
	long := started(testing.TB(noTrace{t}), nil)
	long.takesNone(strings.Repeat("A", 70_000), strings.Repeat("[", 20_000), `{"type":"onelicense/lease/1",`+strings.Repeat(`"a":{`, 20_000))
}

// takesNone shows the client what is neither a file, nor a receipt, nor an answer.
func (w *world) takesNone(inputs ...string) {
	w.t.Helper()
	keys := armored(w.t, w.server.secret.Public())
	for _, bad := range inputs {
		if r := w.do(abi.Call{Op: abi.OpVerify, File: []byte(bad), Keys: keys, Now: w.now}); r.Error == nil ||
			r.Error.Class != license.ClassFile {
			w.t.Errorf("%.30q as a file: %+v", bad, r.Error)
		}
		if r := w.do(abi.Call{Op: abi.OpReceipt, File: []byte(bad), Keys: keys}); r.Error == nil || r.Error.Code == license.CodeInternal {
			w.t.Errorf("%.30q as a receipt: %+v", bad, r.Error)
		}
		w.server.twist = func(string) string { return bad }
		for _, e := range []abi.Event{{Type: abi.EventSync}, {Type: abi.EventImport, Body: bad}} {
			if v := w.answers[w.call(e)]; v.OK || v.Code == license.CodeInternal {
				w.t.Errorf("%.30q as an answer: %+v", bad, v)
			}
		}
	}
	if w.status().Number != 1 {
		w.t.Fatal("something was taken")
	}
	w.server.twist = nil
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
}

// The vendor has revoked a license that travels as a file. An older list does not bring it back: not on the wire, not as a file, not by
// taking the new one away from beside the answer, and not after a restart.
//
// proves N04
func TestRevocationRollback(t *testing.T) {
	w := withFiles(t, claims(licenseID, "ui", "rendering"))
	list := func(number int64, revoked ...license.ID) string {
		s, err := lease.SignStatement(lease.Statement{Product: productID, Number: number, Time: begin, Licenses: revoked}, w.server.secret,
			begin.Std())
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	before, after, twin := list(1), list(2, licenseID), list(2)
	w.server.forge = func(l *lease.Lease) { l.List = &lease.StatementRef{Number: 2, Hash: lease.HashOf([]byte(after))} }
	beside := func(text string) {
		w.server.twist = func(s string) string { return string(lease.Attachments{List: []byte(text)}.Append([]byte(s))) }
	}
	reserve := func() int64 { w.pass(minute); return w.reserve("ui", "rendering") }
	w.expect(reserve(), license.CodeStatementMissing) // somebody took it away
	beside(before)
	w.expect(reserve(), license.CodeStatementMissing)
	beside(twin)
	w.expect(reserve(), license.CodeStatementMissing) // the same number, other words
	beside(after)
	w.expect(reserve(), license.CodeRevoked)
	for range 2 {
		beside(before)
		if v := w.answers[reserve()]; v.OK {
			t.Fatalf("%+v", v)
		}
		w.expect(w.call(abi.Event{Type: abi.EventFiles,
			Files: []abi.File{{Name: "list.txt", Data: []byte(before)}, {Name: "twin.txt", Data: []byte(twin)}}}), license.CodeOK)
		files := w.do(abi.Call{Op: abi.OpStatus, Handle: w.handle}).Status.Files
		if len(files) != 2 || files[0].Code != license.CodeStatementOld || files[1].Code != license.CodeStatementOld {
			t.Fatalf("%+v", files)
		}
		w.crash()
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	}
}

// A machine is kept away from the network, so that it never hears of a revocation. Its files are good for as long as the vendor said that a
// list may be old.
//
// proves N04
func TestStaleRevocationList(t *testing.T) {
	w := withFiles(t)
	file, err := license.Seal(claims(licenseID, "ui", "rendering"), w.server.secret, begin.Std())
	if err != nil {
		t.Fatal(err)
	}
	list, err := lease.SignStatement(lease.Statement{Product: productID, Number: 1, Time: begin, MaxAge: hour}, w.server.secret, begin.Std())
	if err != nil {
		t.Fatal(err)
	}
	w.offline = true
	for _, c := range []struct {
		wait int64
		code license.Code
	}{{hour, license.CodeOK}, {second, license.CodeListNeeded}} {
		w.pass(c.wait)
		w.call(abi.Event{Type: abi.EventFiles, Files: []abi.File{{Name: "license.txt", Data: file}, {Name: "list.txt", Data: list}}})
		for _, v := range w.do(abi.Call{Op: abi.OpStatus, Handle: w.handle}).Status.Files {
			if v.File == "license.txt" && v.Code != c.code {
				t.Errorf("after %d ms: %+v", c.wait, v)
			}
		}
	}
}

// The owner of a relay makes it say more than the vendor has delegated to it.
//
// proves part of N03
func TestRelayBeyondItsDelegation(t *testing.T) {
	w := started(t, nil)
	relay := ed25519.NewKeyFromSeed(w.random.bytes(32))
	granted := lease.Delegation{
		Product: productID, License: licenseID, Key: hex.EncodeToString(relay.Public().(ed25519.PublicKey)), Number: 2, Epoch: 7, Time: begin,
		Allowance: 100, Entitlements: []lease.Pool{{Entitlement: "solid_modeling", Slots: 4}}, NotAfter: begin + 2*hour,
	}
	var last *lease.Lease
	w.server.forge = func(l *lease.Lease) { last = l }
	under := func(changeLease func(*lease.Lease), change func(*lease.Delegation), by license.Signer) {
		w.server.twist = func(string) string {
			d := granted
			change(&d)
			delegation, err := lease.SignDelegation(d, by, begin.Std())
			if err != nil {
				t.Fatal(err)
			}
			l := *last
			changeLease(&l)
			return string(lease.Attachments{Delegation: delegation}.Append(l.Document().SignByRelay(relay)))
		}
	}
	honest, delegated := func(*lease.Lease) {}, func(*lease.Delegation) {}
	slot := lease.Reservation{Slot: lease.Slot{Entitlement: "rendering", Context: "ui"}, Until: begin + minute}
	for _, c := range []struct {
		name  string
		lease func(*lease.Lease)
		given func(*lease.Delegation)
		by    license.Signer
		code  license.Code
	}{
		{"longer", func(l *lease.Lease) { l.NotAfter = granted.NotAfter + 1 }, delegated, w.server.secret, license.CodeDelegationInvalid},
		{"more calls", func(l *lease.Lease) { l.Counters.Allowance++ }, delegated, w.server.secret, license.CodeDelegationInvalid},
		{"another entitlement", func(l *lease.Lease) { l.Reservations = append(l.Reservations, slot) }, delegated, w.server.secret,
			license.CodeDelegationInvalid},
		{"another product's", honest, func(d *lease.Delegation) { d.Product = licenseID }, w.server.secret, license.CodeDelegationInvalid},
		{"another license's", honest, func(d *lease.Delegation) { d.License = productID }, w.server.secret, license.CodeDelegationInvalid},
		{"another relay's", honest, func(d *lease.Delegation) { d.Key = strings.Repeat("0", 64) }, w.server.secret, license.CodeSignatureInvalid},
		{"its own", honest, delegated, keyring(t, "the relay's owner"), license.CodeKeyUnknown},
		{"within", honest, delegated, w.server.secret, license.CodeOK},
		{"an older one", honest, func(d *lease.Delegation) { d.Number-- }, w.server.secret, license.CodeDelegationInvalid},
	} {
		under(c.lease, c.given, c.by)
		if v := w.answers[w.call(abi.Event{Type: abi.EventSync})]; v.Code != c.code {
			t.Errorf("%s: %s %s", c.name, v.Code, v.Detail)
		}
	}
	if s := w.status(); s.Number != 3 || s.Relay != granted.Key {
		t.Fatalf("number %d by %q", s.Number, s.Relay)
	}

	// Nor may it take away what it was not given.
	w.server.twist = func(string) string {
		d := granted
		d.License = productID
		delegation, err := lease.SignDelegation(d, w.server.secret, begin.Std())
		if err != nil {
			t.Fatal(err)
		}
		no := lease.Refusal{Product: productID, License: licenseID, Activation: last.Activation, Request: last.Request,
			Nonce: last.Nonce, Time: w.now, Epoch: 7, Code: license.CodeRevoked, NotAfter: w.now + lease.RefusalLifetime}
		return string(lease.Attachments{Delegation: delegation}.Append(no.Document().SignByRelay(relay)))
	}
	w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeDelegationInvalid)
	w.expect(w.consume(1), license.CodeOK)
}

// The module is genuine, the host around it is not.
//
// proves part of N02
func TestPatchedHost(t *testing.T) {
	// Time stands still: the lease never ends by itself. What it grants does, and neither seats nor counts come without the server.
	t.Run("clock", func(t *testing.T) {
		w := started(t, nil)
		w.offline = true
		for range 10 {
			w.expect(w.consume(10), license.CodeOK)
		}
		w.expect(w.consume(1), license.CodeExhausted)
		if v := w.answers[w.reserve("ui", "rendering")]; v.OK {
			t.Fatalf("%+v", v)
		}
	})
	// The same random bytes over and over: no nonce comes twice, and an old answer is still none.
	t.Run("randomness", func(t *testing.T) {
		w := started(t, nil)
		var kept string
		w.server.twist = func(s string) string { kept = s; return s }
		for range 3 {
			w.random.n = 0
			w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
		}
		nonces := map[string]bool{}
		for _, r := range w.server.requests {
			nonces[r.Nonce] = true
		}
		if len(nonces) != 4 {
			t.Fatalf("%d nonces in 4 requests", len(nonces))
		}
		w.random.n = 0
		w.server.twist = func(string) string { return kept }
		w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeLeaseOtherRequest)
	})
	// It says that it has saved, and has not. The server knows better, and its count stands.
	t.Run("saves", func(t *testing.T) {
		w := started(t, nil)
		first := w.disk
		w.expect(w.consume(8), license.CodeOK)
		w.expect(w.call(abi.Event{Type: abi.EventSync}), license.CodeOK)
		w.crash()
		w.disk = first
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		if s := w.status(); s.Generation != 2 || s.Counters.Counted != 8 || s.Pending != 0 {
			t.Fatalf("generation %d, %d counted, %d pending", s.Generation, s.Counters.Counted, s.Pending)
		}
	})
	// The stored state is rewritten, MAC and all. What the vendor signed cannot be; and what was prepaid is spent, whatever the count says.
	t.Run("state", func(t *testing.T) {
		w := newWorld(t)
		w.server.settings.Prepaid = 10
		w.server.forge = func(l *lease.Lease) { l.Counters.Granted = l.Counters.Counted + 10 }
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		w.pass(2 * second)
		genuine := w.disk
		w.offline = true
		w.crash()
		w.disk = resealed(t, genuine, func(_, chain map[string]any) { chain["counted"] = -1000 })
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		w.expect(w.consume(1), license.CodePrepaidExhausted)
		w.crash()
		w.disk = resealed(t, genuine, func(_, chain map[string]any) {
			chain["lease"] = strings.Replace(chain["lease"].(string), `"allowance":100`, `"allowance":999`, 1)
		})
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeUnreachable) // begins anew, and has nothing
		if !w.heard(license.CodeStateInvalid) {
			t.Fatal("a lease that was changed is taken")
		}
	})
}
