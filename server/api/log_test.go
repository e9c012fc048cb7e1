package api_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// With all levels logged, no secret that is sent or received, valid or not, appears in the log.
//
// proves part of S28
func TestLogContainsNoSecrets(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	const wrong = "a wrong horse battery"
	p := w.owner()
	cookies := p.Browser.Jar.Cookies(mustURL(t, w.URL))
	if len(cookies) != 1 || p.CSRF == "" {
		t.Fatalf("%v %q", cookies, p.CSRF)
	}
	token := p.Must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "CI",
		"expires": w.Clock.Now().Add(time.Hour).Format(time.RFC3339), "scope": []string{"catalogue.read"}})["secret"].(string)
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	w.anonymous().Send("GET", "/api/v1/products", bearer, nil)
	bearer = http.Header{"Authorization": {"Bearer " + token + "x"}}
	w.anonymous().Send("GET", "/api/v1/products", bearer, nil)
	w.anonymous().Send("GET", "/setup?token="+w.SetupToken, http.Header{}, nil)
	w.anonymous().Send("GET", "/api/v1/session?password="+url.QueryEscape(wrong), http.Header{}, nil)
	w.anonymous().Do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": wrong})
	w.anonymous().Do("POST", "/session", `{"email":"owner@acme.test","password":["`+wrong+`"]}`)
	p.Do("PUT", "/session/password", map[string]string{"current_password": wrong, "new_password": "another horse battery"})
	p.Do("PUT", "/session/password", map[string]string{"current_password": password, "new_password": "another horse battery"})
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := newDevice(p, product, version, id)
	d.MustSync()
	w.Clock.Broken.Store(true) // and when it fails
	p.Do("GET", "/session", nil)
	w.anonymous().Send("GET", "/api/v1/products", bearer, nil)
	w.anonymous().Do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": wrong})
	w.Clock.Broken.Store(false)

	log := w.Log.String()
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "level=ERROR") {
		t.Fatalf("it logs too little to tell:\n%s", log)
	}
	for what, secret := range map[string]string{
		"the setup token": w.SetupToken, "the session": cookies[0].Value, "the CSRF token": p.CSRF, "the password": password,
		"a wrong password": wrong,
		"the new password": "another horse battery", "an API token": token, "a nonce": d.Request.Nonce, "a private key": "PRIVATE",
	} {
		if secret == "" || strings.Contains(log, secret) || strings.Contains(log, url.QueryEscape(secret)) {
			t.Errorf("%s %q is in the log", what, secret)
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A database address contains a password, which no error repeats.
//
// proves part of S28
func TestDatabaseAddressIsNotLeaked(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"nobody there":   "mongodb://ada:hush-hush@127.0.0.1:1/x?serverSelectionTimeoutMS=100&connectTimeoutMS=100",
		"unknown option": "mongodb://ada:hush-hush@127.0.0.1:1/x?nonsense=hush-hush&serverSelectionTimeoutMS=100",
		"bad escape":     "mongodb://ada:hush-hush%zz@127.0.0.1:1/x",
		"at in it":       "mongodb://ada:hush-hush@hush@127.0.0.1:1/x",
		"no host":        "mongodb://ada:hush-hush@/x",
		"bad port":       "mongodb://ada:hush-hush@127.0.0.1:port/x",
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s, err := server.Open(server.Config{Data: filepath.Join(t.TempDir(), "data"), Mongo: address})
			if err == nil {
				t.Fatal("it opens", s.Close())
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("it says %q", err)
			}
		})
	}
}
