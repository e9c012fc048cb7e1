package apicmd

import (
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/apiclient"
	"github.com/onelicense/onelicense/spec"
)

const password = "correct horse battery"

// newVendor starts a server, creates its owner with the command line and logs in.
func newVendor(t *testing.T) {
	t.Helper()
	l := newTestServer(t)
	t.Setenv("ONELICENSE_TOKEN", "")
	s, err := server.Open(server.Config{Data: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(at) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
		if len(l.requests) != 0 {
			t.Errorf("another server was asked: %v", l.requests)
		}
	})
	t.Setenv("ONELICENSE_URL", s.URL(at.Addr()))
	_, token, _ := strings.Cut(s.SetupURL(at.Addr()), "token=")
	founding, err := json.Marshal(map[string]string{
		"token": token, "organisation": "Acme", "name": "Ada", "email": "ada@acme.test", "password": password,
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, string(founding), "session", "set-up", "--file=-")
	if out := must(t, password+"\n", "login", "--as", "ada@acme.test"); !strings.Contains(out, "ada@acme.test of Acme") {
		t.Fatal(out)
	}
	t.Setenv("ONELICENSE_PASSWORD", password)
}

func must(t *testing.T, in string, args ...string) string {
	t.Helper()
	out, errs, err := run(t, in, args...)
	if err != nil {
		t.Fatalf("%q: %v %s", args, err, errs)
	}
	return out
}

// nonAPICommands are codes of requests that did not reach their route, were not authenticated, or were not understood.
var nonAPICommands = []string{
	apiclient.CodeNotTheAPI, "no_route", "method_not_allowed", "malformed", "unsupported_media_type", "too_large", "not_authenticated",
	"bad_session",
	"bad_token", "bad_csrf",
	"forbidden", "out_of_scope", "internal",
}

// Against a real server each command reaches its route, and the owner's token may use every operation that is not for members only.
//
// proves B11
func TestEveryCommandOnAServer(t *testing.T) {
	newVendor(t)
	all, err := parseDocument(spec.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	// Commands that change the login come last.
	slices.SortStableFunc(all, func(a, b *operation) int { return strings.Compare(a.Action, b.Action) })
	for _, op := range all {
		t.Run(op.ID, func(t *testing.T) {
			args, _, in := commandLine(t, op)
			if op.Action == selfAction {
				args = append(args, "--as", "ada@acme.test")
			}
			_, _, err := run(t, in, args...)
			var p *apiclient.Problem
			var part partialFailure
			switch {
			case err == nil, errors.As(err, &part):
			case !errors.As(err, &p):
				t.Errorf("%q: %v", args, err)
			case slices.Contains(nonAPICommands, p.Code) && op.ID != "sync": // its body cannot be made up here
				t.Errorf("%q: %v", args, p)
			}
		})
	}
}

// A vendor's work with the command line alone.
//
// proves part of B11
func TestVendorWorkflow(t *testing.T) {
	newVendor(t)
	id := func(out string) string {
		t.Helper()
		var record struct{ ID string }
		if err := json.Unmarshal([]byte(out), &record); err != nil || record.ID == "" {
			t.Fatalf("%v: %s", err, out)
		}
		return record.ID
	}
	product := id(must(t, "", "products", "create", "--name", "CAD", "--metadata", "line=pro", "--json"))
	version := id(must(t, "", "versions", "create", product, "--name", "1.0", "--policy.type", "calls", "--policy.trigger", "every_call",
		"--json"))
	license := id(
		must(
			t,
			"",
			"licenses",
			"create",
			version,
			"--contexts",
			"ui,automation",
			"--entitlements",
			"name=rendering,slots=4",
			"--allowance",
			"1000",
			"--customer",
			"Globex",
			"--json",
		),
	)
	if out := must(t, "", "licenses", "list", "--version", version); !strings.Contains(out, license) || !strings.Contains(out, "Globex") {
		t.Errorf("the list:\n%s", out)
	}
	must(t, "", "licenses", "update", license, "--allowance", "2000", "--overrides.max-retries", "3")
	if out := must(t, "", "licenses", "get", license); !strings.Contains(out, "allowance              2000") ||
		!strings.Contains(out, "overrides.max_retries  3") {
		t.Errorf("the license:\n%s", out)
	}
	if out := must(t, "", "licenses", "file", license); strings.Count(out, "\n") != 4 || !strings.Contains(out, "rendering:4") {
		t.Errorf("the file:\n%s", out)
	}
	if out := must(t, "", "client", "public-keys", product); !strings.Contains(out, "BEGIN PGP PUBLIC KEY") {
		t.Errorf("the keys:\n%s", out)
	}
	var u UsageError
	if _, _, err := run(t, "", "licenses", "revoke", license); !errors.As(err, &u) {
		t.Errorf("it is revoked unasked: %v", err)
	}
	must(t, "", "licenses", "revoke", license, "--yes")
	if out := must(t, "", "licenses", "list", "--version", version, "--all", "--json"); !strings.Contains(out, `"status": "revoked"`) {
		t.Errorf("the list:\n%s", out)
	}
	var p *apiclient.Problem
	if _, _, err := run(t, "", "products", "create", "--name", "CAD"); !errors.As(err, &p) || p.Code != "exists" {
		t.Errorf("a second one of the name: %v", err)
	}
	if _, _, err := run(t, "", "tokens", "list"); !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("a token sees a person's tokens: %v", err)
	}
	if out := must(t, "", "tokens", "list", "--as", "ada@acme.test"); !strings.Contains(out, "onelicense on ") {
		t.Errorf("the tokens:\n%s", out)
	}
}
