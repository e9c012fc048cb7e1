package api_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/access"
)

// testProvider is an OpenID provider with discovery, keys and a token endpoint. Its ID tokens contain claims; lie changes them.
type testProvider struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey
	now    func() time.Time

	mu         sync.Mutex
	claims     map[string]any
	lie        func(header, claims map[string]any)
	signedBy   *rsa.PrivateKey // nil: its own key
	challenges map[string]url.Values
}

const (
	clientID     = "onelicense"
	clientSecret = "s3cr3t of the client"
)

func newTestProvider(w *testServer) *testProvider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.Fatal(err)
	}
	p := &testProvider{t: w.T(), key: key, now: w.Clock.Now, challenges: map[string]url.Values{}}
	mux := http.NewServeMux()
	answer := func(rw http.ResponseWriter, v any) {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
			"jwks_uri": p.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "none"},
		})
	})
	mux.HandleFunc("/keys", func(rw http.ResponseWriter, _ *http.Request) {
		b64 := base64.RawURLEncoding
		answer(rw, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "use": "sig", "kid": "1", "alg": "RS256",
			"n": b64.EncodeToString(key.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", func(rw http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = r.ParseForm()
		asked, ok := p.challenges[r.Form.Get("code")]
		delete(p.challenges, r.Form.Get("code"))
		id, secret, _ := r.BasicAuth()
		if unescaped, err := url.QueryUnescape(secret); err == nil {
			secret = unescaped
		}
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		if !ok || id != clientID || secret != clientSecret || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
			asked.Get("redirect_uri") != r.Form.Get("redirect_uri") {
			rw.WriteHeader(http.StatusBadRequest)
			answer(rw, map[string]any{"error": "invalid_grant"})
			return
		}
		answer(rw, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.idToken(asked.Get("nonce"))})
	})
	p.server = httptest.NewServer(mux)
	w.Cleanup(p.server.Close)
	p.setClaims("7", "owner@acme.test", true)
	return p
}

func (p *testProvider) setClaims(subject, email string, verified bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = map[string]any{"sub": subject, "email": email, "email_verified": verified, "name": "Pro Vider"}
	p.lie, p.signedBy = nil, nil
}

func (p *testProvider) idToken(nonce string) string {
	header := map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}
	claims := map[string]any{"iss": p.server.URL, "aud": clientID, "nonce": nonce, "iat": p.now().Unix(),
		"exp": p.now().Add(time.Minute).Unix()}
	maps.Copy(claims, p.claims)
	if p.lie != nil {
		p.lie(header, claims)
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	if header["alg"] == "none" {
		return signed + "."
	}
	key := p.key
	if p.signedBy != nil {
		key = p.signedBy
	}
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// authorize simulates the user's consent at the provider and returns the address to which the browser is redirected.
func (p *testProvider) authorize(t *testing.T, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, p.server.URL+"/authorize?") {
		t.Fatalf("sent to %q: %v", to, err)
	}
	asked := u.Query()
	if asked.Get("client_id") != clientID || asked.Get("code_challenge_method") != "S256" || asked.Get("nonce") == "" ||
		asked.Get("response_type") != "code" {
		t.Errorf("asked %v", asked)
	}
	code := "code-" + asked.Get("state")[:16]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.challenges[code] = asked
	return "/api/v1/oidc/callback?" + url.Values{"state": {asked.Get("state")}, "code": {code}, "session_state": {"1.2"}}.Encode()
}

// loginByProvider logs in and returns the last reply.
func (p *user) loginByProvider(at *testProvider, org string) reply {
	p.w.Helper()
	return p.Send("GET", at.authorize(p.w.T(), p.startProviderLogin(org)), http.Header{}, nil)
}

func (p *user) startProviderLogin(org string) string {
	p.w.Helper()
	p.Browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := p.Do("GET", "/oidc/login?organisation="+org, nil)
	if r.Status != http.StatusSeeOther {
		p.w.Fatalf("%d %s", r.Status, r.Body)
	}
	return r.Header.Get("Location")
}

// startWithProvider starts a server whose organisation has a provider.
func startWithProvider(t *testing.T, more map[string]any) (w *testServer, owner *user, p *testProvider, org string) {
	return addProvider(startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), AllowPrivateAddresses: true}), more)
}

func addProvider(at *testServer, more map[string]any) (w *testServer, owner *user, p *testProvider, org string) {
	w = at
	owner = w.owner()
	p = newTestProvider(w)
	oidc := map[string]any{"issuer": p.server.URL, "client_id": clientID, "client_secret": clientSecret}
	maps.Copy(oidc, more)
	set := owner.Must(http.StatusOK, "PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": false, "oidc": oidc})
	if shown := owner.Must(http.StatusOK, "GET", "/organisation/access", nil)["oidc"].(map[string]any); shown["client_secret"] != nil ||
		shown["issuer"] != p.server.URL {
		w.Errorf("shown %v after %v", shown, set)
	}
	org = owner.Must(http.StatusOK, "GET", "/organisation", nil)["id"].(string)
	return w, owner, p, org
}

func (r reply) loggedIn(w *testServer) bool {
	return r.Status == http.StatusSeeOther && r.Header.Get("Location") == "/"
}

// link links the identity at the provider to a member who is logged in.
func (p *user) link(at *testProvider) reply {
	p.w.Helper()
	p.Browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	to := p.Must(http.StatusOK, "POST", "/session/oidc", nil)["url"].(string)
	r := p.Send("GET", at.authorize(p.w.T(), to), http.Header{}, nil)
	p.Do("GET", "/session", nil) // it is a new one, if all went well
	return r
}

// proves part of B08
func TestOIDCLogin(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, nil)
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_unlinked") // nobody has proven the address here
	if r := owner.link(p); !r.loggedIn(w) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	browser := w.anonymous()
	if r := browser.loginByProvider(p, org); !r.loggedIn(w) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if who := browser.Must(http.StatusOK, "GET", "/session", nil)["member"].(map[string]any); who["email"] != "owner@acme.test" {
		t.Errorf("came in as %v", who)
	}
	p.setClaims("7", "renamed@acme.test", true) // the identity counts, not what it is called now
	if r := w.anonymous().loginByProvider(p, org); !r.loggedIn(w) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	p.setClaims("8", "owner@acme.test", true) // who was given the address after somebody else
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_identity_in_use")
	p.setClaims("9", "nobody@acme.test", true)
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_not_a_member")

	w.AddMember("", "help@acme.test", access.Support)
	owner.Must(http.StatusOK, "POST", "/members/"+owner.memberID("help@acme.test")+"/disable", nil)
	rival := w.otherOrganisation()
	p.setClaims("10", "owner@rival.test", true) // a member of another organisation
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_not_a_member")
	w.anonymous().Do("GET", "/oidc/login?organisation="+rival.Must(http.StatusOK, "GET", "/organisation", nil)["id"].(string), nil).
		WantProblem(http.StatusNotFound, "oidc_not_configured")
}

// proves part of B08
func TestOIDCInvitedAndNewMembers(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, map[string]any{"domains": []string{"acme.test"}, "default_role": "viewer"})
	owner.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "dev@acme.test", "role": "developer"})
	for subject, c := range map[string]struct{ email, role string }{"1": {"Dev@acme.test", "developer"}, "2": {"new@acme.test", "viewer"}} {
		p.setClaims(subject, c.email, true)
		browser := w.anonymous()
		if r := browser.loginByProvider(p, org); !r.loggedIn(w) {
			t.Fatalf("%s: %d %s", c.email, r.Status, r.Body)
		}
		if who := browser.Must(http.StatusOK, "GET", "/session", nil)["member"].(map[string]any); who["role"] != c.role {
			t.Errorf("%s came in as %v", c.email, who)
		}
		w.anonymous().Do("POST", "/session", map[string]any{"email": c.email, "password": ""}).WantProblem(http.StatusUnauthorized,
			"bad_credentials")
	}
	if left := owner.Must(http.StatusOK, "GET", "/invitations", nil)["items"].([]any); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	p.setClaims("3", "new@elsewhere.test", true)
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_not_a_member")
	p.setClaims("4", "other@acme.test", false)
	w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_unverified")
}

// proves part of B08
func TestOIDCInvalidTokens(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, nil)
	if r := owner.link(p); !r.loggedIn(w) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]func(header, claims map[string]any){
		"another nonce":     func(_, c map[string]any) { c["nonce"] = "x" },
		"no nonce":          func(_, c map[string]any) { delete(c, "nonce") },
		"another audience":  func(_, c map[string]any) { c["aud"] = "another" },
		"another issuer":    func(_, c map[string]any) { c["iss"] = "https://example.com" },
		"expired":           func(_, c map[string]any) { c["exp"] = p.now().Add(-time.Hour).Unix() },
		"no signature":      func(h, _ map[string]any) { h["alg"] = "none" },
		"another algorithm": func(h, _ map[string]any) { h["alg"] = "HS256" },
		"another's key":     func(_, _ map[string]any) { p.signedBy = other },
	} {
		p.setClaims("7", "owner@acme.test", true)
		p.lie = lie
		if got := w.anonymous().loginByProvider(p, org).WantProblem(http.StatusForbidden, "oidc_refused"); got.Code != "oidc_refused" {
			t.Errorf("%s: %v", name, got)
		}
	}
	p.setClaims("7", "owner@acme.test", true)
	if r := w.anonymous().loginByProvider(p, org); !r.loggedIn(w) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// proves part of B08
func TestOIDCLoginIsBoundToBrowserAndUsedOnce(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, nil)
	if r := owner.link(p); !r.loggedIn(w) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	browser := w.anonymous()
	back := p.authorize(t, browser.startProviderLogin(org))
	// another browser: somebody is sent a link
	w.anonymous().Send("GET", back, http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_state")
	if r := browser.Send("GET", back, http.Header{}, nil); !r.loggedIn(w) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	browser.Send("GET", back, http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_state")

	first := p.authorize(t, browser.startProviderLogin(org))
	second := p.authorize(t, browser.startProviderLogin(org))
	code := func(at string) string { u, _ := url.Parse(at); return u.Query().Get("code") }
	mixed := strings.Replace(second, code(second), code(first), 1) // a code with another login's state: its verifier is another
	browser.Send("GET", mixed, http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_refused")

	late := p.authorize(t, browser.startProviderLogin(org))
	w.Clock.Advance(10 * time.Minute)
	browser.Send("GET", late, http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_state")

	no, _ := url.Parse(browser.startProviderLogin(org))
	denied := "/api/v1/oidc/callback?error=access_denied&error_description=no&state=" + no.Query().Get("state")
	browser.Send("GET", denied, http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_refused")
	wrong := p.authorize(t, browser.startProviderLogin(org))
	browser.Send("GET", wrong+"&iss=https%3A%2F%2Fexample.com", http.Header{}, nil).WantProblem(http.StatusForbidden, "oidc_state")
	if strings.Contains(w.Log.String(), clientSecret) {
		t.Error("the log tells the client's secret")
	}
}

func TestOIDCProviderUnreachable(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, nil)
	p.server.Close()
	w.anonymous().Do("GET", "/oidc/login?organisation="+org, nil).WantProblem(http.StatusServiceUnavailable, "oidc_unavailable")
	for field, oidc := range map[string]map[string]any{
		"oidc.issuer":        {"issuer": "http://example.com", "client_id": "x"},
		"oidc.client_id":     {"issuer": "https://example.com", "client_id": ""},
		"oidc.domains":       {"issuer": "https://example.com", "client_id": "x", "default_role": "viewer"},
		"oidc.default_role":  {"issuer": "https://example.com", "client_id": "x", "default_role": "owner", "domains": []string{"example.com"}},
		"oidc.client_secret": {"issuer": "https://example.com", "client_id": "y"},
	} {
		body := map[string]any{"revision": 2, "require_mfa": false, "oidc": oidc}
		if p := owner.Do("PUT", "/organisation/access", body).WantProblem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) == 0 ||
			p.Errors[0].Field != field {
			t.Errorf("%s: %+v", field, p.Errors)
		}
	}
}

// A configured provider must not give access to the server's private network.
//
// proves part of B08
func TestOIDCProviderAtPrivateAddress(t *testing.T) {
	t.Parallel()
	w, owner, p, org := addProvider(startServer(t), nil)
	asked := 0
	known := p.server.Config.Handler
	p.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		known.ServeHTTP(rw, r)
	})
	w.anonymous().Do("GET", "/oidc/login?organisation="+org, nil).WantProblem(http.StatusServiceUnavailable, "oidc_unavailable")
	owner.Do("POST", "/session/oidc", nil).WantProblem(http.StatusServiceUnavailable, "oidc_unavailable")
	if asked != 0 {
		t.Errorf("it was asked %d times", asked)
	}
}

// A whole company logs in from one address: only unfinished logins count against its rate limit.
//
// proves part of B08 B10
func TestOIDCManyLoginsFromOneAddress(t *testing.T) {
	t.Parallel()
	w, owner, p, org := startWithProvider(t, nil)
	if r := owner.link(p); !r.loggedIn(w) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for i := range 101 {
		if r := w.anonymous().loginByProvider(p, org); !r.loggedIn(w) {
			t.Fatalf("login %d: %d %s", i+1, r.Status, r.Body)
		}
	}
	begun := w.anonymous()
	for range 100 {
		begun.startProviderLogin(org)
	}
	begun.Do("GET", "/oidc/login?organisation="+org, nil).WantProblem(http.StatusTooManyRequests, "rate_limited")
}
