package client_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// A session is a sequence of events encoded as bytes: each byte is an event, and some use the bytes after it. The driver keeps its own,
// simpler account of what may happen and compares the client with it after each event.
type session struct {
	t      testing.TB
	script []byte

	server  *server
	cfg     abi.Config
	random  *stream
	m       *client.Module // or, without JSON:
	c       *client.Client
	handle  int32
	real    lease.Time // the server's clock, and the product's
	now     lease.Time
	mono    int64
	wake    int64
	files   [][]byte
	lend    bool            // slots outlast the lease
	list    []byte          // the product's newest statement, which goes with the answers
	relay   bool            // a relay answers
	genuine map[string]bool // lease texts that were signed and may be believed
	texts   []string        // all that were signed: what an eavesdropper has

	disk    string       // confirmed
	states  []string     // that are on the disk, or might be
	saves   []abi.Effect // on their way
	sends   []abi.Effect
	exports []string // requests that were carried away

	calls    int64
	open     map[int64]abi.Event // calls that are not answered
	asked    map[license.ID]string
	answered map[license.ID]bool // asked may be given up
	saved    map[license.ID]string
	again    map[license.ID]bool // the request that is saved has failed once: what answers it may be old
	before   map[license.ID]abi.LicenseStatus
	inTime   map[license.ID]bool // the exchange began in time
	distrust bool                // a key was compromised, or retired: what it signed is on some disk
	plain    bool                // nothing happened that lets a call be had twice
	granted  int64               // calls that the program was told are good

	heard []moment // signed times that may have been believed, with both clocks at their arrival
	seen  int64    // the latest mono that the client was told
}

var (
	licenses = []license.ID{licenseID, "5edb1264cc150913cb7640f9"}
	steps    = []int64{0, 1, second, 2 * second, 61 * second, 10 * minute, 70 * minute, 3 * hour, 40 * 24 * hour}
	jumps    = []int64{-40 * 24 * hour, -hour, -6 * minute, -second, second, 6 * minute, hour, 40 * 24 * hour}
	counts   = []int64{1, 2, 7, 40, 99, 101, 1_000_000_000, 0, -1}
	wants    = []lease.Slot{{Entitlement: "rendering", Context: "ui"}, {Entitlement: "rendering", Context: "automation"},
		{Entitlement: "solid_modeling", Context: "ui"}, {Entitlement: "teleport", Context: "ui"}, {Entitlement: "a b", Context: "ui"}}
	refusing = []license.Code{
		license.CodeSuspended, license.CodeRateLimited, license.CodeRequestMalformed, license.CodeDeactivated, license.CodeRevoked,
		license.CodeFrozen,
		"a_code_of_tomorrow", license.CodeProtocolUnsupported, license.CodeServerRolledBack,
	}
	relayKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
)

type moment struct {
	signed, wall lease.Time
	mono         int64
}

// vendor is the product's keys as they went: with a second lease key, and with the first one compromised.
var vendor = sync.OnceValue(func() []*pgp.SecretKeyring {
	t := new(testing.F)
	first := keyring(t, "Acme CAD")
	second, err := first.AddKey(license.UseLease, &stream{seed: "second"}, begin.Std().Add(-1800e9))
	if err != nil {
		panic(err)
	}
	third, err := second.Revoke(second.Public().Keys(begin.Std())[2].Fingerprint, pgp.ReasonCompromised, begin.Std().Add(-600e9))
	if err != nil {
		panic(err)
	}
	return []*pgp.SecretKeyring{first, second, third}
})

var parsed = map[string]license.Keyring{} // certificates are parsed once for all sessions

func parseOnce(b []byte) (license.Keyring, error) {
	if k := parsed[string(b)]; k != nil {
		return k, nil
	}
	k, err := parse(b)
	if err == nil && len(parsed) < 1000 {
		parsed[string(b)] = k
	}
	return k, err
}

func (s *session) next() byte {
	if len(s.script) == 0 {
		return 0
	}
	b := s.script[0]
	s.script = s.script[1:]
	return b
}

func pick[T any](s *session, list []T) T { return list[int(s.next())%len(list)] }

func newSession(t testing.TB, script []byte) *session {
	s := &session{
		t: t, script: script, real: begin, now: begin, mono: 5_000, random: &stream{seed: "session"}, open: map[int64]abi.Event{}, plain: true,
		genuine: map[string]bool{},
	}
	s.server = &server{
		t: t, secret: vendor()[0], allowance: 100, epoch: 7, heads: map[lease.Hash]*head{}, now: func() lease.Time { return s.real },
		slots: map[string]int{"rendering": 1, "solid_modeling": 4},
		settings: lease.Settings{
			Type: lease.Calls, Trigger: lease.Interval, Interval: 10 * minute, MaxRetries: 2, Grace: hour, ClockTolerance: 5 * minute,
			JournalEvery: 100,
		},
	}
	s.settings(s.next())
	kind := s.next()
	s.cfg = abi.Config{
		ServerURL: "https://licenses.example.com/api/v1#" +
			s.server.secret.Public().Root(), ProductID: productID, VersionID: versionID, LicenseID: licenseID,
	}
	if kind&1 != 0 {
		s.cfg.Keyring = armored(t, s.server.secret.Public())
	}
	if kind&2 != 0 && s.cfg.Keyring != "" {
		s.cfg.LicenseID = ""
	}
	if kind&4 != 0 {
		s.cfg.ServerURL = "http://127.0.0.1:4000/api/v1"
	}
	if kind&8 != 0 {
		s.cfg.Fingerprint, s.cfg.Program = []abi.FingerprintPart{{Name: "disk", Value: "1"}}, "1.2"
	}
	for i, id := range licenses {
		c := claims(id, "ui", "rendering", "solid_modeling")
		if i == 1 {
			c.Contexts = append(c.Contexts, "automation")
		}
		file, err := license.Seal(c, s.server.secret, begin.Std())
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, file)
	}
	s.begin("")
	if kind&16 == 0 { // most stories begin in the same way
		s.call(abi.Event{Type: abi.EventStart})
		if s.cfg.LicenseID == "" {
			s.call(abi.Event{Type: abi.EventFiles, Files: []abi.File{{Name: "a", Data: s.files[0]}, {Name: "b", Data: s.files[1]}}})
		}
		s.settle(8)
	}
	return s
}

func (s *session) settings(b byte) {
	o := &s.server.settings
	if b&1 != 0 {
		o.Trigger = lease.EveryCall
	}
	if b&2 != 0 {
		o.MaxRetries, o.Grace = 0, 0
	}
	if b&4 != 0 {
		o.ActivationDelay = 30 * second
	}
	if b&8 != 0 {
		o.Prepaid, s.plain = 10, false
	}
	if b&16 != 0 {
		o.Type, s.plain = lease.Timed, false
		s.server.expires = begin + 2*hour
	}
	if b&32 != 0 {
		o.Statistics = true
	}
	if b&64 != 0 {
		o.JournalEvery, o.Interval = 0, 0
	}
}

// begin starts the process with a state.
func (s *session) begin(state string) {
	s.disk, s.saves, s.sends, s.wake, s.heard, s.mono = state, nil, nil, 0, nil, 5_000
	s.seen = 0
	s.open, s.asked, s.answered = map[int64]abi.Event{}, map[license.ID]string{}, map[license.ID]bool{}
	s.saved, s.again = map[license.ID]string{}, map[license.ID]bool{}
	s.before, s.inTime = map[license.ID]abi.LicenseStatus{}, map[license.ID]bool{}
	for _, c := range chainsOf(state) {
		s.asked[c.License], s.saved[c.License], s.again[c.License] = c.Request, c.Request, true
	}
	c, err := client.New(s.cfg, state, s.random.bytes(32), parseOnce)
	if err != nil {
		s.t.Fatalf("a state of its own is refused: %v", err)
	}
	s.c = c
	counted := map[license.ID]int64{}
	for _, c := range chainsOf(state) {
		counted[c.License] = c.Counted
	}
	for _, l := range s.status() {
		if l.Counters.Counted+l.Pending < counted[l.License] && !s.distrust {
			s.t.Fatalf("%d calls were saved, %d are there", counted[l.License], l.Counters.Counted+l.Pending)
		}
	}
}

type savedChain struct {
	License        license.ID
	Counted        int64
	Request, Lease string
}

// chainsOf parses the parts of a state that the driver needs.
func chainsOf(state string) []savedChain {
	var s struct{ Chains []savedChain }
	line, _, _ := strings.Cut(state, "\n")
	_ = json.Unmarshal([]byte(line), &s)
	return s.Chains
}

func (s *session) do(c abi.Call) abi.Reply {
	s.t.Helper()
	in, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	var r abi.Reply
	if err := json.Unmarshal(s.m.Call(in), &r); err != nil {
		s.t.Fatal(err)
	}
	if r.Error != nil && r.Error.Code == license.CodeInternal {
		s.t.Fatalf("trapped: %s\n%.300s", r.Error.Detail, in)
	}
	return r
}

func (s *session) status() []abi.LicenseStatus {
	if s.c != nil {
		return s.c.Status().Licenses
	}
	return s.do(abi.Call{Op: abi.OpStatus, Handle: s.handle}).Status.Licenses
}

// clock is the time as it was last signed, carried on by the larger of the two local steps; without one, the wall's. Where the client may
// have believed a time or not, it is the earlier.
func (s *session) clock() lease.Time {
	if len(s.heard) == 0 {
		return s.now
	}
	now := lease.Time(lease.MaxCount)
	for _, m := range s.heard {
		if m == (moment{}) {
			now = min(now, s.now)
		} else {
			now = min(now, m.signed+max(s.now-m.wall, lease.Time(s.seen-m.mono)))
		}
	}
	return now
}

func (s *session) call(e abi.Event) {
	s.calls++
	e.Call = s.calls
	s.open[e.Call] = e
	s.step(e, "")
}

// step feeds one event. body is the text that the event brings, if the driver must evaluate it.
func (s *session) step(e abi.Event, body string) {
	s.t.Helper()
	e.Now, e.Mono, e.Random = s.now, s.mono, s.random.bytes(16)
	s.seen = s.mono
	was := map[int64]abi.Event{}
	for k, v := range s.open {
		was[k] = v
	}
	heard, pending := s.hears(body), maps.Clone(s.saved)
	effects, err := s.c.Step(e)
	if err != nil {
		s.t.Fatalf("%s: %v", e.Type, err)
	}
	for _, f := range effects {
		s.effect(f, heard)
	}
	s.check(e, heard, was, pending)
}

// heard is the driver's own evaluation of a reply.
type heard struct {
	text   string
	fresh  bool // made for a request that was just sent
	at     moment
	lease  *lease.Lease
	gives  map[license.ID]bool // a request may be given up
	frees  bool                // counts of requests may be given up: a refusal
	ousted bool
}

func (s *session) hears(body string) heard {
	h := heard{gives: map[license.ID]bool{}}
	if body == "" {
		return h
	}
	lines := strings.SplitAfterN(strings.ReplaceAll(body, "\r\n", "\n"), "\n", 3)
	if len(lines) < 2 || !s.genuine[lines[0]+lines[1]] {
		return h
	}
	var d struct {
		Type    string
		License license.ID
		Request lease.Hash
		Code    license.Code
		Time    lease.Time
	}
	if json.Unmarshal([]byte(lines[0]), &d) != nil {
		s.t.Fatal("a genuine text that does not parse")
	}
	for id, asked := range s.asked {
		if asked == "" || lease.RequestHash([]byte(asked)) != d.Request {
			continue
		}
		class := d.Code.Verdict().Class
		if d.Type == lease.TypeLease {
			h.lease = new(lease.Lease)
			_ = json.Unmarshal([]byte(lines[0]), h.lease)
			h.gives[id] = true
		} else {
			h.frees = class == license.ClassRequest || d.Code == license.CodeStaleState || d.Code == license.CodeDeactivated
			h.ousted = d.Code == license.CodeDeactivated
			h.gives[id] = h.frees
		}
		h.text, h.at, h.fresh = lines[0]+lines[1], moment{d.Time, s.now, s.mono}, !s.again[id]
	}
	return h
}

func (s *session) effect(f abi.Effect, h heard) {
	switch f.Type {
	case abi.EffectNotify:
		if f.Call == 0 {
			if f.Verdict.Code == license.CodeStateInvalid && !s.distrust {
				s.t.Fatalf("a state of its own: %+v", *f.Verdict)
			}
			return
		}
		e, ok := s.open[f.Call]
		if !ok {
			s.t.Fatalf("call %d is answered twice, or was never made", f.Call)
		}
		delete(s.open, f.Call)
		if f.Verdict.OK && e.Type == abi.EventConsume {
			s.granted += e.N
		}
		if f.Verdict.OK && e.Type == abi.EventExport {
			if !s.onDisk(f.Body) {
				s.t.Fatal("a request is exported that is not on the disk")
			}
			s.leaves(f.Body)
			s.exports = append(s.exports, f.Body)
		}
	case abi.EffectWake:
		s.wake = 0
		if f.In >= 0 {
			s.wake = s.mono + f.In
		}
		if f.In == 0 {
			s.t.Fatal("a timer that is due at once")
		}
	case abi.EffectSave:
		s.saves = append(s.saves, f)
		if len(s.states) < 200 {
			s.states = append(s.states, f.State)
		}
		for _, c := range chainsOf(f.State) {
			if s.saved[c.License] != c.Request {
				s.saved[c.License], s.again[c.License] = c.Request, false
			}
			if was := s.asked[c.License]; was != c.Request && h.gives[c.License] {
				s.asked[c.License] = "" // it was given up, or answered
			}
		}
	case abi.EffectSend:
		if !s.onDisk(f.Body) {
			s.t.Fatal("a request is sent that is not on the disk")
		}
		s.leaves(f.Body)
		s.sends = append(s.sends, f)
	default:
		s.t.Fatalf("effect %q", f.Type)
	}
}

func (s *session) onDisk(request string) bool {
	for _, c := range chainsOf(s.disk) {
		if c.Request == request {
			return true
		}
	}
	return false
}

// leaves checks a request that leaves the machine: it must be the same as before, unless that was given up.
func (s *session) leaves(request string) {
	r, _, err := lease.OpenRequest([]byte(request))
	if err != nil {
		s.t.Fatalf("the client sent a request that does not open: %v", err)
	}
	if was := s.asked[r.License]; was != "" && was != request && !s.answered[r.License] {
		s.t.Fatalf("other bytes, and nothing has answered the first:\n%.300s%.300s", was, request)
	}
	s.asked[r.License], s.answered[r.License] = request, false
}

// check compares the client with the driver's account.
func (s *session) check(e abi.Event, h heard, was map[int64]abi.Event, pending map[license.ID]string) {
	s.t.Helper()
	if e.Type == abi.EventReply || e.Type == abi.EventFailed || e.Type == abi.EventSaveFailed {
		for id, request := range s.saved {
			s.again[id] = s.again[id] || request == pending[id]
		}
	}
	if e.Type == abi.EventReply || e.Type == abi.EventFailed || e.Type == abi.EventSaveFailed {
		for id, request := range s.saved {
			s.again[id] = s.again[id] || request == pending[id]
		}
	}
	for id := range h.gives {
		s.answered[id] = s.answered[id] || h.gives[id]
	}
	if h.text != "" {
		sure := e.Type == abi.EventReply && h.fresh &&
			slices.ContainsFunc(s.status(), func(l abi.LicenseStatus) bool { return l.Receipt == h.text && s.before[l.License].Receipt != h.text })
		if sure && !slices.ContainsFunc(s.heard, func(m moment) bool { return m.signed >= h.at.signed }) {
			s.heard = nil
		} else if len(s.heard) == 0 {
			s.heard = []moment{{}}
		}
		s.heard = append(s.heard, h.at)
	}
	now := s.clock()
	for _, l := range s.status() {
		old, known := s.before[l.License]
		if l.Receipt != "" && !s.genuine[l.Receipt] {
			s.t.Fatalf("a lease is believed that nobody gave: %.300s", l.Receipt)
		}
		if l.Pending < 0 {
			s.t.Fatalf("%d calls are pending", l.Pending)
		}
		busy := l.State == "saving" || l.State == "sending"
		if l.State == "saving" && old.State != "saving" {
			s.inTime[l.License] = old.Receipt != "" && now <= old.NotAfter+2*second || l.Receipt != "" && now <= l.NotAfter+2*second
		}
		if l.Verdict.OK && l.Receipt == "" {
			s.t.Fatalf("%s without a lease", l.Verdict.Code)
		}
		if l.Verdict.OK && now > l.NotAfter && !(busy && s.inTime[l.License]) {
			s.t.Fatalf("%s at %d after %s, the lease ended at %d (%s)", l.Verdict.Code, now, e.Type, l.NotAfter, l.State)
		}
		if known {
			less := old.Counters.Counted + old.Pending - l.Counters.Counted - l.Pending
			if h.frees && !h.ousted { // what the request carried and nobody counted
				for _, c := range was {
					if c.Type == abi.EventConsume {
						less -= c.N
					}
				}
			}
			if less > 0 && h.lease == nil && !h.ousted {
				s.t.Fatalf("%d calls fewer after %s", less, e.Type)
			}
			if old.Activation == l.Activation && (l.Generation < old.Generation || l.Generation == old.Generation && l.Number < old.Number) {
				s.t.Fatalf("back from %d.%d to %d.%d", old.Generation, old.Number, l.Generation, l.Number)
			}
			if h.lease == nil && l.Receipt != old.Receipt && l.Receipt != "" {
				s.t.Fatalf("a new lease without an answer, after %s", e.Type)
			}
		}
		s.before[l.License] = l
	}
	if s.plain && s.granted > s.server.allowance {
		s.t.Fatalf("%d calls of %d", s.granted, s.server.allowance)
	}
}

// hot calls consume without JSON.
func (s *session) hot(n int64) {
	switch answer := s.c.Consume(n, s.now); answer {
	case abi.ConsumeCounted, abi.ConsumePoll:
		s.granted += n
		good := false
		for _, l := range s.status() {
			busy := l.State == "saving" || l.State == "sending"
			good = good || l.Verdict.OK && (s.clock() <= l.NotAfter || busy && s.inTime[l.License])
			s.before[l.License] = l
		}
		if !good {
			s.t.Fatal("a call is counted on no good lease")
		}
	case abi.ConsumeNotCounted:
	default:
		s.t.Fatalf("consume answers %d", answer)
	}
}

// serve answers a request as the server, or a relay, does at this moment.
func (s *session) serve(request string) (int, string) {
	s.server.forge = func(l *lease.Lease) {
		if l.Settings.Prepaid > 0 {
			l.Counters.Granted = min(l.Counters.Counted+l.Settings.Prepaid, s.server.allowance)
		}
		if s.list != nil {
			var list lease.Statement
			_ = json.Unmarshal(bytes.Split(s.list, []byte("\n"))[0], &list)
			l.List = &lease.StatementRef{Number: list.Number, Hash: lease.HashOf(s.list)}
		}
		seen := map[string]bool{} // a server gives one slot of an entitlement
		l.Reservations = slices.DeleteFunc(slices.Clone(l.Reservations), func(r lease.Reservation) bool {
			was := seen[r.Entitlement]
			seen[r.Entitlement] = true
			return was
		})
		for i := range l.Reservations {
			if s.lend {
				l.Reservations[i].Until += lease.Time(24 * hour)
			}
		}
	}
	status, answer := s.server.answer(request)
	text, beside, err := lease.SplitAttachments([]byte(answer))
	if err != nil || status == 503 {
		return status, answer
	}
	document := lease.Document(bytes.Split(text, []byte("\n"))[0])
	if at := lease.ClaimedTime(text); !s.relay && at < s.real { // the stored lease again, signed as of its own time
		if text, err = document.Sign(s.server.secret, at.Std()); err != nil {
			s.t.Fatal(err)
		}
	}
	believable := true
	if s.relay {
		d := lease.Delegation{
			Product: productID, License: licenseID, Key: hex.EncodeToString(relayKey.Public().(ed25519.PublicKey)), Number: s.server.epoch,
			Epoch: s.server.epoch, Time: s.real, Allowance: 100, Entitlements: []lease.Pool{{Entitlement: "rendering", Slots: 1}},
			NotAfter: begin + lease.Time(20*24*hour),
		}
		text = document.SignByRelay(relayKey)
		if beside.Delegation, err = lease.SignDelegation(d, s.server.secret, s.real.Std()); err != nil {
			s.t.Fatal(err)
		}
		var l lease.Lease
		_ = json.Unmarshal(document, &l)
		believable = l.License == licenseID && l.NotAfter <= d.NotAfter && l.Time <= d.NotAfter &&
			(!l.Settings.Type.LimitsCalls() || l.Counters.Allowance <= 100)
		for _, r := range l.Reservations {
			believable = believable && r.Entitlement == "rendering" && r.Until <= d.NotAfter
		}
		believable = believable || l.Type == lease.TypeRefusal && l.Time <= d.NotAfter
	}
	if believable {
		s.genuine[string(text)] = true
	}
	if s.list != nil {
		beside.List = s.list
	}
	whole := string(beside.Append(text))
	s.texts = append(s.texts, whole)
	return status, whole
}

// garble damages a text in one way or another.
func (s *session) garble(text string) string {
	b := []byte(text)
	lines := strings.SplitAfter(text, "\n")
	switch at := int(s.next())<<8 | int(s.next()); s.next() % 7 {
	case 0:
		if len(b) > 0 {
			b[at%len(b)] ^= 1 << (at % 7)
		}
	case 1:
		return text[:at%(len(text)+1)]
	case 2:
		return strings.Join(append(lines[:at%len(lines):at%len(lines)], lines[min(at%len(lines)+1, len(lines)):]...), "")
	case 3:
		return text + lines[at%len(lines)]
	case 4:
		return strings.ReplaceAll(text, "\n", "\r\n")
	case 5: // the lines of two answers
		if len(s.texts) > 0 {
			other := strings.SplitAfter(s.texts[at%len(s.texts)], "\n")
			for i := range lines {
				if at>>(8+i)&1 != 0 && i < len(other) {
					lines[i] = other[i]
				}
			}
			return strings.Join(lines, "")
		}
	case 6:
		for _, number := range []string{`"used":`, `"counted":`, `"allowance":`, `"not_after":`} {
			text = strings.Replace(text, number, number+"9", at%2)
		}
		return text
	}
	return string(b)
}

func (s *session) reply(f abi.Effect, status int, body string) {
	s.step(abi.Event{Type: abi.EventReply, ID: f.ID, Status: status, Body: body}, body)
}

func (s *session) confirm(ok bool) {
	if len(s.saves) == 0 {
		return
	}
	f := s.saves[0]
	s.saves = s.saves[1:]
	if !ok {
		s.step(abi.Event{Type: abi.EventSaveFailed, ID: f.ID, Detail: "full"}, "")
		return
	}
	s.disk = f.State
	s.step(abi.Event{Type: abi.EventSaved, ID: f.ID}, "")
}

func (s *session) send() (abi.Effect, bool) {
	if len(s.sends) == 0 {
		return abi.Effect{}, false
	}
	f := s.sends[0]
	s.sends = s.sends[1:]
	return f, true
}

// settle lets a while pass without faults.
func (s *session) settle(rounds int) {
	for range rounds {
		switch {
		case len(s.saves) > 0:
			s.confirm(true)
		case len(s.sends) > 0:
			f, _ := s.send()
			status, body := s.serve(f.Body)
			s.reply(f, status, body)
		default:
			return
		}
	}
}

func (s *session) pass(ms int64) {
	end := s.mono + ms
	for range 6 {
		if s.wake == 0 || s.wake > end {
			break
		}
		late := max(s.wake-s.mono, 0)
		s.real, s.now, s.mono, s.wake = s.real+lease.Time(late), s.now+lease.Time(late), s.mono+late, 0
		s.step(abi.Event{Type: abi.EventTimer}, "")
	}
	if end > s.mono {
		s.real += lease.Time(end - s.mono)
		s.now += lease.Time(end - s.mono)
		s.mono = end
	}
}

// event reads the next event and executes it.
func (s *session) event() {
	switch s.next() % 32 {
	case 0:
		s.pass(pick(s, steps))
	case 1:
		s.now = max(begin-lease.Time(50*24*hour), min(s.now+lease.Time(pick(s, jumps)), begin+lease.Time(400*24*hour)))
	case 2:
		d := pick(s, steps)
		s.mono += d
		s.real += lease.Time(d)
	case 3:
		s.confirm(true)
	case 4:
		s.confirm(false)
	case 5:
		if f, ok := s.send(); ok {
			status, body := s.serve(f.Body)
			s.reply(f, status, body)
		}
	case 6: // the request is lost
		if f, ok := s.send(); ok {
			s.step(abi.Event{Type: abi.EventFailed, ID: f.ID, Detail: "timeout"}, "")
		}
	case 7: // the reply is
		if f, ok := s.send(); ok {
			s.serve(f.Body)
			s.step(abi.Event{Type: abi.EventFailed, ID: f.ID, Detail: "timeout"}, "")
		}
	case 8:
		if f, ok := s.send(); ok {
			status, body := s.serve(f.Body)
			s.reply(f, status, s.garble(body))
		}
	case 9: // another's
		if len(s.texts) == 0 {
			break
		}
		if f, ok := s.send(); ok {
			s.reply(f, 200, pick(s, s.texts))
		}
	case 10:
		if f, ok := s.send(); ok {
			s.step(abi.Event{Type: abi.EventReply, ID: f.ID, Status: 429, RetryAfter: pick(s, steps), Body: "later"}, "")
		}
	case 11: // a reply that nobody waits for
		s.step(abi.Event{Type: abi.EventReply, ID: int64(s.next()), Status: 200, Body: "{}"}, "")
	case 12, 13:
		s.call(abi.Event{Type: abi.EventConsume, N: pick(s, counts)})
	case 14:
		s.hot(pick(s, counts))
	case 15:
		slot := pick(s, wants)
		s.call(abi.Event{Type: abi.EventReserve, Context: slot.Context, Entitlement: slot.Entitlement, Borrow: pick(s, steps)})
	case 16:
		slot := pick(s, wants)
		s.call(abi.Event{Type: abi.EventRelease, Context: slot.Context, Entitlement: slot.Entitlement})
	case 17:
		slot := pick(s, wants)
		s.call(abi.Event{Type: abi.EventCheck, Context: slot.Context, Entitlement: slot.Entitlement})
	case 18:
		s.call(abi.Event{Type: abi.EventSync})
	case 19:
		s.plain = false
		s.call(abi.Event{Type: abi.EventDeactivate})
	case 20:
		s.call(abi.Event{Type: abi.EventShutdown})
	case 21:
		s.call(abi.Event{Type: abi.EventStart})
	case 22:
		n := int64(s.next())
		s.call(abi.Event{Type: abi.EventStatistics,
			Numbers: []lease.NamedNumber{{Name: "opened", Value: n}, {Name: string(rune('a' + n)), Value: -n}}})
	case 23:
		s.call(abi.Event{Type: abi.EventExport})
	case 24:
		s.carry()
	case 25: // a crash, and any state that there was
		s.plain = false
		state := s.disk
		if s.next()%8 == 7 && s.cfg.LicenseID != "" { // the customer has another license
			s.cfg.LicenseID = licenses[(1+len(s.states))%2]
		}
		if at := int(s.next()); at > 0 && len(s.states) > 0 {
			state = s.states[len(s.states)-1-(at-1)%len(s.states)]
		}
		s.begin(state)
	case 26:
		s.serverDoes()
	case 27:
		s.load()
	case 28, 29:
		s.settle(int(s.next())%12 + 1)
	case 30:
		s.step(abi.Event{Type: abi.EventPoll}, "")
	case 31:
		s.step(abi.Event{Type: []string{abi.EventSaved, abi.EventSaveFailed, abi.EventFailed}[s.next()%3], ID: -int64(s.next())}, "")
	}
}

// carry imports something.
func (s *session) carry() {
	body := "x"
	switch kind := s.next() % 4; {
	case kind < 2 && len(s.exports) > 0:
		_, body = s.serve(pick(s, s.exports))
		if kind == 1 {
			body = s.garble(body)
		}
	case kind == 2 && len(s.texts) > 0:
		body = pick(s, s.texts)
	case kind == 3 && len(s.sends) > 0: // by both ways
		_, body = s.serve(s.sends[0].Body)
	}
	s.calls++
	s.open[s.calls] = abi.Event{Type: abi.EventImport}
	s.step(abi.Event{Type: abi.EventImport, Call: s.calls, Body: body}, body)
}

func (s *session) serverDoes() {
	switch what := s.next(); what % 12 {
	case 0:
		s.server.refusal = ""
	case 1, 2:
		s.server.refusal = pick(s, refusing)
		s.plain = s.plain && s.server.refusal != license.CodeDeactivated
	case 3:
		s.server.status = 503 - s.server.status
	case 4:
		s.server.allowance += 10
	case 5:
		s.settings(s.next())
	case 6:
		s.server.epoch += int64(what>>7)*2 - 1
	case 7:
		s.server.slots["rendering"] = int(what >> 6)
	case 8: // keys come and go
		s.server.secret = pick(s, vendor())
		s.distrust = s.distrust || s.server.secret == vendor()[2]
	case 9:
		s.lend = !s.lend
	case 10:
		s.relay, s.plain = !s.relay, false
	case 11:
		list := lease.Statement{Product: productID, Number: int64(what >> 5), Time: s.real, MaxAge: 24 * hour}
		if what&128 != 0 {
			list.Licenses = licenses[1:]
		}
		if what&64 != 0 {
			list.Keys = []lease.KeyStatement{{Key: vendor()[0].Public().Keys(begin.Std())[2].Fingerprint, Status: lease.Compromised}}
			s.distrust = true
		}
		var err error
		if s.list, err = lease.SignStatement(list, s.server.secret, s.real.Std()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// load loads license files, some of them damaged.
func (s *session) load() {
	var files []abi.File
	for n := s.next() % 4; n > 0; n-- {
		f := abi.File{Name: "f", Data: pick(s, s.files)}
		switch s.next() % 4 {
		case 1:
			f.Data = []byte(s.garble(string(f.Data)))
		case 2:
			f.Data = s.list
		case 3:
			f.Error = "denied"
		}
		files = append(files, f)
	}
	s.call(abi.Event{Type: abi.EventFiles, Files: files})
}

// end lets time pass without faults until nothing changes any more: then every call must be answered.
func (s *session) end() {
	s.server.refusal, s.server.status = "", 0
	for range 6 {
		if s.settle(40); len(s.open) == 0 {
			return
		}
		s.pass(hour)
	}
	s.settle(40)
	for number, e := range s.open {
		s.t.Fatalf("call %d, %s, is never answered: %.300v", number, e.Type, s.status())
	}
}

// FuzzSession checks for any order of events: each call is answered once, no request is sent that is not on the disk, the same bytes are
// sent until they are answered, no count is lost, and nothing is granted after the end of a lease or without one.
//
// proves part of N02 N03 C14 C18
func FuzzSession(f *testing.F) {
	for _, script := range []string{
		"",
		"\x00\x00\x0c\x02\x00\x05\x1c\x0c",
		"\x01\x00\x0c\x00\x1c\x0b\x0c\x01\x03\x08\x00\x07\x00\x00\x00\x03\x1c\x0b", // every call, a garbled reply
		"\x00\x00\x0c\x02\x12\x03\x07\x19\x00\x00\x15\x1c\x0b\x0c\x03",             // a lost reply, a crash
		"\x00\x00\x0f\x00\x00\x1c\x0b\x11\x00\x10\x00\x1c\x0b",                     // reserve, check, release
		"\x00\x00\x1a\x09\x0f\x00\x06\x1c\x0b\x00\x07\x11\x00\x00\x08\x11\x00",     // borrowed
		"\x00\x00\x17\x03\x18\x00\x00\x1c\x0b\x12\x05\x17\x18\x00\x00",             // by hand
		"\x00\x00\x0c\x03\x12\x03\x04\x19\x00\x02\x15\x1c\x0b\x00\x05\x1c\x0b",     // an older state
		"\x00\x00\x13\x1c\x0b\x15\x1c\x0b\x12\x1c\x0b",                             // goodbye, and back
		// suspended, reinstated, deactivated
		"\x00\x00\x1a\x01\x00\x12\x1c\x0b\x1a\x00\x12\x1c\x0b\x1a\x01\x03\x12\x1c\x0b\x19\x00\x00\x15\x1c\x0b",
		"\x00\x03\x0f\x00\x00\x1c\x0b\x0f\x01\x00\x1c\x0b\x14\x1c\x0b",                                 // licenses as files
		"\x08\x08\x0e\x02\x0e\x00\x1e\x1c\x0b\x16\x05\x00\x05\x1c\x0b",                                 // prepaid, statistics
		"\x10\x00\x00\x06\x01\x00\x02\x07\x1c\x0b\x0c\x00\x01\x06\x0c\x00",                             // time
		"\x00\x00\x1a\x0a\x12\x1c\x0b\x1a\x0a\x12\x1c\x0b\x1a\x0b\x12\x1c\x0b\x1a\x08\x01\x12\x1c\x0b", // relay, list, another key
		"\x00\x04\x1a\x08\x02\x12\x1c\x0b\x19\x00\x00\x15\x1c\x0b\x1a\x03\x00\x06",                     // unpinned, a compromised key
		"\x06\x10\x15\x03\x05\x03\x0c\x00\x00\x06\x12\x04\x00\x05\x1d\x05",
	} {
		f.Add([]byte(script))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		s := newSession(noTrace{t}, script)
		for n := 0; len(s.script) > 0 && n < 150; n++ {
			s.event()
		}
		s.end()
	})
}
