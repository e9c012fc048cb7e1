package server

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// With everything logged that there is to log, at every way a secret comes in or goes out, right or wrong, none of them is in the log.
//
// proves part of S28
func TestLogContainsNoSecrets(t *testing.T) {
	w := startServer(t)
	const wrong = "a wrong horse battery"
	p := w.owner()
	cookies := p.browser.Jar.Cookies(mustURL(t, w.url))
	if len(cookies) != 1 || p.csrf == "" {
		t.Fatalf("%v %q", cookies, p.csrf)
	}
	token := p.must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "CI", "expires": w.clock.now().Add(time.Hour).Format(time.RFC3339), "scope": []string{"catalogue.read"}})["secret"].(string)
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	w.anonymous().send("GET", "/api/v1/products", bearer, nil)
	bearer = http.Header{"Authorization": {"Bearer " + token + "x"}}
	w.anonymous().send("GET", "/api/v1/products", bearer, nil)
	w.anonymous().send("GET", "/setup?token="+w.s.setupToken, http.Header{}, nil)
	w.anonymous().send("GET", "/api/v1/session?password="+url.QueryEscape(wrong), http.Header{}, nil)
	w.anonymous().do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": wrong})
	w.anonymous().do("POST", "/session", `{"email":"owner@acme.test","password":["`+wrong+`"]}`)
	p.do("PUT", "/session/password", map[string]string{"old": wrong, "new": "another horse battery"})
	p.do("PUT", "/session/password", map[string]string{"old": password, "new": "another horse battery"})
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	d := newDevice(p, product, version, id)
	d.mustSync()
	w.clock.broken.Store(true) // and when it fails
	p.do("GET", "/session", nil)
	w.anonymous().send("GET", "/api/v1/products", bearer, nil)
	w.anonymous().do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": wrong})
	w.clock.broken.Store(false)

	log := w.log.String()
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "level=ERROR") {
		t.Fatalf("it logs too little to tell:\n%s", log)
	}
	for what, secret := range map[string]string{
		"the setup token": w.s.setupToken, "the session": cookies[0].Value, "the CSRF token": p.csrf, "the password": password, "a wrong password": wrong,
		"the new password": "another horse battery", "an API token": token, "a nonce": d.request.Nonce, "a private key": "PRIVATE",
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

// An address of a database has its password in it, whatever else is wrong with it.
//
// proves part of S28
func TestDatabaseAddressIsNotLeaked(t *testing.T) {
	for name, address := range map[string]string{
		"nobody there":   "mongodb://ada:hush-hush@127.0.0.1:1/x?serverSelectionTimeoutMS=100&connectTimeoutMS=100",
		"unknown option": "mongodb://ada:hush-hush@127.0.0.1:1/x?nonsense=hush-hush&serverSelectionTimeoutMS=100",
		"bad escape":     "mongodb://ada:hush-hush%zz@127.0.0.1:1/x",
		"at in it":       "mongodb://ada:hush-hush@hush@127.0.0.1:1/x",
		"no host":        "mongodb://ada:hush-hush@/x",
		"bad port":       "mongodb://ada:hush-hush@127.0.0.1:port/x",
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s, err := Open(Config{Data: filepath.Join(t.TempDir(), "data"), Mongo: address})
			if err == nil {
				t.Fatal("it opens", s.Close())
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("it says %q", err)
			}
		})
	}
}
