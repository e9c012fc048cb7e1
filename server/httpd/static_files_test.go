package httpd

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/frontend"
)

// get requests one path of an app.
func get(t *testing.T, app *fiber.App, path string, header http.Header) (answer, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := app.Test(r, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header}, string(body)
}

// answer is the head of an HTTP response.
type answer struct {
	StatusCode int
	Header     http.Header
}

// appOf returns an app that serves a build of these files.
func appOf(t *testing.T, files map[string]string) *fiber.App {
	t.Helper()
	build := fstest.MapFS{".gitkeep": {}}
	for name, text := range files {
		build[name] = &fstest.MapFile{Data: []byte(text)}
	}
	s := &Server{options: Options{Log: slog.New(slog.DiscardHandler)}}
	s.app = s.newApp()
	if err := s.registerPages(s.app, build); err != nil {
		t.Fatal(err)
	}
	return s.app
}

var staticBuild = map[string]string{
	"index.html": "<p>plain</p>", "index.html.br": "small", "index.html.gz": "medium",
	"scheme.js": "1", "assets/client-1.wasm": "\x00asm", "assets/index-1.js": "2", "assets/index-1.js.gz": "3",
}

func TestPagesContentTypesAndCSP(t *testing.T) {
	app := appOf(t, staticBuild)
	for _, c := range []struct{ path, kind, cache, body string }{
		{"/", "text/html; charset=utf-8", "no-cache", "<p>plain</p>"},
		{"/index.html", "text/html; charset=utf-8", "no-cache", "<p>plain</p>"},
		{"/scheme.js", "text/javascript; charset=utf-8", "no-cache", "1"},
		{"/assets/client-1.wasm", "application/wasm", immutableCache, "\x00asm"},
		{"/assets/index-1.js", "text/javascript; charset=utf-8", immutableCache, "2"},
	} {
		r, body := get(t, app, c.path, nil)
		if r.StatusCode != http.StatusOK || body != c.body {
			t.Errorf("%s: %d %q", c.path, r.StatusCode, body)
		}
		for name, want := range map[string]string{
			"Content-Type": c.kind, "Cache-Control": c.cache, "Content-Security-Policy": pagesCSP, "X-Content-Type-Options": "nosniff",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
	}
}

func TestPagesContentEncoding(t *testing.T) {
	app := appOf(t, staticBuild)
	for _, c := range []struct{ path, accept, encoding, body string }{
		{"/", "gzip, deflate, br", "br", "small"},
		{"/", "gzip, br;q=0", "gzip", "medium"},
		{"/", "br;q=0.5", "br", "small"},
		{"/", "GZIP", "gzip", "medium"},
		{"/", "gzip; q=0.000", "", "<p>plain</p>"},
		{"/", "", "", "<p>plain</p>"},
		{"/assets/index-1.js", "br", "", "2"},
		{"/scheme.js", "br, gzip", "", "1"},
	} {
		r, body := get(t, app, c.path, http.Header{"Accept-Encoding": {c.accept}})
		if got := r.Header.Get("Content-Encoding"); got != c.encoding || body != c.body {
			t.Errorf("%s, accepting %q: %q %q", c.path, c.accept, got, body)
		}
		if varies := r.Header.Get("Vary") == "Accept-Encoding"; varies != (c.path != "/scheme.js") {
			t.Errorf("%s: Vary is %q", c.path, r.Header.Get("Vary"))
		}
	}
}

func TestOnlyBuiltFilesAreServed(t *testing.T) {
	app := appOf(t, staticBuild)
	for _, path := range []string{
		"/index.html.br", "/.gitkeep", "/assets", "/assets/", "/assets/../index.html", "/products", "/api", "/api/v1", "/api/v1/nothing", "/api/",
	} {
		r, body := get(t, app, path, http.Header{"Accept": {"text/html"}})
		if r.StatusCode != http.StatusNotFound || r.Header.Get("Content-Type") != "application/problem+json" ||
			!strings.Contains(body, "no_route") {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
}

// proves U01
func TestSetupLinkRedirectsToPages(t *testing.T) {
	app := appOf(t, staticBuild)
	token := strings.Repeat("0f", 32)
	browser := http.Header{"Accept": {"text/html,application/xhtml+xml"}}
	for path, want := range map[string]string{
		"/setup?token=" + token: "/#/setup?token=" + token,
		"/setup?token=%22":      "/#/setup",
		"/setup":                "/#/setup",
	} {
		if r, _ := get(t, app, path, browser); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q", path, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

func TestServerWithoutPages(t *testing.T) {
	r, body := get(t, appOf(t, nil), "/", http.Header{"Accept": {"text/html"}})
	if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") ||
		!strings.Contains(body, "make build") {
		t.Errorf("%d %q", r.StatusCode, body)
	}
}

func TestEmbeddedPages(t *testing.T) {
	if _, err := findStaticFiles(frontend.Assets()); err != nil {
		t.Fatal(err)
	}
}
