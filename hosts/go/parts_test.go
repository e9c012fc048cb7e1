package onelicense

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// proves C18
func TestStorageReplacesTheState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := d.Load(); state != "" || err != nil {
		t.Fatalf("empty: %q, %v", state, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.new"), []byte("left by a crash, longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"one", "two"} {
		if err := d.Save(state); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Load(); got != state || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, state)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "state": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode().Perm(), err)
		}
	}
	_, err = OpenDirectory(dir)
	wantCode(t, err, license.CodeInUse)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := d.Save("three"); err == nil {
		t.Error("saved into nowhere")
	}
}

func TestStorageErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDirectory(filepath.Join(file, "below"))
	wantCode(t, err, license.CodeStorageFailed)
}

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

func TestWorkQueueOrderAndClose(t *testing.T) {
	var mu sync.Mutex
	var got []int
	hold := make(chan struct{})
	b := newWorkQueue(func(batch []int) {
		<-hold
		mu.Lock()
		defer mu.Unlock()
		got = append(got, batch...)
	})
	for i := range 100 {
		b.put(i)
	}
	close(hold)
	b.waitForBatch()
	<-b.close()
	b.put(100)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("got %v", got)
	}
}
