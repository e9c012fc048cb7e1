package servertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/api"
)

// User is a client of the management API: a person with a browser, or a program with an API token.
type User struct {
	Server  *Server
	Browser http.Client
	CSRF    string // token of the session, sent with every request but GET
	Bearer  string // an API token; empty for a person
}

// Do sends a request to a path below api.Prefix, as a page would. A body is JSON: a string is sent as it is, anything else is encoded.
func (u *User) Do(method, path string, body any) Reply {
	u.Server.Helper()
	return u.DoWithHeaders(nil, method, path, body)
}

// DoWithHeaders sends a request with additional headers.
func (u *User) DoWithHeaders(headers map[string]string, method, path string, body any) Reply {
	u.Server.Helper()
	header := http.Header{}
	for name, value := range headers {
		header.Set(name, value)
	}
	if u.CSRF != "" && method != "GET" {
		header.Set("X-CSRF-Token", u.CSRF)
	}
	if u.Bearer != "" {
		header.Set("Authorization", "Bearer "+u.Bearer)
	}
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
		header.Set("Content-Type", "application/json")
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			u.Server.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
	}
	r := u.Send(method, api.Prefix+path, header, text)
	var session struct {
		CSRF string `json:"csrf_token"`
	}
	if json.Unmarshal(r.Body, &session) == nil && session.CSRF != "" {
		u.CSRF = session.CSRF
	}
	return r
}

// Send sends a request as it is to a path of the server.
func (u *User) Send(method, path string, header http.Header, body []byte) Reply {
	u.Server.Helper()
	request, err := http.NewRequestWithContext(u.Server.Context(), method, u.Server.URL+path, bytes.NewReader(body))
	if err != nil {
		u.Server.Fatal(err)
	}
	request.Header = header
	response, err := u.Browser.Do(request)
	if err != nil {
		u.Server.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		u.Server.Fatal(err)
	}
	// No reply, good or bad, discloses a secret.
	for _, secret := range []string{Password, "argon2", "PRIVATE KEY", "goroutine", ".go:"} {
		if strings.Contains(string(text), secret) {
			u.Server.Errorf("%s %s discloses %q: %s", method, path, secret, text)
		}
	}
	r := Reply{u.Server.TB, response.StatusCode, response.Header, text}
	if u.Server.OnReply != nil {
		u.Server.OnReply(method, path, r)
	}
	return r
}

// Must sends a request, requires a status, and returns the reply's JSON object; nil for an empty body.
func (u *User) Must(status int, method, path string, body any) map[string]any {
	u.Server.Helper()
	r := u.Do(method, path, body)
	if r.Status != status {
		u.Server.Fatalf("%s %s: %d, want %d: %s", method, path, r.Status, status, r.Body)
	}
	if len(r.Body) == 0 {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(r.Body, &m); err != nil {
		u.Server.Fatalf("%s %s: %v: %s", method, path, err, r.Body)
	}
	return m
}

// CreateLicense creates a product, a version whose policy has a type, and a license with a body such as LicenseBody's. It returns the ids.
func (u *User) CreateLicense(policyType string, license map[string]any) (product, version, id string) {
	u.Server.Helper()
	product = ID(u.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}))
	version = ID(u.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{
		"name": "1", "policy": map[string]any{"type": policyType, "activation_limit": 10, "grace_ms": 60000},
	}))
	return product, version, ID(u.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", license))
}

// LicenseBody returns the body for creating a license with 4 slots of solid_modeling, and rendering.
func LicenseBody(name string) map[string]any {
	return map[string]any{
		"name": name, "customer": "Initech", "contexts": []string{"ui", "automation"},
		"entitlements": []map[string]any{{"name": "solid_modeling", "slots": 4}, {"name": "rendering"}},
	}
}

// ID returns the id of a record.
func ID(record map[string]any) string { return record["id"].(string) }

// Reply is the response to a request.
type Reply struct {
	TB     testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// Decode parses the JSON body of a reply, which must not be an error.
func (r Reply) Decode(v any) {
	r.TB.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil || r.Status >= 300 {
		r.TB.Errorf("%d %v: %s", r.Status, err, r.Body)
	}
}

// Problem is the document of a refusal.
type Problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Errors                    []struct{ Field, Detail string }
}

// WantProblem requires a well-formed problem document with a status and a code.
func (r Reply) WantProblem(status int, code string) Problem {
	r.TB.Helper()
	p := r.Problem()
	if p.Status != status || p.Code != code {
		r.TB.Errorf("got %d %s, want %d %s: %s", p.Status, p.Code, status, code, r.Body)
	}
	return p
}

// Problem requires a well-formed problem document and returns it.
func (r Reply) Problem() (p Problem) {
	r.TB.Helper()
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		r.TB.Errorf("content type %q of %d %s", got, r.Status, r.Body)
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		r.TB.Errorf("%v: %s", err, r.Body)
	}
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Code == "" || p.Status != r.Status {
		r.TB.Errorf("status %d, incomplete: %s", r.Status, r.Body)
	}
	return p
}
