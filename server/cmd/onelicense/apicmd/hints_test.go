package apicmd

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func errorText(err error) string {
	var told strings.Builder
	PrintError(&told, err)
	return told.String()
}

// respondProblem responds with a problem.
func respondProblem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": "no"})
}

// A failed connection names the server's address and what to check.
func TestConnectionErrors(t *testing.T) {
	l := newTestServer(t)
	l.Close()
	_, _, err := run(t, "", "products", "list")
	if text := errorText(err); !strings.Contains(text, l.URL+": ") || !strings.Contains(text, "what to do: check the address") {
		t.Errorf("nobody listens: %s", text)
	}
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	_, _, err = run(t, "", "products", "list", "--server", other.URL)
	if text := errorText(err); !strings.Contains(text, other.URL+": ") || !strings.Contains(text, "SSL_CERT_FILE") {
		t.Errorf("a certificate that nobody vouches for: %s", text)
	}
	var u UsageError
	if errors.As(err, &u) {
		t.Error("it is called a mistake in the call")
	}
}

// A command for members only says how to log in as one, whatever code the server refuses a token with.
func TestTokenRefusedForPersonalCommands(t *testing.T) {
	l := newTestServer(t)
	l.respond = func(w http.ResponseWriter, _ *http.Request) { respondProblem(w, http.StatusForbidden, "out_of_scope") }
	_, _, err := run(t, "", "tokens", "list")
	if text := errorText(err); !strings.Contains(text, "--as EMAIL") {
		t.Error(text)
	}
	_, _, err = run(t, "", "products", "list")
	if text := errorText(err); strings.Contains(text, "--as EMAIL") {
		t.Error(text)
	}
}

// A member with a second factor logs in with a code, which is sent only when the server asks for it, because it is valid once.
func TestSecondFactor(t *testing.T) {
	l := newTestServer(t)
	var codes []string
	l.respond = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			respondJSON(`{"items":[]}`)(w, r)
			return
		}
		var login struct{ Email, Password, Code string }
		_ = json.Unmarshal(l.requests[len(l.requests)-1].body, &login)
		codes = append(codes, login.Code)
		if login.Password != "right" || login.Code == "" {
			respondProblem(w, http.StatusUnauthorized, "code_required")
			return
		}
		w.Header().Set("Set-Cookie", "session=s; HttpOnly")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"csrf_token":"c","member":{"email":"ada@acme.test"}}`)
	}
	_, _, err := run(t, "right\n", "tokens", "list", "--as", "ada@acme.test")
	if text := errorText(err); !strings.Contains(text, "ONELICENSE_CODE") || !strings.Contains(text, "code_required") {
		t.Error(text)
	}
	t.Setenv("ONELICENSE_CODE", "123456")
	if out, _, err := run(t, "right\n", "tokens", "list", "--as", "ada@acme.test"); err != nil || out != "none\n" {
		t.Errorf("%q %v", out, err)
	}
	if got := strings.Join(codes, ","); got != ",,123456" {
		t.Errorf("the codes sent are %q", got)
	}
	if _, _, err := run(t, "", "tokens", "list", "--as", "ada@acme.test"); err == nil ||
		!strings.Contains(err.Error(), "ONELICENSE_PASSWORD") {
		t.Errorf("without a password: %v", err)
	}
}

// A signed refusal of an offline request is a response: it is written to the output file, and its code is printed.
func TestSignedRefusalIsWrittenOut(t *testing.T) {
	l := newTestServer(t)
	const text = `{"type":"onelicense/refusal/1","code":"machine_limit","detail":"1 machines"}` + "\nc2lnbmF0dXJl\n"
	l.respond = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, text)
	}
	path := filepath.Join(t.TempDir(), "answer.txt")
	out, _, err := run(t, "the request", "client", "exchange", "--file=-", "--out", path)
	if answer, _ := os.ReadFile(path); string(answer) != text || out != "" {
		t.Errorf("the answer is %q, and %q on standard output", answer, out)
	}
	if told := errorText(err); !strings.HasPrefix(told, "machine_limit: ") || !strings.Contains(told, "1 machines") ||
		!strings.Contains(told, "what to do: deactivate one of the other machines; ") {
		t.Errorf("it says %s", told)
	}
}
