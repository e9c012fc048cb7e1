package server

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

// authenticator is a person's second factor, as their telephone has it.
type authenticator struct {
	w        *testServer
	key      []byte
	recovery []any
}

// code is the next one: the clock goes on, so that it was not used.
func (a *authenticator) code() string {
	a.w.clock.advance(30 * time.Second)
	mac := hmac.New(sha1.New, a.key)
	_ = binary.Write(mac, binary.BigEndian, a.w.clock.now().Unix()/30)
	sum := mac.Sum(nil)
	at := sum[19] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

func (p *user) enrolMFA() *authenticator {
	p.w.Helper()
	made := p.must(http.StatusCreated, "POST", "/session/mfa", nil)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(made["secret"].(string))
	if err != nil {
		p.w.Fatal(err)
	}
	if uri := made["uri"].(string); !strings.HasPrefix(uri, "otpauth://totp/Acme:") || !strings.Contains(uri, made["secret"].(string)) {
		p.w.Errorf("address %q", uri)
	}
	a := &authenticator{w: p.w, key: key}
	a.recovery = p.must(http.StatusOK, "POST", "/session/mfa/confirm", map[string]any{"password": password, "code": a.code()})["recovery_codes"].([]any)
	return a
}

// proves part of B08
func TestMFAEnrolUseAndReset(t *testing.T) {
	w := startServer(t)
	owner, elsewhere := w.owner(), w.login("owner@acme.test")
	owner.do("POST", "/session/mfa/confirm", map[string]any{"code": "123456"}).wantProblem(http.StatusConflict, "mfa_not_begun")
	owner.must(http.StatusCreated, "POST", "/session/mfa", nil) // a first try, left
	w.login("owner@acme.test")                                  // nobody is asked for what was not confirmed
	if p := owner.do("POST", "/session/mfa/confirm", map[string]any{"password": password, "code": "12345"}).wantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "code" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	a := owner.enrolMFA()
	elsewhere.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	owner.must(http.StatusOK, "GET", "/session", nil) // with the new session
	owner.do("POST", "/session/mfa", nil).wantProblem(http.StatusConflict, "mfa_enabled")
	if f := owner.must(http.StatusOK, "GET", "/session/mfa", nil); f["enabled"] != true || f["recovery_codes"] != 10.0 {
		t.Errorf("it is %v", f)
	}

	p := w.anonymous()
	login := func(code any) map[string]any {
		return map[string]any{"email": "owner@acme.test", "password": password, "code": code}
	}
	p.do("POST", "/session", map[string]any{"email": "owner@acme.test", "password": password}).wantProblem(http.StatusUnauthorized, "code_required")
	p.do("POST", "/session", map[string]any{"email": "owner@acme.test", "password": "wrong", "code": a.code()}).wantProblem(http.StatusUnauthorized, "bad_credentials")
	p.do("POST", "/session", login("000000")).wantProblem(http.StatusUnauthorized, "bad_code")
	code := a.code()
	p.must(http.StatusCreated, "POST", "/session", login(code))
	p.do("POST", "/session", login(code)).wantProblem(http.StatusUnauthorized, "bad_code")
	p.must(http.StatusCreated, "POST", "/session", login(a.recovery[0]))
	both := map[string]any{"password": password, "code": a.code()}
	codes := p.must(http.StatusOK, "POST", "/session/mfa/recovery", both)["recovery_codes"].([]any)
	p.do("POST", "/session", login(a.recovery[1])).wantProblem(http.StatusUnauthorized, "bad_code")
	p.must(http.StatusCreated, "POST", "/session", login(codes[1]))

	p.do("POST", "/session/mfa/disable", map[string]any{"password": "wrong", "code": a.code()}).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.do("POST", "/session/mfa/disable", map[string]any{"password": password, "code": ""}).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.must(http.StatusNoContent, "POST", "/session/mfa/disable", map[string]any{"password": password, "code": a.code()})
	w.login("owner@acme.test")
	if strings.Contains(w.log.String(), code) {
		t.Error("the log tells a code")
	}
}

// proves part of B08
func TestOrganisationRequiresMFA(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	helper := w.login("help@acme.test")
	program := w.withToken(helper.token(access.ReadCatalogue))
	owner.must(http.StatusOK, "PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": true})
	owner.do("PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": true}).wantProblem(http.StatusForbidden, "mfa_required") // also the owner

	helper.do("GET", "/products", nil).wantProblem(http.StatusForbidden, "mfa_required")
	program.do("GET", "/products", nil).wantProblem(http.StatusForbidden, "mfa_required")
	helper.must(http.StatusOK, "GET", "/session", nil)
	a := helper.enrolMFA()
	helper.must(http.StatusOK, "GET", "/products", nil)
	w.withToken(helper.token(access.ReadCatalogue)).must(http.StatusOK, "GET", "/products", nil)
	program.do("GET", "/products", nil).wantProblem(http.StatusForbidden, "mfa_required") // it is still one that a password alone has made
	p := w.anonymous()
	p.must(http.StatusCreated, "POST", "/session", map[string]any{"email": "help@acme.test", "password": password, "code": a.code()})
	p.must(http.StatusOK, "GET", "/products", nil)

	owner.enrolMFA()
	owner.do("PUT", "/organisation/access", map[string]any{"revision": 1, "require_mfa": false}).wantProblem(http.StatusConflict, "edit_conflict")
	owner.must(http.StatusNoContent, "DELETE", "/members/"+owner.memberID("help@acme.test")+"/mfa", nil)
	p.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	owner.must(http.StatusOK, "PUT", "/organisation/access", map[string]any{"revision": 2, "require_mfa": false})
	program.must(http.StatusOK, "GET", "/products", nil)
}

// Whoever finds an open session does not keep its member out with a second factor of their own.
//
// proves part of B08
func TestMFAEnrolmentRequiresPassword(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	made := owner.must(http.StatusCreated, "POST", "/session/mfa", nil)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(made["secret"].(string))
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{w: w, key: key}
	for _, body := range []map[string]any{{"code": a.code()}, {"code": a.code(), "password": "wrong horse battery"}} {
		if p := owner.do("POST", "/session/mfa/confirm", body).wantProblem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) != 1 || p.Errors[0].Field != "password" {
			t.Errorf("%v: %+v", body, p)
		}
	}
	w.login("owner@acme.test") // nobody is asked for it
	if f := owner.must(http.StatusOK, "GET", "/session/mfa", nil); f["enabled"] != false {
		t.Errorf("it is %v", f)
	}
}
