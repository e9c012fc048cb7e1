package demo

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/license/pgp"

	onelicense "github.com/onelicense/onelicense/hosts/go"
)

// The server is killed during syncs, again and again. In the end every call that a program was granted is counted on the server, once, and
// the programs recover by themselves. proves C12 C14 S19 S27
func TestServerKilledDuringSyncs(t *testing.T) {
	const programs, rounds, callsARound = 4, 3, 60
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
	must(v.setUp(site.setupLink))
	product, code := v.request("POST", "/products", object{"name": "Acme CAD"})
	must(code)
	version, code := v.createVersion(product.text("id"), "2026", object{
		"type": "calls", "trigger": "every_call", "interval_ms": 60_000, "max_retries": 3, "grace_ms": 600_000, "activation_limit": programs,
	})
	must(code)
	licence, code := v.createLicense(version, object{"name": "x", "contexts": []string{"ui"}, "allowance": 1_000_000,
		"entitlements": []object{{"name": "rendering"}}})
	must(code)
	certificate, err := v.keys(product.text("id"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.Parse(certificate)
	if err != nil {
		t.Fatal(err)
	}

	clients := make([]*onelicense.Client, programs)
	for i := range clients {
		if clients[i], err = onelicense.New(ctx, onelicense.Config{
			ServerURL: site.url() + "/api/v1#" + keys.Root(), ProductID: product.text("id"), VersionID: version, LicenseID: licence,
			StorageDir: s.path(fmt.Sprint("program-", i)), OnVerdict: func(onelicense.Verdict) {},
		}); err != nil {
			t.Fatal(err)
		}
	}
	var acknowledged int
	var mu sync.Mutex
	for range rounds {
		granted := make(chan struct{}, programs*callsARound)
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() {
				for range callsARound {
					if err := c.Consume(ctx); err != nil {
						t.Errorf("a call within the grace is refused: %v", err)
						return
					}
					mu.Lock()
					acknowledged++
					mu.Unlock()
					granted <- struct{}{}
				}
			})
		}
		for range programs * callsARound / 3 { // during syncs
			<-granted
		}
		if err := site.kill(); err != nil {
			t.Fatal(err)
		}
		if err := site.start(ctx); err != nil {
			t.Fatal(err)
		}
		all.Wait()
	}
	for _, c := range clients {
		if err := c.Sync(ctx); err != nil {
			t.Errorf("the last sync: %v", err)
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if used := v.callsUsed(licence); used != strconv.Itoa(acknowledged) {
		t.Errorf("the server counts %s calls, granted were %d", used, acknowledged)
	}
}
