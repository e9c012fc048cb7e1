package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves S28
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, directory string) server.Config
		says    string // and always the file, where there is one
	}{
		{"no_directory", func(*testing.T, string) server.Config { return server.Config{} }, "data directory"},
		{"public_url_without_scheme", func(_ *testing.T, d string) server.Config {
			return server.Config{Data: d, PublicURL: "licenses.example.com"}
		}, "licenses.example.com"},
		{"public_url_with_path", func(_ *testing.T, d string) server.Config {
			return server.Config{Data: d, PublicURL: "https://example.com/l"}
		}, "https://example.com/l"},
		{"directory_is_a_file", func(t *testing.T, d string) server.Config {
			write(t, d, nil, 0o600)
			return server.Config{Data: filepath.Join(d, "data")}
		}, "data"},
		{"master_key_gone", func(t *testing.T, d string) server.Config {
			once(t, d)
			if err := os.Remove(filepath.Join(d, "master.key")); err != nil {
				t.Fatal(err)
			}
			return server.Config{Data: d}
		}, "master.key is missing"},
		{"master_key_open_to_others", func(t *testing.T, d string) server.Config {
			once(t, d)
			if err := os.Chmod(filepath.Join(d, "master.key"), 0o640); err != nil {
				t.Fatal(err)
			}
			return server.Config{Data: d}
		}, "master.key is readable by other users (mode 0640)"},
		{"master_key_short", func(t *testing.T, d string) server.Config {
			once(t, d)
			write(t, filepath.Join(d, "master.key"), make([]byte, 31), 0o600)
			return server.Config{Data: d}
		}, "master.key is not a master key: it has 31 bytes, want 32"},
		{"in_use", func(t *testing.T, d string) server.Config {
			s, err := server.Open(server.Config{Data: d})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return server.Config{Data: d}
		}, "in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := server.Open(c.prepare(t, filepath.Join(t.TempDir(), "d")))
			if err == nil {
				t.Fatal("it opens", s.Close())
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %q, want %q", err, c.says)
			}
		})
	}
}

// once opens and closes a server, so that the directory holds data.
func once(t *testing.T, directory string) {
	t.Helper()
	s, err := server.Open(server.Config{Data: directory})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

func TestDataDirectoryPermissions(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "data")
	once(t, directory)
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

// proves part of S02
func TestSetupTokenAtEachStartUntilOwner(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	first, err := server.Open(server.Config{Data: directory})
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(first.SetupURL(&net.TCPAddr{}), "token=")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: directory}))
	w.Anonymous().Do("POST", "/setup", servertest.SetupBody(token)).WantProblem(http.StatusForbidden, "bad_setup_token")
	w.Owner()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := servertest.Start(t, servertest.WithConfig(server.Config{Data: directory}))
	if link := again.SetupURL(&net.TCPAddr{}); link != "" {
		t.Errorf("there is an owner, and still a link: %s", link)
	}
	again.Login("owner@acme.test")
}

// A program's license continues after a restart: same keys, same epoch.
func TestRestart(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: directory}))
	p := w.Owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := w.NewDevice(product, version, id)
	before := d.MustSync()
	keys := p.Do("GET", "/products/"+product+"/public-keys", nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = servertest.Start(t, servertest.WithConfig(server.Config{Data: directory}))
	d.Server = w
	w.Clock.Advance(1)
	after := d.MustSync()
	if after.Number != before.Number+1 || after.Epoch != before.Epoch || before.Epoch == 0 {
		t.Errorf("number %d after %d, epoch %d after %d", after.Number, before.Number, after.Epoch, before.Epoch)
	}
	if got := w.Anonymous().Do("GET", "/products/"+product+"/public-keys", nil); string(got.Body) != string(keys.Body) ||
		got.Status != http.StatusOK {
		t.Errorf("other keys:\n%s\n%s", keys.Body, got.Body)
	}
}

// A request under way is answered although the server is closing; a new connection is refused.
func TestCloseFinishesRequests(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t)
	address := strings.TrimPrefix(w.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"email":"a@b.test","password":"x"}`
	fmt.Fprintf(conn,
		"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // so the server is in the middle of it
		t.Fatalf("%q %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	for { // until it listens no more
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	fmt.Fprint(conn, body)
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the request was dropped: %v", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %d", response.StatusCode)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A supervisor may stop the server while it starts.
func TestCloseBeforeServe(t *testing.T) {
	t.Parallel()
	s, err := server.Open(server.Config{Data: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != nil {
		t.Errorf("to be closed is no failure: %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is left open")
	}
}

// While draining, the server reports so at /readyz and still answers requests.
//
// proves part of S01
func TestDrainingServerAnswersButIsNotReady(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t)
	p := w.Owner()
	w.Drain()
	w.Anonymous().Send("GET", "/readyz", nil, nil).WantProblem(http.StatusServiceUnavailable, "unavailable")
	if r := w.Anonymous().Send("GET", "/livez", nil, nil); r.Status != http.StatusOK {
		t.Errorf("/livez: %d", r.Status)
	}
	p.Must(http.StatusOK, "GET", "/session", nil)
}
