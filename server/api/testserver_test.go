package api_test

import (
	"net/http"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// The tests speak HTTP to a whole server on loopback. Every reply is checked against the audit log and the API's description.

const password = servertest.Password

// testServer is a running server.
type testServer struct{ *servertest.Server }

func startServer(t *testing.T) *testServer {
	t.Helper()
	return startServerWith(t, server.Config{})
}

func startServerWith(t *testing.T, c server.Config) *testServer {
	t.Helper()
	w := &testServer{servertest.Start(t, servertest.WithConfig(c))}
	w.OnReply = func(method, path string, r servertest.Reply) {
		w.Helper()
		w.checkAudited(method, path, reply{r})
		w.checkDocumented(method, path, reply{r})
	}
	return w
}

// T returns the test that the server was started for.
func (w *testServer) T() *testing.T { return w.TB.(*testing.T) }

func (w *testServer) anonymous() *user { return &user{w.Anonymous(), w} }
func (w *testServer) owner() *user     { return &user{w.Owner(), w} }

// otherOrganisation returns the owner of another organisation.
func (w *testServer) otherOrganisation() *user { return &user{w.OtherOrganisation(), w} }

func (w *testServer) login(email string) *user      { return &user{w.Login(email), w} }
func (w *testServer) withToken(secret string) *user { return &user{w.WithToken(secret), w} }

// user is a client of the API, with the requests that only these tests send.
type user struct {
	*servertest.User
	w *testServer
}

// reply is the response to a request.
type reply struct{ servertest.Reply }

func (p *user) Do(method, path string, body any) reply {
	p.w.Helper()
	return reply{p.User.Do(method, path, body)}
}

func (p *user) DoWithHeaders(headers map[string]string, method, path string, body any) reply {
	p.w.Helper()
	return reply{p.User.DoWithHeaders(headers, method, path, body)}
}

func (p *user) Send(method, path string, header http.Header, body []byte) reply {
	p.w.Helper()
	return reply{p.User.Send(method, path, header, body)}
}

// device is an installation of the vendor's program. A copy of the struct is a clone.
type device struct{ servertest.Device }

func newDevice(p *user, product, version, id string) *device {
	return &device{*p.w.NewDevice(product, version, id)}
}

func (d *device) Sync() reply {
	d.Server.Helper()
	return reply{d.Device.Sync()}
}

func (d *device) Accept(r reply) lease.Lease {
	d.Server.Helper()
	return d.Device.Accept(r.Reply)
}

func id(record map[string]any) string { return servertest.ID(record) }

// with adds members to a record.
func with(record map[string]any, more ...any) map[string]any {
	for i := 0; i < len(more); i += 2 {
		record[more[i].(string)] = more[i+1]
	}
	return record
}
