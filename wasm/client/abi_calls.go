package client

import (
	"bytes"
	"encoding/json"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Module holds the clients of one instance of the WebAssembly module, by handle. No panic leaves it: a recovered one is answered with the
// code internal, and the host must then discard the instance.
type Module struct {
	parse   func(certificate []byte) (license.Keyring, error)
	clients map[int32]*Client
	handles int32
}

// NewModule returns a Module without clients; parse reads a certificate.
func NewModule(parse func(certificate []byte) (license.Keyring, error)) *Module {
	return &Module{parse: cacheLast(parse), clients: map[int32]*Client{}}
}

// cacheLast returns a parse that remembers the last certificate, so that a host that verifies many files has it parsed once.
func cacheLast(parse func([]byte) (license.Keyring, error)) func([]byte) (license.Keyring, error) {
	var last []byte
	var keys license.Keyring
	return func(certificate []byte) (license.Keyring, error) {
		if keys != nil && bytes.Equal(certificate, last) {
			return keys, nil
		}
		parsed, err := parse(certificate)
		if err != nil {
			return nil, err
		}
		last, keys = bytes.Clone(certificate), parsed
		return keys, nil
	}
}

// Call decodes an abi.Call from JSON, executes it and returns the abi.Reply as JSON. The result is named so that a recovered panic
// replaces a partial one.
func (m *Module) Call(in []byte) (out []byte) {
	defer func() {
		if r := recover(); r != nil {
			out = errorReply(license.Refuse(license.CodeInternal, "%v", r))
		}
	}()
	var c abi.Call
	if err := json.Unmarshal(in, &c); err != nil {
		return errorReply(license.Refuse(license.CodeBadCall, "the call is not JSON of the form in spec/abi.md"))
	}
	reply, err := m.dispatch(c)
	if err != nil {
		return errorReply(err)
	}
	return encodeReply(reply)
}

// Consume calls Client.Consume of the client with the handle. It returns abi.ConsumeUnknown if there is none, or if it panicked.
func (m *Module) Consume(handle int32, n int64, now lease.Time) (answer int32) {
	defer func() {
		if recover() != nil {
			answer = abi.ConsumeUnknown
		}
	}()
	c, ok := m.clients[handle]
	if !ok {
		return abi.ConsumeUnknown
	}
	return c.Consume(n, now)
}

// dispatch executes one call.
func (m *Module) dispatch(c abi.Call) (abi.Reply, error) {
	switch c.Op {
	case abi.OpNew:
		return m.newClient(c)
	case abi.OpVerify:
		return m.verifyFile(c)
	case abi.OpReceipt:
		return m.verifyReceipt(c)
	case abi.OpRoot:
		keys, err := m.parse([]byte(c.Keys))
		if err != nil {
			return abi.Reply{}, err
		}
		return abi.Reply{Root: keys.Root()}, nil
	}
	held, ok := m.clients[c.Handle]
	if !ok {
		return abi.Reply{}, license.Refuse(license.CodeBadCall, "no client has the handle %d", c.Handle)
	}
	switch {
	case c.Op == abi.OpClose:
		delete(m.clients, c.Handle)
		return abi.Reply{}, nil
	case c.Op == abi.OpStatus:
		status := held.Status()
		return abi.Reply{Status: &status}, nil
	case c.Op == abi.OpStep && c.Event != nil:
		effects, err := held.Step(*c.Event)
		return abi.Reply{Effects: effects}, err
	}
	return abi.Reply{}, license.Refuse(license.CodeBadCall, "operation %q, or a step without an event", c.Op)
}

// newClient makes a client and returns its handle and status.
func (m *Module) newClient(c abi.Call) (abi.Reply, error) {
	if c.Config == nil {
		return abi.Reply{}, license.Refuse(license.CodeMissingSetting, "config")
	}
	made, err := New(*c.Config, c.State, c.Random, m.parse)
	if err != nil {
		return abi.Reply{}, err
	}
	m.handles++
	m.clients[m.handles] = made
	status := made.Status()
	return abi.Reply{Handle: m.handles, Status: &status}, nil
}

// verifyFile verifies a license file, with the product's statement if the call has one.
func (m *Module) verifyFile(c abi.Call) (abi.Reply, error) {
	keys, err := m.parse([]byte(c.Keys))
	if err != nil {
		return abi.Reply{}, err
	}
	var list *lease.Statement
	if c.List != "" {
		if list, err = lease.OpenStatement([]byte(c.List), keys, c.Now.Std()); err != nil {
			return abi.Reply{}, err
		}
	}
	l, err := lease.OpenFile(c.File, keys, list, c.Now.Std())
	if err != nil {
		return abi.Reply{}, err
	}
	return abi.Reply{License: abi.DescribeLicense(l)}, nil
}

// verifyReceipt verifies a lease at its own time: what it confirms stays confirmed after it has expired, and so does its key, unless the
// key was compromised.
func (m *Module) verifyReceipt(c abi.Call) (abi.Reply, error) {
	keys, err := m.parse([]byte(c.Keys))
	if err != nil {
		return abi.Reply{}, err
	}
	a, err := lease.Open(c.File, keys, lease.ClaimedTime(c.File).Std())
	if err != nil {
		return abi.Reply{}, err
	}
	l := a.Lease
	if l == nil {
		return abi.Reply{}, license.Refuse(license.CodeLeaseMalformed, "it is a refusal, which confirms nothing")
	}
	return abi.Reply{Receipt: &abi.Receipt{
		Product: l.Product, License: l.License, Activation: l.Activation, Generation: l.Generation, Number: l.Number, Request: l.Request,
		Time: l.Time, Counters: l.Counters, Root: keys.Root(), Key: a.Key,
	}}, nil
}

func errorReply(err error) []byte {
	v := abi.DescribeError(err)
	return encodeReply(abi.Reply{Error: &v})
}

func encodeReply(r abi.Reply) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a Reply holds only strings and numbers, so this is a bug of ours
	}
	return b
}
