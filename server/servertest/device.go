package servertest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/api"
)

// Device is an installation of the vendor's program that speaks the sync protocol without the client core. It does not verify signatures:
// the tests of the client core do.
type Device struct {
	Server  *Server
	Key     ed25519.PrivateKey
	Request lease.Request // the next request; tests change it before Sync
	Last    string        // the latest lease with its signature, as received
}

// NewDevice returns an installation that has not synced yet.
func (s *Server) NewDevice(product, version, id string) *Device {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	return &Device{Server: s, Key: key, Request: lease.Request{
		Product: license.ID(product), Version: license.ID(version), License: license.ID(id),
		Generation: 1, Number: 1, Previous: lease.OriginLink, Time: lease.Time(s.Clock.Now().UnixMilli()),
	}}
}

// ID returns the id of the device's activation.
func (d *Device) ID() string {
	return string(lease.ActivationID(d.Key.Public().(ed25519.PublicKey)))
}

// Sync signs and sends the request.
func (d *Device) Sync() Reply {
	d.Server.Helper()
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	d.Request.Nonce = hex.EncodeToString(nonce)
	d.Request.Lease = d.Last
	return d.Server.Anonymous().Send("POST", api.Prefix+"/sync", http.Header{"Content-Type": {"text/plain"}}, d.Request.Sign(d.Key))
}

// MustSync syncs, requires a lease, and makes the next request follow it.
func (d *Device) MustSync() lease.Lease {
	d.Server.Helper()
	return d.Accept(d.Sync())
}

// Accept requires a reply to be a lease and makes the next request follow it.
func (d *Device) Accept(r Reply) lease.Lease {
	d.Server.Helper()
	document, rest, _ := bytes.Cut(r.Body, []byte("\n"))
	signature, _, _ := bytes.Cut(rest, []byte("\n"))
	var l lease.Lease
	if err := json.Unmarshal(document, &l); err != nil || r.Status != http.StatusOK || l.Type != lease.TypeLease {
		d.Server.Fatalf("not accepted: %d %v %s", r.Status, err, r.Body)
	}
	d.Last = string(document) + "\n" + string(signature) + "\n"
	d.Request.Number, d.Request.Previous, d.Request.Epoch = l.Number+1, l.Link, l.Epoch
	return l
}

// WantRefusal syncs and requires a signed refusal with a code.
func (d *Device) WantRefusal(code license.Code) {
	d.Server.Helper()
	r := d.Sync()
	document, _, _ := bytes.Cut(r.Body, []byte("\n"))
	var refusal lease.Refusal
	if err := json.Unmarshal(document, &refusal); err != nil || refusal.Type != lease.TypeRefusal || refusal.Code != code {
		d.Server.Errorf("got %d %s, want the refusal %s", r.Status, r.Body, code)
	}
}

// Certificate returns the public keys of a product.
func (s *Server) Certificate(product string) *pgp.Keyring {
	s.Helper()
	r := s.Anonymous().Do("GET", "/products/"+product+"/public-keys", nil)
	keys, err := pgp.Parse(r.Body)
	if err != nil {
		s.Fatalf("%v: %s", err, r.Body)
	}
	return keys
}
