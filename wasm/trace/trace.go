// Package trace holds recordings of the client core: what went into the module and what came out, byte for byte. Every host replays those
// in spec/vectors/client.
package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/onelicense/onelicense/license/lease"
)

// Trace is what went into the module and what came out, byte for byte, for every host to replay (spec/vectors/client). It has one list of
// exchanges for each run of the program; a run begins with a fresh instance of the module.
type Trace struct {
	Name string       `json:"name"`
	Runs [][]Exchange `json:"runs"`
}

// Exchange is one call of the module: of call, in JSON, or of consume.
type Exchange struct {
	Call    string       `json:"call,omitempty"`
	Reply   string       `json:"reply,omitempty"`
	Consume *ConsumeCall `json:"consume,omitempty"`
	Answer  int32        `json:"answer,omitempty"`
}

// ConsumeCall is a call of consume.
type ConsumeCall struct {
	Handle int32      `json:"handle"`
	N      int32      `json:"n"`
	Now    lease.Time `json:"now"`
}

// BeginRun begins the next run.
func (t *Trace) BeginRun() { t.Runs = append(t.Runs, nil) }

// Add adds an exchange to the present run.
func (t *Trace) Add(e Exchange) {
	last := len(t.Runs) - 1
	t.Runs[last] = append(t.Runs[last], e)
}

// CompareOrWrite compares the trace with the committed one in the folder, or writes it there.
func (t *Trace) CompareOrWrite(folder string, write bool) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(t); err != nil {
		return err
	}
	file := filepath.Join(folder, t.Name+".json")
	if write {
		return os.WriteFile(file, b.Bytes(), 0o644)
	}
	if committed, err := os.ReadFile(file); err != nil || !bytes.Equal(committed, b.Bytes()) {
		return fmt.Errorf("%s is not what the machine does (%v); -update writes it anew, if that is meant", file, err)
	}
	return nil
}
