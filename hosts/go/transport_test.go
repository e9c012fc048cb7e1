package onelicense

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestTransport(t *testing.T) {
	var elsewhere bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere = true }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/large":
			fmt.Fprint(w, strings.Repeat("x", maxAnswer+1))
		case "/full":
			fmt.Fprint(w, strings.Repeat("x", maxAnswer))
		case "/busy":
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	post := func(path string) (Answer, error) {
		return newHTTPTransport(nil).Post(t.Context(), server.URL+path, "x")
	}
	if a, err := post("/moved"); err != nil || a.Status != http.StatusTemporaryRedirect || elsewhere {
		t.Errorf("a redirect: %+v, %v, followed: %v", a, err, elsewhere)
	}
	if _, err := post("/large"); err == nil {
		t.Error("an answer without end was read")
	}
	if a, err := post("/full"); err != nil || len(a.Body) != maxAnswer {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
	if a, err := post("/busy"); err != nil || a.Status != http.StatusTooManyRequests || a.RetryAfter != 17 {
		t.Errorf("%+v, %v", a, err)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the refused handshake
	defer secure.Close()
	if _, err := newHTTPTransport(nil).Post(t.Context(), secure.URL, "x"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	if a, err := newHTTPTransport(secure.Client()).Post(t.Context(), secure.URL, "x"); err != nil || a.Status != http.StatusNotFound {
		t.Errorf("with the program's own client: %+v, %v", a, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newHTTPTransport(nil).Post(ctx, server.URL, "x"); err == nil {
		t.Error("posted after the end")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC)
	for header, want := range map[string]int64{
		"": 0, "90": 90, "-5": 0, "soon": 0, "Thu, 02 Jan 2025 00:01:30 GMT": 90, "Wed, 01 Jan 2025 00:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %d, want %d", header, got, want)
		}
	}
}
