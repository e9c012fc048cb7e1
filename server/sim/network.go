package sim

import (
	"strings"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Network connects the machines with the server.
type Network struct {
	w *World

	// Faults per hundred packets.
	LoseRequest, LoseReply, Duplicate, Late float64
	Forged                                  float64 // answered by an attacker in the server's place

	packets []string // requests that an attacker has recorded
	answers []string // genuine answers that an attacker has recorded
	issued  map[string]bool
}

const (
	timeout     = 10 * second
	mostPackets = 64 // that are kept
)

// send carries a request of a process to the server and brings back the answer, unless there is a fault.
func (n *Network) send(p *process, f abi.Effect) {
	n.keep(&n.packets, f.Body)
	p.m.last = f.ID
	w := n.w
	reply := func(after int64, e abi.Event) {
		e.ID = f.ID
		w.after(after, func() {
			if p.alive() {
				p.step(e)
				p.m.checkRefusal(e)
			}
		})
	}
	failed := abi.Event{Type: abi.EventFailed, Detail: "timeout"}
	if p.m.Offline {
		reply(w.between(1, 200), abi.Event{Type: abi.EventFailed, Detail: "connection refused"})
		return
	}
	if w.chance(n.Late) {
		w.after(w.between(second, 90*day), func() { n.deliver(f.Body) }) // a copy that comes late
	}
	if w.chance(n.LoseRequest) {
		reply(timeout, failed)
		return
	}
	there := w.between(2, 400)
	w.after(there, func() {
		if w.chance(n.Forged) {
			reply(w.between(2, 400), n.forge(f.Body))
			return
		}
		status, body := n.deliver(f.Body)
		if w.chance(n.Duplicate) {
			w.after(w.between(1, 5*second), func() { n.deliver(f.Body) })
		}
		if w.chance(n.LoseReply) {
			reply(timeout, failed)
			return
		}
		reply(w.between(2, 400), abi.Event{Type: abi.EventReply, Status: status, Body: body})
	})
}

// deliver passes a request to the server and records the answer.
func (n *Network) deliver(body string) (int, string) {
	status, text := n.w.Server.respond(body)
	if status == 200 || status == 403 {
		n.keep(&n.answers, text)
	}
	if status == 200 {
		signed, _, _ := strings.Cut(text, "\n")
		n.issued[signed] = true
	}
	return status, text
}

func (n *Network) keep(list *[]string, text string) {
	if len(*list) < mostPackets {
		*list = append(*list, text)
		return
	}
	(*list)[n.w.random.IntN(mostPackets)] = text
}

// forge answers like an attacker who has no key, but every recorded answer.
func (n *Network) forge(body string) abi.Event {
	w := n.w
	e := abi.Event{Type: abi.EventReply, Status: 200}
	r, hash, err := lease.OpenRequest([]byte(body))
	check(err)
	l := lease.Lease{
		Product: r.Product, License: r.License, Activation: r.Activation(), Generation: r.Generation, Number: r.Number,
		Link: lease.NextLink(r.Previous, hash), Request: hash, Nonce: r.Nonce, Time: w.now, Epoch: r.Epoch + w.between(-1, 5), Verdict: "ok",
		Settings: w.Server.Version.Policy.Settings, Counters: lease.Counters{Allowance: 1 << 40, Granted: 1 << 40}, NotAfter: w.now +
			lease.Time(1000*day),
		Reservations: []lease.Reservation{{Slot: lease.Slot{Entitlement: modeling, Context: ui}, Until: w.now + lease.Time(1000*day)}},
	}
	own := certificate{RootName: "mallory", Keys: []string{"one"}}
	switch w.random.IntN(6) {
	case 0: // under a key of one's own
		text, _ := l.Document().Sign(own, w.clock())
		e.Body = string(lease.Attachments{Keyring: own.encode()}.Append(text))
	case 1: // under a key of one's own that is said to be the product's
		text, _ := l.Document().Sign(own, w.clock())
		e.Body = string(lease.Attachments{Keyring: certificate{RootName: "acme", Keys: []string{"mallory"}}.encode()}.Append(text))
	case 2: // an answer from before
		if len(n.answers) > 0 {
			e.Body = n.answers[w.random.IntN(len(n.answers))]
		}
	case 3: // a genuine answer, changed
		_, e.Body = n.deliver(body)
		e.Body = strings.Replace(e.Body, `"allowance":`, `"allowance":9`, 1)
	case 4: // a refusal without a signature
		e.Status, e.Body = 403, `{"code":"revoked","title":"revoked"}`
	default: // a genuine answer without what should be beside it
		_, e.Body = n.deliver(body)
		lines := strings.SplitAfterN(e.Body, "\n", 3)
		e.Body = strings.Join(lines[:min(2, len(lines))], "")
	}
	return e
}
