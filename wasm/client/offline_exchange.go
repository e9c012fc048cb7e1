package client

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// exportRequest answers with the request that waits for the server, or makes a new one. The call is answered when the request is on the
// disk. An exported request has the same bytes as one on the wire, so either way of transport works, and both together do no harm.
func (c *Client) exportRequest(e abi.Event) {
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	ch.calls = append(ch.calls, &call{number: e.Call, kind: callExport})
	switch ch.state {
	case sending:
		ch.answerExports()
	case saving: // send answers when the save is confirmed
	default:
		ch.fire(due)
	}
}

// answerExports answers waiting exports with the present request, which is on the disk.
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

// importAnswer takes an answer that was carried here by hand. An answer that does not verify is refused with its reason and changes
// nothing.
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

// toUnixLineEnds turns CRLF into LF, since mail and editors change line ends.
func toUnixLineEnds(body string) []byte {
	text := make([]byte, 0, len(body))
	for i := range len(body) {
		if body[i] != '\r' || i+1 == len(body) || body[i+1] != '\n' {
			text = append(text, body[i])
		}
	}
	return text
}

// setStatistics sets the program's own numbers. They are sent with the next sync if the policy asks for statistics.
func (c *Client) setStatistics(e abi.Event) {
	if !lease.ValidNumbers(e.Numbers) {
		c.answerCall(e.Call, abi.Describe(license.CodeBadCall, "statistics: at most 16 numbers with different names, each below 2^53"))
		return
	}
	c.numbers = e.Numbers
	c.answerCall(e.Call, abi.Describe(license.CodeOK, ""))
}
