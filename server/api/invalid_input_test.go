package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

// proves S24, S25
func TestInvalidInput(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	deep := strings.Repeat(`{"a":`, 10_500) + "1" + strings.Repeat("}", 10_500)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
		fields                   string // that are named, in order
	}{
		{"empty", "POST", "/products", "", 400, "malformed", ""},
		{"truncated", "POST", "/products", `{"name":"x`, 400, "malformed", ""},
		{"two values", "POST", "/products", `{"name":"x"}{}`, 400, "malformed", ""},
		{"not JSON", "POST", "/products", `name=x`, 400, "malformed", ""},
		{"not UTF-8", "POST", "/products", "{\"name\":\"\xff\"}", 400, "malformed", "name"},
		{"not UTF-8 within", "POST", "/products", "{\"name\":\"x\",\"metadata\":{\"a\":\"\xc3\x28\"}}", 400, "malformed", "metadata.a"},
		{"half a surrogate pair", "POST", "/products", `{"name":"\ud800"}`, 400, "malformed", "name"},
		{"member twice", "POST", "/products", `{"name":"x","name":"y"}`, 400, "malformed", "name"},
		{"member twice within", "POST", "/versions/" + version + "/licenses",
			`{"contexts":["ui"],"entitlements":[{"name":"a"},{"name":"b","slots":1,"slots":2}]}`, 400, "malformed", "entitlements.1.slots"},
		{"member twice, once escaped", "POST", "/products", `{"name":"x","n\u0061me":"y"}`, 400, "malformed", "name"},
		{"deep", "POST", "/products", deep, 400, "malformed", ""},
		{"deep and open", "POST", "/products", strings.Repeat("[", 60_000), 400, "malformed", ""},
		{"null", "POST", "/products", `null`, 422, "invalid", ""},
		{"a list", "POST", "/products", `[]`, 422, "invalid", ""},
		{"a text", "POST", "/products", `"x"`, 422, "invalid", ""},
		{"name missing", "POST", "/products", `{}`, 422, "invalid", "name"},
		{"name null", "POST", "/products", `{"name":null}`, 422, "invalid", "name"},
		{"null where nothing can be wiped out", "PATCH", "/products/" + product, `{"revision":1,"description":null}`, 422, "invalid",
			"description"},
		{"null within", "POST", "/versions/" + version + "/licenses", `{"contexts":["ui"],"entitlements":[{"name":null}]}`, 422,
			"invalid", "entitlements.0.name"},
		{"name a number", "POST", "/products", `{"name":1}`, 422, "invalid", "name"},
		{"name empty", "POST", "/products", `{"name":""}`, 422, "invalid", "name"},
		{"name blank", "POST", "/products", `{"name":" \u3000 "}`, 422, "invalid", "name"},
		{"name with NUL", "POST", "/products", `{"name":"a\u0000b"}`, 422, "invalid", "name"},
		{"name long", "POST", "/products", `{"name":"` + strings.Repeat("x", 201) + `"}`, 422, "invalid", "name"},
		{"unknown member", "POST", "/products", `{"name":"x","id":"5edb1264cc150913cb7640f8"}`, 422, "invalid", "id"},
		{"member in capitals", "POST", "/products", `{"Name":"x"}`, 422, "invalid", "*"},
		{"metadata of numbers", "POST", "/products", `{"name":"x","metadata":{"a":1}}`, 422, "invalid", "metadata.a"},
		{"edit without revision", "PATCH", "/products/" + product, `{"name":"x"}`, 422, "invalid", "revision"},
		{"revision of another time", "PATCH", "/products/" + product, `{"revision":7}`, 409, "edit_conflict", ""},
		{"revision a fraction", "PATCH", "/products/" + product, `{"revision":1.5}`, 422, "invalid", "revision"},
		{"revision beyond numbers", "PATCH", "/products/" + product, `{"revision":1e300}`, 422, "invalid", "revision"},
		{"name taken away", "PATCH", "/products/" + product, `{"revision":1,"name":""}`, 422, "invalid", "name"},
		{"id short", "GET", "/products/5edb", "", 422, "invalid", "id"},
		{"id in capitals", "GET", "/products/5EDB1264CC150913CB7640F8", "", 422, "invalid", "id"},
		{"id of nothing", "GET", "/products/5edb1264cc150913cb7640f8", "", 404, "not_found", ""},
		{"id of another kind", "GET", "/products/" + version, "", 404, "not_found", ""},
		{"policy missing", "POST", "/products/" + product + "/versions", `{"name":"2"}`, 422, "invalid", "policy"},
		{"policy of no type", "POST", "/products/" + product + "/versions", `{"name":"2","policy":{}}`, 422, "invalid", "policy.type"},
		{"policy of unknown type", "POST", "/products/" + product + "/versions", `{"name":"2","policy":{"type":"free"}}`, 422, "invalid",
			"policy.type"},
		{"policy with a deep unknown", "POST", "/products/" + product + "/versions", `{"name":"2","policy":{"type":"time","x":1}}`, 422,
			"invalid", "policy.x"},
		{"two wrongs", "POST", "/versions/" + version + "/licenses", `{"contexts":1,"entitlements":[]}`, 422, "invalid", "contexts"},
		{"no rights", "POST", "/versions/" + version + "/licenses", `{"contexts":["ui"],"entitlements":[]}`, 422, "invalid", "entitlements"},
		{"date that is none", "POST", "/versions/" + version + "/licenses", `{"contexts":["ui"],"entitlements":[{"name":"a"}],"expires":"soon"}`,
			422, "invalid", "expires"},
		{"status is not edited", "PATCH", "/licenses/" + license, `{"revision":1,"status":"active"}`, 422, "invalid", "status"},
		{"activation short", "POST", "/licenses/" + license + "/activations/00/deactivate", "", 422, "invalid", "activation"},
		{"entitlement no name", "DELETE", "/licenses/" + license + "/activations/" + strings.Repeat("0", 64) + "/reservations/%00", "", 422,
			"invalid", "entitlement"},
		{"password too short", "PUT", "/session/password", `{"current_password":"x","new_password":"short"}`, 422, "invalid", "new_password"},
		{"wrong method", "PUT", "/products", `{"name":"x"}`, 405, "method_not_allowed", ""},
		{"no route", "GET", "/nothing", "", 404, "no_route", ""},
		{"slash at the end", "GET", "/products/", "", 404, "no_route", ""},
		{"capitals", "GET", "/Products", "", 404, "no_route", ""},
		{"huge", "POST", "/products", `{"name":"` + strings.Repeat("x", 70_000) + `"}`, 413, "too_large", ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			var body any
			if c.body != "" {
				body = c.body
			}
			// A server that refuses a body before it is read closes the connection on the rest of it: a new one for each case.
			p.Browser.CloseIdleConnections()
			got := p.Do(c.method, c.path, body).WantProblem(c.status, c.code)
			var fields []string
			for _, e := range got.Errors {
				if e.Field != "" {
					fields = append(fields, e.Field)
				}
			}
			if c.fields != "*" && strings.Join(fields, " ") != c.fields {
				t.Errorf("names %q, want %q: %v", fields, c.fields, got)
			}
			for _, field := range fields {
				if !strings.Contains(got.Detail, field) {
					t.Errorf("the text does not name %s: %s", field, got.Detail)
				}
			}
		})
	}
	for _, path := range []string{"/products/" + product, "/versions/" + version, "/licenses/" + license} {
		if got := p.Must(http.StatusOK, "GET", path, nil); got["revision"] != 1.0 {
			t.Errorf("something was written: %v", got)
		}
	}
	if got := p.Must(http.StatusOK, "GET", "/products", nil)["items"].([]any); len(got) != 1 {
		t.Errorf("something was made: %v", got)
	}
}

// Errors name the invalid member and never repeat its value: it may be a password in the wrong place.
func TestErrorsDoNotRepeatValues(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.anonymous()
	for _, body := range []string{
		`{"email":"a@b.test","password":"` + password + `","more":"` + password + `"}`,
		`{"email":["` + password + `"],"password":1}`,
		`{"email":"` + password,
	} {
		p.Do("POST", "/session", body).Problem() // each answer is searched for the password
	}
	if strings.Contains(w.Log.String(), password) {
		t.Errorf("the log repeats it:\n%s", w.Log)
	}
}

// proves S25
func TestUnroutableRequests(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	for name, c := range map[string]struct {
		text   string
		status int
		code   string
	}{
		"no HTTP":        {"hello\r\n\r\n", 400, "malformed"},
		"header huge":    {"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", 431, "header_too_large"},
		"body announced": {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413, "too_large"},
		"no such method": {"BREW /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprint(conn, c.text); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			servertest.Reply{TB: t, Status: response.StatusCode, Header: response.Header, Body: body}.WantProblem(c.status, c.code)
		})
	}
}

// proves S25
func TestPanicBecomesInternalError(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	w.Clock.Broken.Store(true)
	p.Do("GET", "/session", nil).WantProblem(http.StatusInternalServerError, "internal")
	w.Clock.Broken.Store(false)
	p.Must(http.StatusOK, "GET", "/session", nil)
	if !strings.Contains(w.Log.String(), "the clock is broken") {
		t.Error("the log does not say what happened")
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	for _, path := range []string{"/api/v1/session", "/api/v1/nothing", "/livez", "/setup"} {
		h := http.Header{"Origin": {"https://elsewhere.example"}}
		r := w.anonymous().Send("GET", path, h, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Access-Control-Allow-Origin": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if r.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
}

// Programs without a clock send the earliest time that can be represented. It is not the zero value.
//
// proves part of S24
func TestEarliestTimestampIsNotZero(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	for _, at := range []string{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0004Z"} {
		made := servertest.LicenseBody("Two")
		made["expires"] = at
		kept := servertest.LicenseBody("Three")
		kept["maintenance"] = at
		for _, try := range []struct {
			method, path, field string
			body                map[string]any
		}{
			{"POST", "/tokens", "expires", map[string]any{"name": "x", "scope": []string{"catalogue.read"}, "expires": at}},
			{"POST", "/versions/" + version + "/licenses", "expires", made},
			{"POST", "/versions/" + version + "/licenses", "maintenance", kept},
			{"POST", "/versions/" + version + "/licenses/bulk", "template.expires", map[string]any{"count": 1, "template": made}},
			{"PATCH", "/licenses/" + id, "expires", map[string]any{"revision": 1, "expires": at}},
			{"PATCH", "/versions/" + version, "released", map[string]any{"revision": 1, "released": at}},
			{"POST", "/products/" + product + "/keys", "expires", map[string]any{"use": "file", "expires": at}},
		} {
			if wrong := p.Do(try.method, try.path, try.body).WantProblem(http.StatusUnprocessableEntity, "invalid"); len(wrong.Errors) != 1 ||
				wrong.Errors[0].Field != try.field {
				t.Errorf("%s %s: %+v", try.method, try.path, wrong)
			}
		}
	}
}

// A query with unknown parameters is refused: otherwise a mistyped filter would return an unfiltered list.
//
// proves part of S24
func TestInvalidQueryIsRefused(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	for query, field := range map[string]string{
		"search=%zz": "query", "search=a;limit=1": "query", "search=a;b": "query", "limit=1&limit=2": "limit", "sort=name&sort=-name": "sort",
		"search=&search=a": "search",
	} {
		wrong := p.Send("GET", "/api/v1/products?"+query, http.Header{}, nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
		if len(wrong.Errors) != 1 || wrong.Errors[0].Field != field {
			t.Errorf("%s: %+v", query, wrong)
		}
	}
}
