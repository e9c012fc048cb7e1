package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
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

// Record gives processes that run through the module's calls, as hosts make them, and notes each of them.
func (t *Trace) Record(parse func([]byte) (license.Keyring, error)) func(abi.Config, string, []byte) (Core, error) {
	return func(cfg abi.Config, state string, random []byte) (Core, error) {
		t.BeginRun()
		r := &recorder{trace: t, module: client.NewModule(parse)}
		reply, err := r.call(abi.Call{Op: abi.OpNew, Config: &cfg, State: state, Random: random})
		r.handle = reply.Handle
		return r, err
	}
}

type recorder struct {
	trace  *Trace
	module *client.Module
	handle int32
}

func (r *recorder) call(c abi.Call) (abi.Reply, error) {
	in, err := json.Marshal(c)
	check(err)
	out := r.module.Call(in)
	r.trace.Add(Exchange{Call: string(in), Reply: string(out)})
	var reply abi.Reply
	check(json.Unmarshal(out, &reply))
	if reply.Error != nil {
		return reply, license.Refuse(reply.Error.Code, "%s", reply.Error.Detail)
	}
	return reply, nil
}

// Step implements Core.
func (r *recorder) Step(e abi.Event) ([]abi.Effect, error) {
	reply, err := r.call(abi.Call{Op: abi.OpStep, Handle: r.handle, Event: &e})
	return reply.Effects, err
}

// Status implements Core. It is asked so often here that it is no part of the trace.
func (r *recorder) Status() abi.Status {
	in, err := json.Marshal(abi.Call{Op: abi.OpStatus, Handle: r.handle})
	check(err)
	var reply abi.Reply
	check(json.Unmarshal(r.module.Call(in), &reply))
	return *reply.Status
}
