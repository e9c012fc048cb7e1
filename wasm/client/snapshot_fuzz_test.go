package client_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// disks returns states that sessions left behind, each with its session.
func disks(f *testing.F) (list []*session) {
	f.Helper()
	for _, script := range []string{
		"\x00\x00\x0c\x02\x00\x05\x1c\x0b", "\x00\x10", "\x01\x08\x0c\x02\x03", "\x00\x02\x0f\x00\x00\x1c\x0b",
		"\x08\x00\x0e\x02\x00\x02\x1c\x0b",
		"\x00\x03\x0f\x00\x00\x1c\x0b\x12\x03", "\x00\x01\x1a\x0a\x12\x1c\x0b\x12\x03\x06", "\x00\x00\x1a\x2b\x12\x1c\x0b",
		"\x10\x04\x12\x1c\x0b", "\x00\x00\x1a\x01\x02\x12\x1c\x0b\x12",
	} {
		s := newSession(noTrace{f}, []byte(script))
		for len(s.script) > 0 {
			s.event()
		}
		s.confirm(true)
		list = append(list, s)
	}
	return list
}

// sealed returns a state with a valid second line, as spec/lease.md defines it; anybody who has the state has its secret.
func sealed(body []byte) string {
	var s struct{ Secret []byte }
	_ = json.Unmarshal(body, &s)
	key := hmac.New(sha256.New, s.Secret)
	key.Write([]byte("onelicense/snapshot"))
	mac := hmac.New(sha256.New, key.Sum(nil))
	mac.Write(body)
	return string(body) + "\n" + hex.EncodeToString(mac.Sum(nil)) + "\n"
}

// place is a position in a JSON value that can be written to.
type place struct {
	value  any
	write  func(any)
	delete func()
	twice  func()
}

func places(v any, write func(any), list []place) []place {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			list = append(list, place{v[key], func(x any) { v[key] = x }, func() { delete(v, key) }, func() {}})
			list = places(v[key], func(x any) { v[key] = x }, list)
		}
	case []any:
		for i := range v {
			list = append(list, place{
				v[i], func(x any) { v[i] = x }, func() { write(slices.Delete(slices.Clone(v), i, i+1)) }, func() {
					write(append(slices.Clone(v),
						v[i]))
				},
			})
			list = places(v[i], func(x any) { v[i] = x }, list)
		}
	}
	return list
}

func generic(body string) (v any) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}

// rewritten changes a state's body as the script says: four bytes for each change.
func rewritten(body string, script []byte, others []*session) []byte {
	v := generic(body)
	for len(script) >= 4 && len(script) < 64 {
		op, at, from, n := script[0], int(script[1]), int(script[2]), script[3]
		script = script[4:]
		all := places(v, func(x any) { v = x }, nil)
		if len(all) == 0 {
			break
		}
		p := all[at%len(all)]
		switch op % 8 {
		case 0:
			p.delete()
		case 1:
			p.twice()
		case 2:
			p.write(json.Number([]string{"-1", "0", "1", "9007199254740991", "9007199254740992", "9223372036854775807", "-9223372036854775808",
				"1800000000000"}[n%8]))
		case 3:
			p.write(nil)
		case 4: // from elsewhere in it
			b, _ := json.Marshal(all[from%len(all)].value) // a copy: it may hold the place
			p.write(generic(string(b)))
		case 5: // from another state
			line, _, _ := strings.Cut(others[int(n)%len(others)].disk, "\n")
			if foreign := places(generic(line), nil, nil); len(foreign) > 0 {
				p.write(foreign[from%len(foreign)].value)
			}
		case 6:
			if number, ok := p.value.(json.Number); ok {
				old, _ := number.Int64()
				p.write(old + int64(int8(n)))
			}
		case 7:
			if s, ok := p.value.(string); ok && s != "" {
				b := []byte(s)
				b[from%len(b)] ^= 1 << (n % 8)
				p.write(string(b))
			}
		}
	}
	b, _ := json.Marshal(v)
	return b
}

// FuzzSnapshot checks that a state which was written by hand, with a valid MAC, grants no more than the leases in it: unsigned data
// counts for nothing, no used call becomes available again, and the state that is saved next can be read.
//
// proves part of C18
func FuzzSnapshot(f *testing.F) {
	all := disks(f)
	f.Add(uint8(0), []byte{}, []byte(`{"version":1}`))
	for i := range all {
		f.Add(uint8(i), []byte{}, []byte{})
		for n := byte(5); n < 24; n += 5 {
			f.Add(uint8(i), binary.BigEndian.AppendUint32(nil, uint32(n)<<24|uint32(n)<<16|0x0202), []byte{})
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, script, raw []byte) {
		base := all[int(which)%len(all)]
		line, _, _ := strings.Cut(base.disk, "\n")
		body := rewritten(line, script, all)
		if len(raw) > 0 {
			body = raw
		}
		trial(t, base, all, sealed(body), 2)
	})
}

// trial opens a state, uses it as far as possible, and continues with the saved state.
func trial(t *testing.T, base *session, all []*session, state string, runs int) {
	genuine := func(receipt string) bool {
		return slices.ContainsFunc(all, func(s *session) bool { return s.genuine[receipt] })
	}
	s := &session{t: t, random: &stream{seed: "trial"}, now: begin + lease.Time(hour/2), cfg: base.cfg, server: base.server, mono: 5_000}
	s.m = newModule()
	r := s.do(abi.Call{Op: abi.OpNew, Config: &s.cfg, State: state, Random: s.random.bytes(32)})
	if r.Error != nil {
		if r.Error.Code != license.CodeStateForeign {
			t.Fatalf("%+v", *r.Error)
		}
		return
	}
	s.handle = r.Handle
	at := func(e abi.Event) []abi.Effect {
		e.Now, e.Mono, e.Random = s.now, s.mono, s.random.bytes(16)
		r := s.do(abi.Call{Op: abi.OpStep, Handle: s.handle, Event: &e})
		if r.Error != nil {
			t.Fatalf("%+v", *r.Error)
		}
		return r.Effects
	}
	counted := map[license.ID]abi.LicenseStatus{}
	judge := func() {
		for _, l := range s.status() {
			switch {
			case l.Receipt != "" && !genuine(l.Receipt):
				t.Fatalf("a lease is believed that nobody gave: %.300s", l.Receipt)
			case l.Pending < 0:
				t.Fatalf("%d of %d calls are there", l.Counters.Counted+l.Pending, l.Counters.Counted)
			case l.Counters.Counted+l.Pending > lease.MaxCount:
				t.Fatalf("%d calls are there", l.Counters.Counted+l.Pending)
			case l.Verdict.OK && l.Receipt == "":
				t.Fatalf("%s without a lease", l.Verdict.Code)
			case l.Verdict.OK && s.now > l.NotAfter && l.State != "saving" && l.State != "sending":
				t.Fatalf("%s at %d, the lease ended at %d", l.Verdict.Code, s.now, l.NotAfter)
			}
			counted[l.License] = l
		}
	}
	judge()
	queue, bad := at(abi.Event{Type: abi.EventStart, Call: 1}), false
	if base.cfg.LicenseID == "" {
		queue = append(queue, at(abi.Event{Type: abi.EventFiles, Call: 2,
			Files: []abi.File{{Name: "a", Data: base.files[0]}, {Name: "b", Data: base.files[1]}}})...)
	}
	queue = append(queue, at(abi.Event{Type: abi.EventReserve, Call: 3, Context: "ui", Entitlement: "rendering"})...)
	saved, total := "", int64(0)
	for n := 0; n < 60; n++ {
		if len(queue) == 0 {
			judge()
			for _, size := range []int64{64, 16, 4, 1} {
				for s.m.Consume(s.handle, size, s.now)|1 == 1 && total < 2000 {
					total += size
				}
			}
			if n > 40 {
				break
			}
			s.mono += 3 * second
			s.now += lease.Time(3 * second)
			queue = at(abi.Event{Type: abi.EventTimer})
			continue
		}
		e := queue[0]
		queue = queue[1:]
		switch e.Type {
		case abi.EffectNotify:
			bad = bad || e.Call == 0 && e.Verdict.Code == license.CodeStateInvalid
		case abi.EffectSave:
			saved = e.State
			queue = append(queue, at(abi.Event{Type: abi.EventSaved, ID: e.ID})...)
		case abi.EffectSend:
			if _, _, err := lease.OpenRequest([]byte(e.Body)); err != nil {
				t.Fatalf("a request that no server takes: %v\n%.300s", err, e.Body)
			}
			queue = append(queue, at(abi.Event{Type: abi.EventFailed, ID: e.ID})...)
		}
	}
	for _, l := range s.status() {
		if l.License != first(s) || l.Receipt == "" {
			continue
		}
		var d lease.Lease
		_ = json.Unmarshal([]byte(l.Receipt[:strings.IndexByte(l.Receipt, '\n')]), &d)
		if d.Settings.Type.LimitsCalls() && total > max(0, d.Counters.Allowance-d.Counters.Used) {
			t.Fatalf("%d calls were granted, the lease leaves %d", total, d.Counters.Allowance-d.Counters.Used)
		}
	}
	if bad && runs < 2 {
		t.Fatalf("what was saved is not read again: %.300s", state)
	}
	if saved != "" && runs > 1 {
		for _, l := range s.status() {
			counted[l.License] = l
		}
		again := &session{t: t, random: &stream{seed: "again"}, cfg: base.cfg}
		again.m = newModule()
		r := again.do(abi.Call{Op: abi.OpNew, Config: &again.cfg, State: saved, Random: again.random.bytes(32)})
		if r.Error != nil {
			t.Fatalf("what was saved is refused: %+v", *r.Error)
		}
		for _, l := range r.Status.Licenses {
			if was, ok := counted[l.License]; ok && was.Activation != l.Activation {
				t.Fatalf("what was saved is of another activation: %s, it was %s", l.Activation, was.Activation)
			}
		}
		trial(t, base, all, saved, runs-1)
	}
}

// first returns the license that consume counts on.
func first(s *session) license.ID {
	for _, l := range s.status() {
		if l.License == s.cfg.LicenseID || s.cfg.LicenseID == "" && slices.Contains(licenses, l.License) {
			return l.License
		}
	}
	return ""
}
