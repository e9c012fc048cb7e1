package onelicense

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/wasm/abi"
)

// The exchange by hand, for a machine that reaches no server. Requests and answers are the bytes of the wire, so it does not matter how
// they travel.

// ExportRequest returns the request that the server is to answer, to be carried to it by hand: POST it to the ServerURL and /sync, as
// text/plain. It is on the disk and stays the same until it is answered. With license files it is the request of the first license.
func (c *Client) ExportRequest(ctx context.Context) (string, error) {
	return c.callWithBody(ctx, abi.Event{Type: abi.EventExport})
}

// ImportAnswer takes the server's answer that was carried back. An answer that is not the server's, or not to the waiting request, is
// refused and changes nothing.
func (c *Client) ImportAnswer(ctx context.Context, answer string) error {
	return c.call(ctx, abi.Event{Type: abi.EventImport, Body: answer})
}

// isOfflineTolerated reports whether the module lets the program start in spite of a refusal, since Config.Offline is set.
func isOfflineTolerated(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.OfflineTolerated
}
