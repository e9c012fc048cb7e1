package apicmd

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/apiclient"
)

const (
	product   = "5edb10fecc150913cb7640f6"
	version   = "5edb1105cc150913cb7640f7"
	licenseID = "5edb1264cc150913cb7640f8"
)

// respondJSON responds with these JSON texts, one for each request.
func respondJSON(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, texts[0])
		texts = texts[1:]
	}
}

// Members come from a file and from flags, and flags override the file.
func TestBodyFromFileAndFlags(t *testing.T) {
	l := newTestServer(t)
	_, _, err := run(
		t,
		`{"name":"Big","contexts":["ui"],"entitlements":[],"metadata":{"a":"b"},"overrides":{"grace_ms":5}}`,
		"licenses",
		"create",
		version,
		"--file=-",
		"--contexts=ui,automation",
		"--contexts=cli",
		"--entitlements",
		"name=rendering,slots=5",
		"--entitlements",
		`{"name":"export"}`,
		"--metadata",
		"note=x=y",
		"--metadata",
		"kind=big",
		"--overrides.max_retries",
		"3",
		"--allowance=9007199254740993",
	)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"Big","contexts":["ui","automation","cli"],"entitlements":[{"name":"rendering","slots":5},{"name":"export"}],` +
		`"metadata":{"note":"x=y","kind":"big"},"overrides":{"grace_ms":5,"max_retries":3},"allowance":9007199254740993}`
	if got := l.requests[0].body; !sameBody(got, []byte(want)) || !strings.Contains(string(got), "9007199254740993") {
		t.Errorf("it sends %s", got)
	}
	if kind := l.requests[0].header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("it sends %s", kind)
	}
}

// What cannot be valid is a mistake on the command line, and nothing is sent.
func TestUsageErrors(t *testing.T) {
	l := newTestServer(t)
	for name, args := range map[string][]string{
		"missing members":    {"licenses", "create", version},
		"an unknown word":    {"versions", "create", product, "--policy.type=eternal"},
		"no number":          {"licenses", "create", version, "--allowance=many"},
		"no time flag":       {"licenses", "create", version, "--expired=x"},
		"no pair":            {"products", "create", "--name=x", "--metadata=x"},
		"an unknown member":  {"licenses", "create", version, "--entitlements=name=a,seats=5"},
		"a path in an id":    {"products", "get", "../products"},
		"no id":              {"products", "get"},
		"two ids":            {"products", "get", product, version},
		"no such file":       {"products", "create", "--file=/nowhere"},
		"a list as the body": {"products", "create", "--file=-"},
		"unconfirmed":        {"products", "delete", product},
		"an unknown verb":    {"products", "destroy"},
		"an unknown profile": {"products", "list", "--profile=nobody"},
		"no address":         {"products", "list", "--server=licenses.example.com"},
	} {
		if _, _, err := run(t, `[1]`, args...); err == nil {
			t.Errorf("%s: %q is taken", name, args)
		}
	}
	if len(l.requests) != 0 {
		t.Errorf("it asks %v", l.requests)
	}
}

// An edit without a revision reads the record first and uses its revision.
func TestEditReadsTheRevision(t *testing.T) {
	l := newTestServer(t)
	l.respond = respondJSON(`{"id":"`+product+`","revision":41}`, `{"id":"`+product+`","name":"CAM","revision":42}`, `{}`)
	out, _, err := run(t, "", "products", "update", product, "--name", "CAM")
	if err != nil || !strings.Contains(out, "CAM") {
		t.Fatal(out, err)
	}
	if len(l.requests) != 2 || l.requests[0].method != "GET" || !sameBody(l.requests[1].body, []byte(`{"name":"CAM","revision":41}`)) {
		t.Errorf("it asks %v", l.requests)
	}
	if _, _, err := run(t, "", "products", "update", product, "--name", "CAM", "--revision", "7"); err != nil || len(l.requests) != 3 {
		t.Errorf("%v; it asks %v", err, l.requests)
	}
	l.respond = respondJSON(`{}`)
	if _, _, err := run(t, "", "products", "update", product, "--name", "CAM", "--if-match", `"7"`); err != nil ||
		l.requests[3].header.Get("If-Match") != `"7"` ||
		strings.Contains(string(l.requests[3].body), "revision") {
		t.Errorf("%v; it asks %v", err, l.requests)
	}
}

// The server replaces a nested record, and with PUT the whole record: members that an edit does not name keep their values.
func TestEditKeepsUnnamedMembers(t *testing.T) {
	const there = `{"id":"` + version +
		`","name":"1.0","revision":41,"policy":{"type":"calls","trigger":"every_call","interval_ms":60000,"grace_ms":7,"of_tomorrow":1}}`
	const terms = `{"id":"` + licenseID + `","status":"active","revision":5,"overrides":{"grace_ms":9,"interval_ms":60000}}`
	const door = `{"require_mfa":false,"revision":3,"oidc":{"issuer":"https://login.example.com","client_id":"me","domains":["example.com"]}}`
	for name, c := range map[string]struct {
		there, sent string
		args        []string
	}{
		"one of a policy": {there, `{"policy":{"type":"calls","trigger":"every_call","interval_ms":60000,"grace_ms":8},"revision":41}`,
			[]string{"versions", "update", version, "--policy.grace-ms=8"}},
		"of a revision that was read before": {there,
			`{"policy":{"type":"calls","trigger":"every_call","interval_ms":60000,"grace_ms":8},"revision":40}`,
			[]string{"versions", "update", version, "--policy.grace-ms=8", "--revision=40"}},
		"an ETag that was read before": {there, `{"policy":{"type":"calls","trigger":"every_call","interval_ms":60000,"grace_ms":8}}`,
			[]string{"versions", "update", version, "--policy.grace-ms=8", `--if-match="40"`}},
		"nothing of the policy": {there, `{"name":"2.0","revision":41}`, []string{"versions", "update", version, "--name=2.0"}},
		"a first override": {`{"revision":5,"overrides":{}}`, `{"overrides":{"grace_ms":8},"revision":5}`, []string{"licenses", "update",
			licenseID, "--overrides.grace-ms=8"}},
		"an override is taken away": {terms, `{"overrides":{"interval_ms":60000},"revision":5}`,
			[]string{"licenses", "update", licenseID, "--overrides.grace-ms=null"}},
		"the rules of the door": {door,
			`{"require_mfa":true,"revision":3,"oidc":{"issuer":"https://login.example.com","client_id":"me","domains":["example.com"]}}`,
			[]string{"organisation", "update-access-settings", "--require-mfa"}},
		"a provider's client": {door,
			`{"require_mfa":false,"revision":3,"oidc":{"issuer":"https://login.example.com","client_id":"you","domains":["example.com"]}}`,
			[]string{"organisation", "update-access-settings", "--oidc.client-id=you"}},
		"no provider any more": {door, `{"require_mfa":false,"revision":3}`, []string{"organisation", "update-access-settings", "--file=-"}},
	} {
		l := newTestServer(t)
		l.respond = respondJSON(c.there, `{}`)
		if _, _, err := run(t, `{"require_mfa":false}`, c.args...); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := l.requests[len(l.requests)-1].body; !sameBody(got, []byte(c.sent)) {
			t.Errorf("%s: it sends %s, want %s", name, got, c.sent)
		}
	}
	l := newTestServer(t)
	if _, _, err := run(t, "", "versions", "create", product, "--name=1", "--policy.type=calls", "--policy.grace-ms=null"); err == nil ||
		len(l.requests) != 0 {
		t.Errorf("nothing is there to take it away from: %v", err)
	}
}

func TestNullValues(t *testing.T) {
	l := newTestServer(t)
	if _, _, err := run(t, "", "licenses", "update", version, "--expires", "null", "--revision", "1"); err != nil {
		t.Fatal(err)
	}
	if !sameBody(l.requests[0].body, []byte(`{"expires":null,"revision":1}`)) {
		t.Errorf("it sends %s", l.requests[0].body)
	}
}

// A list is a table for people and JSON for programs; a name with control characters is printed without effect on the terminal.
func TestLists(t *testing.T) {
	l := newTestServer(t)
	first := `{"items":[{"id":"1","name":"CAD\u001b[2J\u202e","archived":false,"metadata":{},"revision":1}],"next":"c2"}`
	second := `{"items":[{"id":"2","name":"CAM","archived":true,"metadata":{},"revision":1}]}`
	l.respond = respondJSON(first, first, second, first, second, `{"items":[]}`)

	out, errs, err := run(t, "", "products", "list", "--limit=1")
	if err != nil || !strings.HasPrefix(out, "ID  NAME") || !strings.Contains(out, `CAD\x1b[2J\u202e`) ||
		!strings.Contains(errs, "--cursor c2") {
		t.Errorf("%q %q %v", out, errs, err)
	}
	out, errs, err = run(t, "", "products", "list", "--limit=1", "--all")
	if lines := strings.Count(out, "\n"); err != nil || lines != 3 || errs != "" {
		t.Errorf("%q %q %v", out, errs, err)
	}
	if last := l.requests[2].query; last.Get("cursor") != "c2" || last.Get("limit") != "1" {
		t.Errorf("the second page is asked for with %v", last)
	}
	out, _, err = run(t, "", "products", "list", "--all", "--json")
	if want := `{"items":[` + first[len(`{"items":[`):len(first)-len(`],"next":"c2"}`)] + `,` + second[len(`{"items":[`):]; err != nil ||
		!sameBody([]byte(out), []byte(want)) {
		t.Errorf("%s %v, want %s", out, err, want)
	}
	if out, _, err = run(t, "", "products", "list"); err != nil || out != "none\n" {
		t.Errorf("%q %v", out, err)
	}
}

// A table shows the columns that have values, also those of nested records; a terminal that is too narrow gets records.
func TestTable(t *testing.T) {
	l := newTestServer(t)
	events := `{"items":[{"id":"evt_1","type":"activation.refused","timestamp":"2030-01-02T03:04:05Z",` +
		`"data":{"organisation":"o","customer":"Globex","details":{"code":"machine_limit"}}},` +
		`{"id":"evt_2","type":"license.created","timestamp":"2030-01-02T03:04:04Z","data":{"organisation":"o","customer":"","details":{}}}]}`
	l.respond = respondJSON(events)
	out, _, err := run(t, "", "events", "list")
	want := "ID     DATA CUSTOMER  DATA DETAILS        TIMESTAMP             TYPE\n" +
		"evt_1  Globex         code=machine_limit  2030-01-02T03:04:05Z  activation.refused\n" +
		"evt_2  -              -                   2030-01-02T03:04:04Z  license.created\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	if got := maxLineWidth(out); got != 82 {
		t.Errorf("it is %d wide", got)
	}
	records := formatRecords([]column{{"id"}, {"data", "customer"}}, []any{
		map[string]any{"id": "1", "data": map[string]any{"customer": "Globex"}}, map[string]any{"id": "2", "data": nil},
	})
	if want := "id             1\ndata.customer  Globex\n\nid  2\n"; records != want {
		t.Errorf("%q", records)
	}
}

// Each item of a bulk operation says whether it succeeded, and one that failed makes the command fail.
func TestPartialFailure(t *testing.T) {
	l := newTestServer(t)
	const done = `{"items":[{"id":"` + version + `"},{"id":"` + licenseID +
		`","error":{"code":"not_found","detail":"there is no such record","status":404}}]}`
	l.respond = respondJSON(done, done, `{"items":[{"id":"`+version+`"}]}`)
	for _, format := range [][]string{nil, {"--json"}} {
		out, _, err := run(t, "", append([]string{"licenses", "suspend-many", "--ids", version + "," + licenseID}, format...)...)
		if err == nil || err.Error() != "1 of 2 failed" || !strings.Contains(out, "there is no such record") {
			t.Errorf("%v: %v\n%s", format, err, out)
		}
	}
	if _, _, err := run(t, "", "licenses", "suspend-many", "--ids", version); err != nil {
		t.Error(err)
	}
}

func TestRecord(t *testing.T) {
	l := newTestServer(t)
	l.respond = respondJSON(
		`{"name":"v1","id":"2","policy":{"type":"calls","grace_ms":12345678901234567},` +
			`"contexts":["a","b"],"entitlements":[{"name":"x","slots":5},{"name":"y"}]}`,
	)
	out, _, err := run(t, "", "versions", "get", version)
	want := "id               2\nname             v1\ncontexts         a,b\nentitlements     name=x,slots=5\nentitlements     name=y\n" +
		"policy.grace_ms  12345678901234567\npolicy.type      calls\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// A text response goes to standard output or to a file, unchanged.
func TestTextResponse(t *testing.T) {
	l := newTestServer(t)
	l.respond = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=us-ascii")
		_, _ = io.WriteString(w, "one\ntwo\n")
	}
	if out, _, err := run(t, "", "licenses", "file", version); err != nil || out != "one\ntwo\n" {
		t.Errorf("%q %v", out, err)
	}
	path := filepath.Join(t.TempDir(), "license.txt")
	if out, _, err := run(t, "", "licenses", "file", version, "--out", path); err != nil || out != "" {
		t.Errorf("%q %v", out, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("%q %v", text, err)
	}
}

// A problem is printed with its title, detail, code, fields and a hint; with --json it is the document.
//
// proves part of B04
func TestProblemOutput(t *testing.T) {
	l := newTestServer(t)
	l.respond = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(
			w,
			`{"type":"about:blank","title":"Unprocessable Entity","status":422,"code":"invalid","detail":"name: is missing",`+
				`"errors":[{"field":"name","detail":"is missing"}]}`,
		)
	}
	out, _, err := run(t, "", "products", "create", "--name=", "--json")
	var p *apiclient.Problem
	if !errors.As(err, &p) || p.Code != "invalid" || !strings.Contains(out, `"code": "invalid"`) {
		t.Fatalf("%v %s", err, out)
	}
	var told strings.Builder
	PrintError(&told, p)
	want := "Unprocessable Entity: name: is missing (invalid)\n  name: is missing\nwhat to do: correct the named values"
	if !strings.HasPrefix(told.String(), want) {
		t.Errorf("it says\n%s", &told)
	}
	if text := hintFor(&apiclient.Problem{Code: "revoked", Status: 403}); text == hintsByStatus[403] {
		t.Errorf("a verdict's own advice is not told: %s", text)
	}
	for _, code := range []string{"", "internal", "of tomorrow"} {
		if hintFor(&apiclient.Problem{Code: code, Status: 500}) == "" {
			t.Errorf("no advice about %q", code)
		}
	}
}

// Tokens are stored for one server, unreadable by others, and sent to no other server.
//
// proves part of B11
func TestProfiles(t *testing.T) {
	l := newTestServer(t)
	t.Setenv("ONELICENSE_URL", "")
	t.Setenv("ONELICENSE_TOKEN", "")
	l.respond = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer olt_good" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"code":"bad_session","status":401,"title":"Unauthorized","detail":"no"}`)
			return
		}
		respondJSON(`{"member":{"email":"ada@acme.test"},"organisation":{"name":"Acme"},"items":[]}`)(w, r)
	}
	if _, _, err := run(t, "olt_bad\n", "login", "--server", l.URL); err == nil {
		t.Error("a token that does not work is stored")
	}
	if _, _, err := run(t, "", "products", "list"); err == nil {
		t.Error("no server is known, and it asks one")
	}
	if out, _, err := run(t, "olt_good\n", "login", "--server", l.URL+"/api/v1#fingerprint"); err != nil ||
		out != "profile default: ada@acme.test of Acme at "+l.URL+"\n" {
		t.Errorf("%q %v", out, err)
	}
	path, err := profilesFile()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, _, err := run(t, "", "products", "list"); err != nil {
		t.Error(err)
	}
	if _, _, err := run(t, "", "products", "list", "--server", l.URL); err != nil {
		t.Errorf("the profile's own server: %v", err)
	}
	other := strings.Replace(l.URL, "127.0.0.1", "localhost", 1)
	l.requests = nil
	if _, _, err := run(t, "", "products", "list", "--server", other); err == nil || l.requests[0].header.Get("Authorization") != "" {
		t.Errorf("another server gets the token: %v", err)
	}
	if _, _, err := run(t, "olt_good", "login", "--server", l.URL, "--profile", "second"); err != nil {
		t.Error(err)
	}
	if _, _, err := run(t, "", "profiles", "default"); err != nil {
		t.Error(err)
	}
	if out, _, err := run(t, "", "profiles"); err != nil || !strings.Contains(out, "* default") || !strings.Contains(out, "  second") ||
		strings.Contains(out, "olt_") {
		t.Errorf("%q %v", out, err)
	}
	if _, _, err := run(t, "", "logout"); err != nil {
		t.Error(err)
	}
	if _, _, err := run(t, "", "products", "list"); err == nil {
		t.Error("logged out, and it asks")
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, "", "products", "list", "--profile", "second"); err == nil || !strings.Contains(err.Error(), "mode to 0600") {
		t.Errorf("tokens that others can read are used: %v", err)
	}
}

func TestCompletion(t *testing.T) {
	newTestServer(t)
	out, _, err := run(t, "", "__complete", "versions", "create", product, "--policy.type", "")
	if err != nil || !strings.Contains(out, "perpetual\n") {
		t.Errorf("%q %v", out, err)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _, err := run(t, "", "completion", shell); err != nil || !strings.Contains(out, "onelicense") {
			t.Errorf("%s: %v", shell, err)
		}
	}
}
