package client_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
)

// Every story of this package is also a trace in spec/vectors/client: what went into the module and what came out, byte for byte, for
// every host to replay. `go test ./wasm/client -update` writes them anew.
var update = flag.Bool("update", false, "write the traces")

const traces = "../../spec/vectors/client"

// story is a trace: one list of exchanges for each run of the program. A run begins with a fresh instance of the module.
type story struct {
	Name string       `json:"name"`
	Runs [][]exchange `json:"runs"`
}

// exchange is one call of the module: of call, in JSON, or of consume.
type exchange struct {
	Call    string    `json:"call,omitempty"`
	Reply   string    `json:"reply,omitempty"`
	Consume *consumed `json:"consume,omitempty"`
	Answer  int32     `json:"answer,omitempty"`
}

type consumed struct {
	Handle int32      `json:"handle"`
	N      int32      `json:"n"`
	Now    lease.Time `json:"now"`
}

func (w *world) note(e exchange) {
	last := len(w.runs) - 1
	w.runs[last] = append(w.runs[last], e)
}

var told = map[string]int{} // worlds by test, for stories with several

// record holds the world's trace against the committed one when its test ends.
func record(w *world) {
	t, ok := w.t.(*testing.T)
	if !ok {
		return
	}
	name := snake(t.Name())
	if told[name]++; told[name] > 1 {
		name += "_" + string(rune('0'+told[name]))
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(story{name, w.runs}); err != nil {
			t.Error(err)
		}
		file := filepath.Join(traces, name+".json")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Error(err)
			}
			return
		}
		if committed, err := os.ReadFile(file); err != nil || !bytes.Equal(committed, b.Bytes()) {
			t.Errorf("%s is not what the machine does (%v); -update writes it anew, if that is meant", file, err)
		}
	})
}

var (
	word = regexp.MustCompile(`[A-Z][a-z0-9]*`)
	gap  = regexp.MustCompile(`[^a-z0-9]+`)
)

// snake makes a file name of a test's: TestLostReply/of_two becomes lost_reply_of_two.
func snake(test string) string {
	spaced := word.ReplaceAllStringFunc(strings.TrimPrefix(test, "Test"), func(w string) string { return " " + strings.ToLower(w) })
	return strings.Trim(gap.ReplaceAllString(spaced, "_"), "_")
}
