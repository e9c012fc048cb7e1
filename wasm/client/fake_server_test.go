package client_test

import (
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

// server is a scripted vendor's server: it keeps the rules of the chain for one license and does as the story wants.
type server struct {
	t         testing.TB
	secret    *pgp.SecretKeyring
	now       func() lease.Time
	settings  lease.Settings
	allowance int64
	expires   lease.Time
	slots     map[string]int // free slots by entitlement; an entitlement that is not there is unknown
	epoch     int64
	refusal   license.Code // to every request that is not answered yet
	status    int          // an unsigned error, when not 0
	heads     map[lease.Hash]*head
	used      int64
	forge     func(*lease.Lease)       // changes a lease before it is signed
	twist     func(text string) string // changes the signed text
	requests  []*lease.Request
}

// head is the server's record of one activation.
type head struct {
	lease.Position
	request lease.Hash
	lease   lease.Lease
	counted int64
	held    []lease.Reservation
	closed  bool
}

func newServer(t testing.TB, name string) *server {
	return &server{
		t: t, secret: keyring(t, name), allowance: 100, epoch: 7, heads: map[lease.Hash]*head{},
		slots: map[string]int{"rendering": 1, "solid_modeling": 4},
		settings: lease.Settings{
			Type: lease.Calls, Trigger: lease.Interval, Interval: 10 * minute, MaxRetries: 2, Grace: hour,
			ClockTolerance: 5 * minute, JournalEvery: 100,
		},
	}
}

func (s *server) answer(text string) (int, string) {
	s.t.Helper()
	if s.status != 0 {
		return s.status, `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"store_unavailable"}`
	}
	r, hash, err := lease.OpenRequest([]byte(text))
	if err != nil {
		s.t.Fatalf("the client sent a request that does not open: %v", err)
	}
	s.requests = append(s.requests, r)
	h := s.heads[r.Activation()]
	if h == nil {
		h = &head{Position: lease.Position{Generation: 1, Link: lease.OriginLink}}
	}
	switch {
	case h.request == hash: // the stored answer
		h.lease.Epoch = s.epoch
	case h.closed:
		return 403, s.refuse(r, hash, license.CodeDeactivated, h)
	case s.refusal != "":
		return 403, s.refuse(r, hash, s.refusal, h)
	case r.Challenge != "" && r.Generation == h.Generation+1:
		h.Position = lease.Position{Generation: r.Generation, Link: lease.OriginLink}
		s.lease(r, hash, h)
	case r.Generation == h.Generation && r.Number == h.Number+1 && r.Previous == h.Link:
		s.count(r, h)
		s.lease(r, hash, h)
	default:
		return 403, s.refuse(r, hash, license.CodeStaleState, h)
	}
	l := h.lease
	if s.forge != nil {
		s.forge(&l)
	}
	return 200, s.sign(l.Document(), r)
}

func (s *server) count(r *lease.Request, h *head) {
	more := max(0, r.Counted-h.counted)
	if s.settings.Type.LimitsCalls() {
		more = min(more, s.allowance-s.used)
	}
	h.counted += more
	s.used += more
}

func (s *server) lease(r *lease.Request, hash lease.Hash, h *head) {
	now := s.now()
	l := lease.Lease{
		Product: productID, License: r.License, Activation: r.Activation(), Generation: r.Generation, Number: r.Number,
		Link: lease.NextLink(h.Link, hash), Request: hash, Nonce: r.Nonce, Time: now, Epoch: s.epoch, Verdict: license.CodeOK,
		Settings: s.settings, Counters: lease.Counters{Used: s.used, Allowance: s.allowance, Counted: h.counted}, Expires: s.expires,
		NotAfter: now + lease.Time(2*s.settings.Interval+s.settings.Grace),
	}
	if h.counted < r.Counted && r.Challenge == "" {
		l.Verdict = license.CodeExhausted
	}
	for _, d := range r.Drop {
		for i, held := range h.held {
			if held.Entitlement == d.Entitlement {
				h.held = append(h.held[:i:i], h.held[i+1:]...)
				s.slots[d.Entitlement]++
				break
			}
		}
	}
	for _, want := range r.Want {
		free, known := s.slots[want.Entitlement]
		switch {
		case !known:
			l.Denied = append(l.Denied, lease.Denial{Slot: want.Slot, Code: license.CodeUnknownEntitlement})
		case free == 0:
			l.Denied = append(l.Denied, lease.Denial{Slot: want.Slot, Code: license.CodeNoSlots})
		default:
			s.slots[want.Entitlement]--
			h.held = append(h.held, lease.Reservation{Slot: want.Slot})
		}
	}
	for i := range h.held {
		h.held[i].Until = l.NotAfter
	}
	l.Reservations = h.held
	h.Position, h.request, h.lease = l.Position(), hash, l
	s.heads[r.Activation()] = h
}

func (s *server) refuse(r *lease.Request, hash lease.Hash, code license.Code, h *head) string {
	refusal := lease.Refusal{
		Product: r.Product, License: r.License, Activation: r.Activation(), Request: hash, Nonce: r.Nonce, Time: s.now(), Epoch: s.epoch,
		Code: code, NotAfter: s.now() + lease.RefusalLifetime,
	}
	if code == license.CodeStaleState {
		refusal.Generation, refusal.Challenge = h.Generation, "challenge"
	}
	return s.sign(refusal.Document(), r)
}

func (s *server) sign(d lease.Document, r *lease.Request) string {
	text, err := d.Sign(s.secret, s.now().Std())
	if err != nil {
		s.t.Fatal(err)
	}
	if certificate := s.secret.Public().Certificate(); r.Keyring != lease.HashOf(certificate) {
		text = lease.Attachments{Keyring: certificate}.Append(text)
	}
	if s.twist != nil {
		return s.twist(string(text))
	}
	return string(text)
}
