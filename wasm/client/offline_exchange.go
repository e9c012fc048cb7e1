package client

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// The exchange by hand, for machines that reach no server: the request is exported, carried to where the server is, and its answer
// imported. They are the same bytes as on the wire, so it does not matter which way either of them goes, or whether both do.

// exportRequest gives the request that waits for an answer; a new one if none does. It is answered when the request is on the disk.
func (c *Client) exportRequest(e abi.Event) {
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	ch.calls = append(ch.calls, &call{number: e.Call, kind: callExport})
	switch ch.state {
	case sending:
		ch.answerExports()
	case saving: // answered when the save is
	default:
		ch.fire(due)
	}
}

// answerExports gives the present request, which is on the disk, to who asked for it.
func (ch *chain) answerExports() {
	for _, k := range ch.takeCalls() {
		if k.kind != callExport {
			ch.calls = append(ch.calls, k)
			continue
		}
		v := abi.Describe(license.CodeOK, "")
		v.License = ch.license
		ch.c.emit(abi.Effect{Type: abi.EffectNotify, Call: k.number, Verdict: &v, Body: ch.requestText})
	}
}

// importAnswer takes an answer that was carried here. One that is not to be believed is named to who brought it, and nothing moves.
func (c *Client) importAnswer(e abi.Event) {
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	if ch.request == nil || ch.state == saving {
		c.answerCall(e.Call, abi.Describe(license.CodeLeaseOtherRequest, "no request waits for an answer"))
		return
	}
	a, err := ch.verifyReply(toUnixLineEnds(e.Body))
	if err != nil {
		c.answerCall(e.Call, abi.DescribeError(err))
		return
	}
	ch.calls = append(ch.calls, &call{number: e.Call, kind: callImport, inRequest: true})
	ch.applyReply(a)
}

// toUnixLineEnds undoes what a carrier may have done to the ends of lines.
func toUnixLineEnds(body string) []byte {
	text := make([]byte, 0, len(body))
	for i := range len(body) {
		if body[i] != '\r' || i+1 == len(body) || body[i+1] != '\n' {
			text = append(text, body[i])
		}
	}
	return text
}

// setStatistics takes the program's own numbers. They go with the next sync, if the policy asks for them.
func (c *Client) setStatistics(e abi.Event) {
	if !lease.ValidNumbers(e.Numbers) {
		c.answerCall(e.Call, abi.Describe(license.CodeBadCall, "statistics: at most 16 numbers with different names, each below 2^53"))
		return
	}
	c.numbers = e.Numbers
	c.answerCall(e.Call, abi.Describe(license.CodeOK, ""))
}
