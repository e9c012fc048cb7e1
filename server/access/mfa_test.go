package access_test

import (
	"context"
	"encoding/base32"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// enrolTOTP enrols the owner's second factor, and returns a function for its codes.
func (w *fixture) enrolTOTP() (codeAt func(time.Time) string, recovery []string) {
	w.Helper()
	ctx := context.Background()
	_, who, err := w.nodes[0].Login(ctx, email, password, "", home)
	if err != nil {
		w.Fatal(err)
	}
	secret, uri, err := w.nodes[0].EnrolTOTP(ctx, who, "Acme")
	if err != nil {
		w.Fatal(err)
	}
	if uri != "otpauth://totp/Acme:owner@acme.test?secret="+secret+"&issuer=Acme" {
		w.Errorf("the address is %s", uri)
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		w.Fatal(err)
	}
	codeAt = func(at time.Time) string { return access.TOTPCode(key, at) }
	recovery, _, _, err = w.nodes[1].ConfirmTOTP(ctx, who, password, codeAt(w.clock()), home)
	if err != nil {
		w.Fatal(err)
	}
	w.advance(30 * time.Second)
	return codeAt, recovery
}

func (w *fixture) loginWithCode(node int, second, address string) string {
	_, _, err := w.nodes[node].Login(context.Background(), email, password, second, address)
	got, _ := errorCode(err)
	return got
}

// proves part of B08
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	codeAt, recovery := w.enrolTOTP()
	for name, c := range map[string]struct{ code, want string }{
		"none": {"", "code_required"}, "wrong": {"000000", "bad_code"}, "too_old": {codeAt(w.clock().Add(-2 * time.Minute)), "bad_code"},
		"too_new": {codeAt(w.clock().Add(2 * time.Minute)), "bad_code"}, "a_word": {"rabbit", "bad_code"},
	} {
		if got := w.loginWithCode(0, c.code, home); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	now := codeAt(w.clock())
	if got := w.loginWithCode(0, now, home); got != "" {
		t.Errorf("the right one: %q", got)
	}
	if got := w.loginWithCode(1, now, home); got != "bad_code" {
		t.Errorf("again, on another node: %q", got)
	}
	if got := w.loginWithCode(1, codeAt(w.clock().Add(-30*time.Second)), home); got != "bad_code" {
		t.Errorf("one from before the last: %q", got)
	}
	if got := w.loginWithCode(1, strings.ToUpper(recovery[3]), home); got != "" {
		t.Errorf("a recovery code: %q", got)
	}
	if got := w.loginWithCode(0, recovery[3], home); got != "bad_code" {
		t.Errorf("a recovery code again: %q", got)
	}
}

// proves part of B08
func TestConcurrentUseOfOneCode(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	codeAt, recovery := w.enrolTOTP()
	for _, shown := range []string{codeAt(w.clock()), recovery[0]} {
		var all sync.WaitGroup
		outcomes := make([]string, 8) // fewer than the rate limit allows
		for i := range outcomes {
			all.Go(func() { outcomes[i] = w.loginWithCode(i%2, shown, home) })
		}
		all.Wait()
		in := 0
		for _, o := range outcomes {
			if o == "" {
				in++
			} else if o != "bad_code" {
				t.Errorf("%q", o)
			}
		}
		if in != 1 {
			t.Errorf("%d came in with one code", in)
		}
	}
}

// An attacker who knows the password and tries codes from many machines is limited by the count of the account: a password alone makes no
// place known.
//
// proves part of B10
func TestCodeGuessingIsLimited(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrolTOTP()
	wrong, limited := 0, 0
	for i := range 60 {
		switch got := w.loginWithCode(i%2, "000000", "198.51.100."+string(rune('a'+i/2))); got {
		case "bad_code":
			wrong++
		case "rate_limited":
			limited++
		default:
			t.Fatal(got)
		}
	}
	if wrong != 20 || limited != 40 {
		t.Errorf("%d guesses, %d held back", wrong, limited)
	}
}
