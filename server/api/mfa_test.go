package api_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// authenticator generates the TOTP codes of a user, as an authenticator app does.
type authenticator struct {
	w        *testServer
	key      []byte
	recovery []any
}

// code returns the next code, one that was not used: the clock advances.
func (a *authenticator) code() string {
	a.w.Clock.Advance(30 * time.Second)
	mac := hmac.New(sha1.New, a.key)
	_ = binary.Write(mac, binary.BigEndian, a.w.Clock.Now().Unix()/30)
	sum := mac.Sum(nil)
	at := sum[19] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

func (p *user) enrolMFA() *authenticator {
	p.w.Helper()
	made := p.Must(http.StatusCreated, "POST", "/session/mfa", nil)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(made["secret"].(string))
	if err != nil {
		p.w.Fatal(err)
	}
	if uri := made["uri"].(string); !strings.HasPrefix(uri, "otpauth://totp/Acme:") || !strings.Contains(uri, made["secret"].(string)) {
		p.w.Errorf("address %q", uri)
	}
	a := &authenticator{w: p.w, key: key}
	a.recovery = p.Must(http.StatusOK, "POST", "/session/mfa/confirm", map[string]any{"password": password,
		"code": a.code()})["recovery_codes"].([]any)
	return a
}

// proves part of B08
func TestMFAEnrolUseAndReset(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner, elsewhere := w.owner(), w.login("owner@acme.test")
	owner.Do("POST", "/session/mfa/confirm", map[string]any{"code": "123456"}).WantProblem(http.StatusConflict, "mfa_not_enrolled")
	owner.Must(http.StatusCreated, "POST", "/session/mfa", nil) // a first try, left
	w.login("owner@acme.test")                                  // nobody is asked for what was not confirmed
	if p := owner.Do("POST", "/session/mfa/confirm", map[string]any{"password": password,
		"code": "12345"}).WantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "code" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	a := owner.enrolMFA()
	elsewhere.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	owner.Must(http.StatusOK, "GET", "/session", nil) // with the new session
	owner.Do("POST", "/session/mfa", nil).WantProblem(http.StatusConflict, "mfa_enabled")
	if f := owner.Must(http.StatusOK, "GET", "/session/mfa", nil); f["enabled"] != true || f["recovery_codes_left"] != 10.0 {
		t.Errorf("it is %v", f)
	}

	p := w.anonymous()
	login := func(code any) map[string]any {
		return map[string]any{"email": "owner@acme.test", "password": password, "code": code}
	}
	p.Do("POST", "/session", map[string]any{"email": "owner@acme.test", "password": password}).WantProblem(http.StatusUnauthorized,
		"code_required")
	p.Do("POST", "/session", map[string]any{"email": "owner@acme.test", "password": "wrong",
		"code": a.code()}).WantProblem(http.StatusUnauthorized, "bad_credentials")
	p.Do("POST", "/session", login("000000")).WantProblem(http.StatusUnauthorized, "bad_code")
	code := a.code()
	p.Must(http.StatusCreated, "POST", "/session", login(code))
	p.Do("POST", "/session", login(code)).WantProblem(http.StatusUnauthorized, "bad_code")
	p.Must(http.StatusCreated, "POST", "/session", login(a.recovery[0]))
	both := map[string]any{"password": password, "code": a.code()}
	codes := p.Must(http.StatusOK, "POST", "/session/mfa/recovery-codes", both)["recovery_codes"].([]any)
	p.Do("POST", "/session", login(a.recovery[1])).WantProblem(http.StatusUnauthorized, "bad_code")
	p.Must(http.StatusCreated, "POST", "/session", login(codes[1]))

	p.Do("POST", "/session/mfa/disable", map[string]any{"password": "wrong", "code": a.code()}).WantProblem(http.StatusUnprocessableEntity,
		"invalid")
	p.Do("POST", "/session/mfa/disable", map[string]any{"password": password, "code": ""}).WantProblem(http.StatusUnprocessableEntity,
		"invalid")
	p.Must(http.StatusNoContent, "POST", "/session/mfa/disable", map[string]any{"password": password, "code": a.code()})
	w.login("owner@acme.test")
	if strings.Contains(w.Log.String(), code) {
		t.Error("the log tells a code")
	}
}

// proves part of B08
func TestOrganisationRequiresMFA(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "help@acme.test", access.Support)
	helper := w.login("help@acme.test")
	program := w.withToken(helper.token(access.ReadCatalogue))
	owner.Must(http.StatusOK, "PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": true})
	// also the owner
	owner.Do("PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": true}).WantProblem(http.StatusForbidden,
		"mfa_required")

	helper.Do("GET", "/products", nil).WantProblem(http.StatusForbidden, "mfa_required")
	program.Do("GET", "/products", nil).WantProblem(http.StatusForbidden, "mfa_required")
	helper.Must(http.StatusOK, "GET", "/session", nil)
	a := helper.enrolMFA()
	helper.Must(http.StatusOK, "GET", "/products", nil)
	w.withToken(helper.token(access.ReadCatalogue)).Must(http.StatusOK, "GET", "/products", nil)
	program.Do("GET", "/products", nil).WantProblem(http.StatusForbidden, "mfa_required") // it is still one that a password alone has made
	p := w.anonymous()
	p.Must(http.StatusCreated, "POST", "/session", map[string]any{"email": "help@acme.test", "password": password, "code": a.code()})
	p.Must(http.StatusOK, "GET", "/products", nil)

	owner.enrolMFA()
	owner.Do("PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": false}).WantProblem(http.StatusConflict,
		"edit_conflict")
	owner.Must(http.StatusNoContent, "DELETE", "/members/"+owner.memberID("help@acme.test")+"/mfa", nil)
	p.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	owner.Must(http.StatusOK, "PUT", "/organisation/access", map[string]any{"revision": 2, "require_mfa": false})
	program.Must(http.StatusOK, "GET", "/products", nil)
}

// An attacker with an open session cannot lock its member out by enrolling a second factor.
//
// proves part of B08
func TestMFAEnrolmentRequiresPassword(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	made := owner.Must(http.StatusCreated, "POST", "/session/mfa", nil)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(made["secret"].(string))
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{w: w, key: key}
	for _, body := range []map[string]any{{"code": a.code()}, {"code": a.code(), "password": "wrong horse battery"}} {
		if p := owner.Do("POST", "/session/mfa/confirm", body).WantProblem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) != 1 ||
			p.Errors[0].Field != "password" {
			t.Errorf("%v: %+v", body, p)
		}
	}
	w.login("owner@acme.test") // nobody is asked for it
	if f := owner.Must(http.StatusOK, "GET", "/session/mfa", nil); f["enabled"] != false {
		t.Errorf("it is %v", f)
	}
}
