package onelicense

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// trapError reports that an instance has failed and must be closed.
type trapError struct{ why string }

func (t *trapError) Error() string { return t.why }

// invoke makes one call. The error is a *trapError, or a refusal by the module or this host. After a trap, or a refusal with the code
// internal, the instance must be closed.
func (i *instance) invoke(c *abi.Call) (*abi.Reply, error) {
	in, err := json.Marshal(c)
	if err != nil {
		return nil, newError(license.CodeBadCall, "%v", err)
	}
	out, err := i.callBytes(in)
	if err != nil {
		return nil, err
	}
	i.recordCall(c.Op, in, out)
	var reply abi.Reply
	if err := json.Unmarshal(out, &reply); err != nil {
		return nil, i.newTrap(fmt.Errorf("its answer: %w", err))
	}
	switch {
	case reply.Error == nil:
		return &reply, nil
	case reply.Error.Code == license.CodeInternal:
		return nil, i.newTrap(errors.New(reply.Error.Detail))
	}
	return nil, &Error{*reply.Error}
}
