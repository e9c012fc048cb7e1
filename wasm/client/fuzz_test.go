package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
	"github.com/onelicense/onelicense/wasm/trace"
)

func newModule() *client.Module { return client.NewModule(parseOnce) }

// Whatever a host says, the module answers in JSON, without a panic of its own, and what it saves can be read again. A line is a call;
// one of three numbers is a consume. Two clients are open already. proves C14
func FuzzCall(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(traces, "*"+trace.Extension))
	if err != nil || len(files) == 0 {
		f.Fatal("no traces", err)
	}
	for _, file := range files {
		s, err := trace.Load(file)
		if err != nil {
			f.Fatal(err)
		}
		var calls []string
		for _, e := range s.Runs[0][:min(6, len(s.Runs[0]))] {
			calls = append(calls, e.Call)
		}
		if seed := strings.Join(calls, "\n"); len(seed) < 8000 {
			f.Add([]byte(seed))
		}
	}
	clients := []*session{newSession(noTrace{f}, []byte("\x00\x00\x0c\x02\x12\x03")),
		newSession(noTrace{f}, []byte("\x01\x03\x0f\x00\x00\x1c\x0b"))}
	for _, s := range clients {
		for len(s.script) > 0 {
			s.event()
		}
	}
	add := func(calls ...abi.Call) {
		var lines []string
		for _, c := range calls {
			c.Handle = 1
			if c.Event != nil {
				c.Event.Now, c.Event.Mono, c.Event.Call = begin+1000, 9000, 1
			}
			lines = append(lines, mustJSON(f, c))
		}
		f.Add([]byte(strings.Join(lines, "\n")))
	}
	keys := armored(f, vendor()[0].Public())
	list, err := lease.SignStatement(lease.Statement{Product: productID, Number: 1, MaxAge: 1}, vendor()[0], begin.Std())
	if err != nil {
		f.Fatal(err)
	}
	add(abi.Call{Op: abi.OpVerify, File: clients[1].files[0], Keys: keys, Now: begin, List: string(list)})
	add(abi.Call{Op: abi.OpReceipt, File: []byte(clients[0].status()[0].Receipt), Keys: keys})
	add(abi.Call{Op: abi.OpRoot, Keys: keys}, abi.Call{Op: abi.OpStatus}, abi.Call{Op: abi.OpClose}, abi.Call{Op: abi.OpStatus})
	step := func(e abi.Event) abi.Call { return abi.Call{Op: abi.OpStep, Event: &e} }
	answer := clients[0].texts[0]
	add(step(abi.Event{Type: abi.EventStart}), step(abi.Event{Type: abi.EventSaved, ID: 1}),
		step(abi.Event{Type: abi.EventReply, ID: 2, Body: answer}))
	add(step(abi.Event{Type: abi.EventStart}), step(abi.Event{Type: abi.EventExport}), step(abi.Event{Type: abi.EventImport, Body: answer}))
	add(step(abi.Event{Type: abi.EventStart}), step(abi.Event{Type: abi.EventReserve, Context: "ui", Entitlement: "rendering", Borrow: 5}))
	add(step(abi.Event{Type: abi.EventStatistics, Numbers: []lease.NamedNumber{{Name: "a", Value: 1}}}),
		step(abi.Event{Type: abi.EventFiles, Files: []abi.File{{Name: "a", Data: list}}}))
	f.Add([]byte(mustJSON(f, step(abi.Event{Type: abi.EventStart})) + "\n1 5 1790000000000\n2 -1 0\n9 1 1"))

	f.Fuzz(func(t *testing.T, calls []byte) {
		m := newModule()
		opened := abi.Call{Op: abi.OpNew, Random: bytes.Repeat([]byte{1}, 32)}
		for _, s := range clients {
			opened.Config, opened.State = &s.cfg, s.disk
			m.Call([]byte(mustJSON(t, opened)))
		}
		for n, call := range bytes.Split(calls, []byte("\n")) {
			var handle int32
			var count, now int64
			if read, _ := fmt.Sscan(string(call), &handle, &count, &now); read == 3 {
				if answer := m.Consume(handle, count, lease.Time(now)); answer < -1 || answer > 2 || answer == -1 && (handle == 1 || handle == 2) &&
					n == 0 {
					t.Fatalf("consume answers %d", answer)
				}
				continue
			}
			var r abi.Reply
			d := json.NewDecoder(bytes.NewReader(m.Call(call)))
			d.DisallowUnknownFields()
			if err := d.Decode(&r); err != nil || d.More() {
				t.Fatal(err)
			}
			if r.Error != nil && (r.Error.Code == license.CodeInternal || r.Error.OK || r.Effects != nil || r.Status != nil || r.License != nil ||
				r.Receipt != nil) {
				t.Fatalf("%.400q: %+v", call, *r.Error)
			}
			for _, e := range r.Effects {
				if e.Type == abi.EffectSave && e.ID <= 0 || e.Type == abi.EffectSend && e.Body == "" || e.Type == abi.EffectNotify &&
					e.Verdict == nil || e.Type == abi.EffectWake && e.In == 0 {
					t.Fatalf("%.400q: %+v", call, e)
				}
			}
		}
	})
}

// FuzzReply checks that nothing but the server's own lease moves the chain.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"type":"onelicense/lease/1",}`))
	s := newSession(noTrace{f}, []byte("\x00\x00\x1a\x0b\x12\x1c\x0b\x1a\x01\x00\x12\x1c\x0b"))
	for len(s.script) > 0 {
		s.event()
	}
	for _, answer := range s.texts { // to others' requests
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := newSession(noTrace{t}, []byte("\x00\x00"))
		before := w.status()[0]
		w.random.seed = "another" // so that no seed answers just this request
		w.call(abi.Event{Type: abi.EventSync})
		w.confirm(true)
		sent, _ := w.send()
		w.reply(sent, 200, string(body))
		if l := w.status()[0]; l.Number != before.Number || l.Receipt != before.Receipt || l.Counters != before.Counters || !l.Verdict.OK {
			t.Fatalf("moved to %+v by %q", l, body)
		}
	})
}

// noTrace hides that a world belongs to a test, so that no trace is recorded.
type noTrace struct{ testing.TB }
