package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"

	onelicense "github.com/onelicense/onelicense/hosts/go"
)

// manualTransport is a program's only network; while it is cut, there is none.
type manualTransport struct{ isCut atomic.Bool }

func (c *manualTransport) Post(ctx context.Context, url, body string) (onelicense.Answer, error) {
	if c.isCut.Load() {
		return onelicense.Answer{}, errors.New("the cable is cut")
	}
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
	return onelicense.Answer{Status: answer.StatusCode, Body: string(text)}, err
}

// A machine without a network is activated with an offline exchange: its request is carried to the server and the response back, and then
// it counts. Its usage goes the same way, and the receipt for it can be verified with the certificate. Then the machine gets a network.
//
// proves part of S23 N07 B03
func TestOfflineExchange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := &runner{Settings: Settings{Binary: t.TempDir() + "/onelicense"}, ctx: ctx, dir: t.TempDir()}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.Binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	site := s.newServerProcess("server")
	if err := site.start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := site.stop(); err != nil {
			t.Error(err)
		}
	}()
	v := newVendor(site.url())
	must := func(code string) {
		t.Helper()
		if code != "ok" {
			t.Fatal(code)
		}
	}
	done := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(v.setUp(site.setupLink))
	product, code := v.request("POST", "/products", object{"name": "Acme CAD"})
	must(code)
	version, code := v.createVersion(product.text("id"), "2026", object{
		"type": "calls", "interval_ms": 3_600_000, "activation_limit": 1, "max_borrow_ms": 86_400_000,
	})
	must(code)
	licence, code := v.createLicense(version, object{"name": "x", "contexts": []string{"ui"}, "allowance": 5,
		"entitlements": []object{{"name": "rendering", "slots": 1}}})
	must(code)
	certificate, err := v.keys(product.text("id"))
	done(err)
	keys, err := pgp.Parse(certificate)
	done(err)

	network := &manualTransport{}
	network.isCut.Store(true)
	settings := onelicense.Config{
		ServerURL: site.url() + "/api/v1#" + keys.Root(), ProductID: product.text("id"), VersionID: version, LicenseID: licence,
		StorageDir: s.path("program"), Transport: network, Offline: true, OnVerdict: func(onelicense.Verdict) {},
	}
	open := func() *onelicense.Client {
		t.Helper()
		c, err := onelicense.New(ctx, settings)
		done(err)
		return c
	}
	exported := func(c *onelicense.Client) string {
		t.Helper()
		request, err := c.ExportRequest(ctx)
		done(err)
		return request
	}
	carried := func(request string) string {
		t.Helper()
		answer, err := (&manualTransport{}).Post(ctx, site.url()+"/api/v1/sync", request)
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("%+v, %v", answer, err)
		}
		return answer.Body
	}

	c := open()
	if err := c.Consume(ctx); onelicense.CodeOf(err) != license.CodeUnreachable {
		t.Errorf("before the answer: %v", err)
	}
	request := exported(c)
	_ = c.Close(ctx) // it may report that it did not reach the server
	c = open()       // days later
	if exported(c) != request {
		t.Error("it is another request")
	}
	done(c.ImportAnswer(ctx, carried(request)))
	done(c.ConsumeN(ctx, 3))
	done(c.ImportAnswer(ctx, carried(exported(c))))
	if used := v.callsUsed(licence); used != "3" {
		t.Errorf("the server has counted %s, want 3", used)
	}

	status, err := c.Status()
	done(err)
	receipt := s.path("receipt.txt")
	done(os.WriteFile(receipt, []byte(status.Licenses[0].Receipt), 0o600))
	ring := s.path("keys.asc")
	done(os.WriteFile(ring, certificate, 0o600))
	for _, way := range []string{"--wasm=false", "--wasm"} {
		out, err := exec.CommandContext(ctx, s.Binary, "verify", receipt, "--key", ring, way).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "license       "+licence) ||
			!strings.Contains(string(out), "calls         3 of this activation") {
			t.Errorf("%v\n%s", err, out)
		}
	}

	network.isCut.Store(false)
	done(c.Reserve(ctx, "ui", "rendering", onelicense.Borrow(10*time.Hour)))
	status, err = c.Status()
	done(err)
	if one := status.Licenses[0]; len(one.Reservations) != 1 || one.Reservations[0].Until <= one.NotAfter {
		t.Errorf("borrowed is %+v", one.Reservations)
	}
	if released, err := c.Release("ui", "rendering"); !released || err != nil {
		t.Errorf("early return: %v, %v", released, err)
	}
	done(c.Close(ctx))
	if held, code := v.request("GET", "/licenses/"+licence+"/reservations", nil); code != "ok" || len(held["items"].([]any)) != 0 {
		t.Errorf("%v, %s", held, code)
	}
}
