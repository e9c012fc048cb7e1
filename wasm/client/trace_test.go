package client_test

import (
	"flag"
	"regexp"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/wasm/trace"
)

// Every test of this package is also a trace in spec/vectors/client: what went into the module and what came out, byte for byte, for
// every host to replay. `go test ./wasm/client -update` writes them.
var (
	update  = flag.Bool("update", false, "write the traces")
	compare = flag.Bool("traces", true, "compare with the committed traces; not when a rule is missing on purpose")
)

const traces = "../../spec/vectors/client"

func (w *world) note(e trace.Exchange) { w.trace.Add(e) }

var told = map[string]int{} // worlds by test, for stories with several

// record compares the world's trace with the committed one when its test ends.
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
		if t.Failed() || !*compare {
			return
		}
		w.trace.Name = name
		if err := w.trace.CompareOrWrite(traces, *update); err != nil {
			t.Error(err)
		}
	})
}

var (
	word = regexp.MustCompile(`[A-Z][a-z0-9]*`)
	gap  = regexp.MustCompile(`[^a-z0-9]+`)
)

// snake returns the file name of a test's trace: TestLostReply/of_two becomes lost_reply_of_two.
func snake(test string) string {
	spaced := word.ReplaceAllStringFunc(strings.TrimPrefix(test, "Test"), func(w string) string { return " " + strings.ToLower(w) })
	return strings.Trim(gap.ReplaceAllString(spaced, "_"), "_")
}
