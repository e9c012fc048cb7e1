package sim

import (
	"encoding/json"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
	"github.com/onelicense/onelicense/wasm/trace"
)

// Record gives processes that run through the module's calls, as hosts make them, and notes each of them.
func Record(t *trace.Trace, parse func([]byte) (license.Keyring, error)) func(abi.Config, string, []byte) (Core, error) {
	return func(cfg abi.Config, state string, random []byte) (Core, error) {
		t.BeginRun()
		r := &recorder{trace: t, module: client.NewModule(parse)}
		reply, err := r.call(abi.Call{Op: abi.OpNew, Config: &cfg, State: state, Random: random})
		r.handle = reply.Handle
		return r, err
	}
}

type recorder struct {
	trace  *trace.Trace
	module *client.Module
	handle int32
}

func (r *recorder) call(c abi.Call) (abi.Reply, error) {
	in, err := json.Marshal(c)
	check(err)
	out := r.module.Call(in)
	r.trace.Add(trace.Exchange{Call: string(in), Reply: string(out)})
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
