package onelicense

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// The exchange by hand, for a machine that reaches no server. Requests and answers are those of the wire, so it does not matter which way
// they go.

// ExportRequest gives the request that the server is to answer, to be carried to it by hand: POST it to the ServerURL and /sync, as
// text/plain. It is on the disk, and stays the same until it is answered. With license files it is that of the first license.
func (c *Client) ExportRequest(ctx context.Context) (string, error) {
	return c.callWithBody(ctx, abi.Event{Type: abi.EventExport})
}

// ImportAnswer takes the server's answer that was carried back. An answer that is not the server's, or not to the request that waits, is
// refused and changes nothing.
func (c *Client) ImportAnswer(ctx context.Context, answer string) error {
	return c.call(ctx, abi.Event{Type: abi.EventImport, Body: answer})
}

// offlineMode is Config.Offline.
type offlineMode bool

// isOfflineTolerable tells whether a verdict says no more than that the server was not reached and what is at hand does not suffice, which an import
// can still make good. The list is the same in every host.
func (o offlineMode) isOfflineTolerable(code license.Code) bool {
	switch code {
	case license.CodeUnreachable, license.CodeServerError, license.CodeLeaseExpired:
		return bool(o)
	}
	return false
}
