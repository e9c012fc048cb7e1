package client_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// Whatever a host says, the module answers in JSON, without a panic of its own. proves C14
func FuzzCall(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(traces, "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatal("no traces", err)
	}
	for _, file := range files[:10] {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var s story
		if err := json.Unmarshal(b, &s); err != nil {
			f.Fatal(err)
		}
		for _, e := range s.Runs[0][:min(4, len(s.Runs[0]))] {
			f.Add([]byte(e.Call))
		}
	}
	m := client.NewModule(parse)
	f.Fuzz(func(t *testing.T, call []byte) {
		out := m.Call(call)
		var r abi.Reply
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if r.Error != nil && r.Error.Code == license.CodeInternal {
			t.Fatalf("%s", out)
		}
	})
}

// Whatever the network answers, nothing but the server's own lease moves the chain.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"type":"onelicense/lease/1",}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := started(testing.TB(noTrace{t}), nil)
		w.server.twist = func(string) string { return string(bytes.ToValidUTF8(body, nil)) }
		w.call(abi.Event{Type: abi.EventSync})
		if s := w.status(); s.Number != 1 {
			t.Fatalf("moved to %d by %q", s.Number, body)
		}
	})
}

// noTrace hides that a world belongs to a test, so that it is not recorded.
type noTrace struct{ testing.TB }
