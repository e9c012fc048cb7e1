package demo

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

// newImpostor returns a server that grants every request in perfect form, signed by keys of its own, like one that an attacker redirects a
// program to.
func newImpostor() (*httptest.Server, error) {
	secret, err := pgp.Generate("Impostor", rand.Reader, time.Now())
	if err != nil {
		return nil, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, lease.MaxRequest))
		if err != nil {
			return
		}
		request, hash, err := lease.OpenRequest(body)
		if err != nil {
			return
		}
		now := lease.Time(time.Now().UnixMilli())
		yes := lease.Lease{
			Product: request.Product, License: request.License, Activation: request.Activation(), Generation: request.Generation,
			Number: request.Number,
			Link:   lease.NextLink(request.Previous, hash), Request: hash, Nonce: request.Nonce, Time: now, Epoch: request.Epoch,
			Verdict:  license.CodeOK,
			Settings: lease.Settings{Type: lease.Perpetual, Trigger: lease.Interval, Interval: 3_600_000},
			Counters: lease.Counters{Counted: request.Counted}, NotAfter: now + 3_600_000,
		}
		text, err := yes.Document().Sign(secret, time.Now())
		if err != nil {
			return
		}
		_, _ = w.Write(lease.Attachments{Keyring: secret.Public().Certificate()}.Append(text))
	})
	s := httptest.NewUnstartedServer(handler)
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.Start()
	return s, nil
}
