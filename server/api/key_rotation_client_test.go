package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/servertest"
)

// handlerTransport is the program's network, on which the test can change replies.
type handlerTransport struct{ twist func(body string) string }

func (n *handlerTransport) Post(ctx context.Context, url, body string) (onelicense.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		return onelicense.Answer{}, err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return onelicense.Answer{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if n.twist != nil {
		text = []byte(n.twist(string(text)))
	}
	return onelicense.Answer{Status: answer.StatusCode, Body: string(text)}, err
}

// serverClock gives the program the server's clock. Its timers never fire: the test decides when the program syncs.
type serverClock struct {
	w     *testServer
	start time.Time
}

func (a serverClock) Now() time.Time                         { return a.w.Clock.Now() }
func (a serverClock) Monotonic() time.Duration               { return a.w.Clock.Now().Sub(a.start) }
func (a serverClock) AfterFunc(time.Duration, func()) func() { return func() {} }

// A program that runs the shipped module continues through a rotation and a compromise of the key that signs its leases. After that it
// accepts nothing that the compromised key signs, nor an older certificate or revocation list.
//
// proves part of N04
// proves part of S22
func TestClientThroughKeyRotation(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]int{"v4": 4, "v6": 6} {
		t.Run(name, func(t *testing.T) { runningProgram(t, version) })
	}
}

func runningProgram(t *testing.T, keys int) {
	w := startServer(t)
	p := w.owner()
	product := id(p.Must(201, "POST", "/products", map[string]any{"name": "Modeler", "keys": map[string]any{"openpgp_version": keys}}))
	version := id(p.Must(201, "POST", "/products/"+product+"/versions", map[string]any{
		"name": "1", "policy": map[string]any{"type": "perpetual", "activation_limit": 10},
	}))
	id := id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("One")))
	path := "/products/" + product + "/keys"
	network := &handlerTransport{}
	c, err := onelicense.New(t.Context(), onelicense.Config{
		ServerURL: w.URL + "/api/v1#" + w.Certificate(product).Root(), ProductID: product, VersionID: version, LicenseID: id,
		StorageDir: t.TempDir(), Transport: network, Clock: serverClock{w, w.Clock.Now()}, OnVerdict: func(onelicense.Verdict) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		network.twist = nil
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	synced := func(want license.Code) {
		t.Helper()
		w.Clock.Advance(time.Minute)
		if got := onelicense.CodeOf(c.Sync(t.Context())); got != want {
			t.Errorf("the sync is %s, not %s", got, want)
		}
	}
	signer := func() string {
		t.Helper()
		s, err := c.Status()
		if err != nil {
			t.Fatal(err)
		}
		a, err := lease.Open([]byte(s.Licenses[0].Receipt), w.Certificate(product), w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a.Key
	}
	first := only(t, p.keyring(200, "GET", path, nil), license.UseLease, licensing.KeyCurrent).Fingerprint
	oldKeyring := w.Certificate(product).Certificate()
	old := w.stolenSigner(product)

	next := only(t, p.keyring(201, "POST", path, map[string]any{"use": "lease"}), license.UseLease, licensing.KeyNext).Fingerprint
	synced("ok")
	if got := signer(); got != first {
		t.Errorf("signed by %s before the promotion", got)
	}
	p.keyring(200, "POST", path+"/"+next+"/promote", nil)
	synced("ok")
	if got := signer(); got != next {
		t.Errorf("signed by %s after the promotion", got)
	}
	p.keyring(200, "POST", path+"/"+first+"/retire", nil)
	synced("ok")
	oldList := w.listText(product)

	thief := w.stolenSigner(product) // of the key in use
	p.keyring(200, "POST", path+"/"+next+"/compromise", nil)
	synced("ok")
	if got := signer(); got == first || got == next {
		t.Errorf("signed by the lost key %s", got)
	}

	// Who has the lost keys sits on the wire. The server's answers go no further than to him.
	resigned := func(by license.Signer, signed time.Time, beside lease.Attachments) func(string) string {
		return func(body string) string {
			document, _, _ := strings.Cut(body, "\n")
			text, err := lease.Document(document).Sign(by, signed)
			if err != nil {
				t.Error(err)
			}
			return string(beside.Append(text))
		}
	}
	now := w.Clock.Now()
	for _, attack := range []struct {
		name  string
		twist func(string) string
		want  license.Code
	}{
		{"lost key", resigned(thief, now.Add(time.Minute), lease.Attachments{}), license.CodeKeyCompromised},
		{"lost key, dated back", resigned(thief, now.Add(-time.Minute), lease.Attachments{}), license.CodeKeyCompromised},
		{"lost key, old keyring", resigned(thief, now.Add(time.Minute), lease.Attachments{Keyring: oldKeyring}), license.CodeKeyCompromised},
		{"retired key", resigned(old, now.Add(time.Minute), lease.Attachments{Keyring: oldKeyring}), license.CodeKeyRetired},
		{"old list", func(body string) string {
			signed, _, err := lease.SplitAttachments([]byte(body))
			if err != nil {
				t.Error(err)
			}
			return string(lease.Attachments{List: oldList}.Append(bytes.Clone(signed)))
		}, license.CodeStatementOld},
	} {
		network.twist = attack.twist
		if got := onelicense.CodeOf(c.Sync(t.Context())); got != attack.want {
			t.Errorf("%s: %s, not %s", attack.name, got, attack.want)
		}
	}
	network.twist = nil
	synced("ok")
	p.Must(200, "POST", "/licenses/"+id+"/revoke", nil)
	synced("revoked")
}

// listText returns the current signed statement.
func (w *testServer) listText(product string) []byte {
	w.Helper()
	p, err := w.Store.ProductWithKeys(w.Context(), license.ID(product))
	if err != nil {
		w.Fatal(err)
	}
	return p.Statement
}
