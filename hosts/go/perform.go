package onelicense

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// trap is the end of an instance.
type trap struct{ why string }

func (t *trap) Error() string { return t.why }

// perform makes one call. The error is a *trap, or a refusal of the module or of this host; after a trap and a refusal with the code
// internal the instance must be closed.
func (i *instance) perform(c *abi.Call) (*abi.Reply, error) {
	in, err := json.Marshal(c)
	if err != nil {
		return nil, refuse(license.CodeBadCall, "%v", err)
	}
	out, err := i.exchange(in)
	if err != nil {
		return nil, err
	}
	i.performed(c.Op, in, out)
	var reply abi.Reply
	if err := json.Unmarshal(out, &reply); err != nil {
		return nil, i.trapped(fmt.Errorf("its answer: %w", err))
	}
	switch {
	case reply.Error == nil:
		return &reply, nil
	case reply.Error.Code == license.CodeInternal:
		return nil, i.trapped(errors.New(reply.Error.Detail))
	}
	return nil, &Error{*reply.Error}
}
