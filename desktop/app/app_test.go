package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/zalando/go-keyring"
)

var testPages = fstest.MapFS{
	"index.html":    {Data: []byte("<!doctype html><html><head><title>One License</title></head><body></body></html>")},
	"assets/app.js": {Data: []byte("export {}")},
}

// start opens the program on a directory, with the embedded server on a port of its own.
func start(t *testing.T, dir string, c Config) *App {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, settingsFile)); err != nil {
		write(t, filepath.Join(dir, settingsFile), `{"listen":"127.0.0.1:0"}`)
	}
	c.Dir, c.Pages = dir, testPages
	a, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Start(t.Context())
	return a
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// page makes requests as a script in the window does, with the CSRF token of its session.
type page struct {
	t    *testing.T
	app  http.Handler
	csrf string
}

func (p *page) ask(method, path, body string) (int, string) {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, "wails://wails"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Origin", "wails://wails")
	r.Header.Set("X-CSRF-Token", p.csrf)
	w := httptest.NewRecorder()
	p.app.ServeHTTP(w, r)
	if cookie := w.Header().Get("Set-Cookie"); cookie != "" {
		p.t.Errorf("%s %s: the page was shown a cookie: %s", method, path, cookie)
	}
	return w.Code, w.Body.String()
}

func (p *page) must(method, path, body string) map[string]any {
	p.t.Helper()
	code, text := p.ask(method, path, body)
	if code >= 300 {
		p.t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	answer := map[string]any{}
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			p.t.Fatal(err)
		}
	}
	return answer
}

// enter requests the session, as every page does first.
func enter(t *testing.T, a *App) *page {
	t.Helper()
	p := &page{t: t, app: a}
	p.csrf, _ = p.must("GET", sessionPath, "")["csrf_token"].(string)
	return p
}

// license creates a product and a license, and returns its file and keys.
func (p *page) license() (file, keys string) {
	p.t.Helper()
	product := p.must("POST", "/api/v1/products", `{"name":"Acme CAD"}`)["id"]
	version := p.must("POST", fmt.Sprintf("/api/v1/products/%s/versions", product),
		`{"name":"2027","policy":{"type":"calls","trigger":"interval","interval_ms":3600000,"max_retries":3,"grace_ms":86400000,`+
			`"activation_limit":20}}`)["id"]
	license := p.must("POST", fmt.Sprintf("/api/v1/versions/%s/licenses", version),
		`{"name":"Plant 7","customer":"Initech","contexts":["ui"],"entitlements":[{"name":"rendering","slots":4}],"allowance":1000}`)["id"]
	_, file = p.ask("GET", fmt.Sprintf("/api/v1/licenses/%s/file", license), "")
	_, keys = p.ask("GET", fmt.Sprintf("/api/v1/products/%s/public-keys", product), "")
	return file, keys
}

// proves part of N09
func TestFirstStart(t *testing.T) {
	keyring.MockInit()
	dir := t.TempDir()
	a := start(t, dir, Config{})
	enter(t, a).license()
	if _, err := os.Stat(filepath.Join(dir, passwordFile)); err == nil {
		t.Error("the password is in a file although there is a keychain")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := enter(t, start(t, dir, Config{}))
	if _, text := again.ask("GET", "/api/v1/products", ""); !strings.Contains(text, "Acme CAD") {
		t.Errorf("the second start shows %s", text)
	}
}

func TestNoKeychain(t *testing.T) {
	keyring.MockInitWithError(errors.New("no keychain"))
	t.Cleanup(keyring.MockInit)
	dir := t.TempDir()
	a := start(t, dir, Config{})
	enter(t, a)
	info, err := os.Stat(filepath.Join(dir, passwordFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the password's file: %v, %v", info, err)
	}
	if w, err := (&Native{a}).ServerLocation(); err != nil || w.Secret != inFile || w.Server != Embedded ||
		!strings.HasPrefix(w.Address, "http://127.0.0.1:") {
		t.Errorf("Where: %+v, %v", w, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	enter(t, start(t, dir, Config{}))
}

// A session that has ended, by logging out or by expiry, is replaced when a page requests its session, and at no other time.
func TestNewSession(t *testing.T) {
	keyring.MockInit()
	a := start(t, t.TempDir(), Config{})
	p := enter(t, a)
	p.must("DELETE", sessionPath, "")
	if code, _ := p.ask("GET", "/api/v1/products", ""); code != http.StatusUnauthorized {
		t.Errorf("after logging out the products answer %d", code)
	}
	before := p.csrf
	p = enter(t, a)
	if p.csrf == "" || p.csrf == before {
		t.Error("there is no new session")
	}
	if code, _ := p.ask("GET", "/api/v1/products", ""); code != http.StatusOK {
		t.Errorf("in the new session the products answer %d", code)
	}
}

func TestPagesTokenIsRequired(t *testing.T) {
	keyring.MockInit()
	p := enter(t, start(t, t.TempDir(), Config{}))
	p.csrf = ""
	if code, text := p.ask("POST", "/api/v1/products", `{"name":"x"}`); code != http.StatusForbidden {
		t.Errorf("without the token: %d %s", code, text)
	}
}

// Programs on this machine connect by the loopback listener, where no session exists.
func TestProgramsReachTheServer(t *testing.T) {
	keyring.MockInit()
	a := start(t, t.TempDir(), Config{})
	enter(t, a)
	w, err := a.serverLocation()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/livez": http.StatusOK, sessionPath: http.StatusUnauthorized} {
		reply, err := http.Get(w.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != want {
			t.Errorf("%s answers %d, not %d", path, reply.StatusCode, want)
		}
	}
}

func TestPages(t *testing.T) {
	keyring.MockInit()
	a := start(t, t.TempDir(), Config{})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	where, err := a.serverLocation()
	if err != nil {
		t.Fatal(err)
	}
	if want := `<head><meta name="onelicense-server" content="` + where.Address + `"><title>`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the first page is %s", w.Body)
	}
	if w.Header().Get("Content-Security-Policy") != pagesPolicy {
		t.Error("the first page has no policy")
	}
	for path, want := range map[string]int{"/assets/app.js": 200, "/assets/none.js": 404, "/setup": 404} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s answers %d, not %d", path, w.Code, want)
		}
	}
}

func TestNoPages(t *testing.T) {
	_, err := Open(Config{Dir: t.TempDir(), Pages: fstest.MapFS{".gitkeep": {}}})
	if err == nil || !strings.Contains(err.Error(), "without its pages") {
		t.Errorf("without pages: %v", err)
	}
}

// A second process leaves everything to the first, and says so if its window opens all the same.
func TestSecondStart(t *testing.T) {
	keyring.MockInit()
	dir := t.TempDir()
	enter(t, start(t, dir, Config{}))
	second := start(t, dir, Config{Server: "https://elsewhere.example"})
	if code, text := (&page{t: t, app: second}).ask("GET", sessionPath, ""); code != http.StatusServiceUnavailable ||
		!strings.Contains(text, "already open") {
		t.Errorf("the second answers %d %s", code, text)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, settingsFile)); bytes.Contains(text, []byte("elsewhere")) {
		t.Errorf("the second has changed the settings: %s", text)
	}
}

func TestRemoteServer(t *testing.T) {
	var seen []http.Header
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		http.SetCookie(w, &http.Cookie{Name: "onelicense_session", Value: "s3cret", Path: "/", HttpOnly: true})
		_, _ = io.WriteString(w, `{"csrf_token":"c"}`)
	}))
	dir := t.TempDir()
	p := enter(t, start(t, dir, Config{Server: remote.URL}))
	p.must("GET", "/api/v1/products", "")
	if last := seen[len(seen)-1]; last.Get("Cookie") != "onelicense_session=s3cret" || last.Get("Origin") != "" ||
		last.Get("X-CSRF-Token") != "c" {
		t.Errorf("the server saw %v", last)
	}
	remote.Close()
	if code, text := p.ask("GET", "/api/v1/products", ""); code != http.StatusBadGateway || !strings.Contains(text, "no_network") {
		t.Errorf("a server that is away: %d %s", code, text)
	}
	if _, err := os.Stat(filepath.Join(dir, "server")); err == nil {
		t.Error("a server was made in the program, too")
	}
}

func TestUseServer(t *testing.T) {
	keyring.MockInit()
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"csrf_token":"theirs"}`)
	}))
	defer remote.Close()
	dir := t.TempDir()
	a := start(t, dir, Config{})
	n := &Native{a}
	ours := enter(t, a).csrf
	if err := n.UseServer(remote.URL); err != nil {
		t.Fatal(err)
	}
	if got := enter(t, a).csrf; got != "theirs" {
		t.Errorf("after the change the token is %q", got)
	}
	if err := n.UseServer(Embedded); err != nil {
		t.Fatal(err)
	}
	if got := enter(t, a).csrf; got == "theirs" || got == ours || got == "" {
		t.Errorf("back on the embedded server the token is %q", got)
	}
	for _, wrong := range []string{"", "http://example.com", "https://", "https://host/path", "ftp://host", "https://me:pw@host", "here"} {
		if err := n.UseServer(wrong); err == nil {
			t.Errorf("%q was taken for a server", wrong)
		}
	}
	if w, err := n.ServerLocation(); err != nil || w.Server != Embedded {
		t.Errorf("after refused addresses: %+v, %v", w, err)
	}
}
