package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// proves S28
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, directory string) Config
		says    string // and always the file, where there is one
	}{
		{"no_directory", func(*testing.T, string) Config { return Config{} }, "data directory"},
		{"public_url_without_scheme", func(_ *testing.T, d string) Config { return Config{Data: d, PublicURL: "licenses.example.com"} }, "licenses.example.com"},
		{"public_url_with_path", func(_ *testing.T, d string) Config { return Config{Data: d, PublicURL: "https://example.com/l"} }, "https://example.com/l"},
		{"directory_is_a_file", func(t *testing.T, d string) Config {
			write(t, d, nil, 0o600)
			return Config{Data: filepath.Join(d, "data")}
		}, "data"},
		{"master_key_gone", func(t *testing.T, d string) Config {
			once(t, d)
			if err := os.Remove(filepath.Join(d, "master.key")); err != nil {
				t.Fatal(err)
			}
			return Config{Data: d}
		}, "master.key is missing"},
		{"master_key_open_to_others", func(t *testing.T, d string) Config {
			once(t, d)
			if err := os.Chmod(filepath.Join(d, "master.key"), 0o640); err != nil {
				t.Fatal(err)
			}
			return Config{Data: d}
		}, "master.key is readable by other users (mode 0640)"},
		{"master_key_short", func(t *testing.T, d string) Config {
			once(t, d)
			write(t, filepath.Join(d, "master.key"), make([]byte, 31), 0o600)
			return Config{Data: d}
		}, "master.key is not a master key: it has 31 bytes, want 32"},
		{"in_use", func(t *testing.T, d string) Config {
			s, err := Open(Config{Data: d})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return Config{Data: d}
		}, "in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(c.prepare(t, filepath.Join(t.TempDir(), "d")))
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
	s, err := Open(Config{Data: directory})
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
	directory := t.TempDir()
	first, err := Open(Config{Data: directory})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	w := startServerWith(t, Config{Data: directory})
	w.anonymous().do("POST", "/setup", setupBody(first.setupToken)).wantProblem(http.StatusForbidden, "bad_setup_token")
	w.owner()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	again := startServerWith(t, Config{Data: directory})
	if link := again.s.SetupURL(&net.TCPAddr{}); link != "" {
		t.Errorf("there is an owner, and still a link: %s", link)
	}
	again.login("owner@acme.test")
}

// A program's license goes on after a restart: same keys, same epoch.
func TestRestart(t *testing.T) {
	directory := t.TempDir()
	w := startServerWith(t, Config{Data: directory})
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	d := newDevice(p, product, version, id)
	before := d.mustSync()
	keys := p.do("GET", "/products/"+product+"/keys", nil)
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w = startServerWith(t, Config{Data: directory})
	d.p = w.anonymous()
	w.clock.advance(1)
	after := d.mustSync()
	if after.Number != before.Number+1 || after.Epoch != before.Epoch || before.Epoch == 0 {
		t.Errorf("number %d after %d, epoch %d after %d", after.Number, before.Number, after.Epoch, before.Epoch)
	}
	if got := d.p.do("GET", "/products/"+product+"/keys", nil); string(got.body) != string(keys.body) || got.status != http.StatusOK {
		t.Errorf("other keys:\n%s\n%s", keys.body, got.body)
	}
}

// A request that has begun is answered although the server is told to stop; the next one finds nobody.
func TestCloseFinishesRequests(t *testing.T) {
	w := startServer(t)
	address := strings.TrimPrefix(w.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"email":"a@b.test","password":"x"}`
	fmt.Fprintf(conn, "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // so the server is in the middle of it
		t.Fatalf("%q %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- w.s.Close() }()
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
	s, err := Open(Config{Data: filepath.Join(t.TempDir(), "data")})
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

// Before it stops it says so where balancers ask, and answers whatever still comes.
//
// proves part of S01
func TestDrainingServerAnswersButIsNotReady(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	w.s.Drain()
	w.anonymous().send("GET", "/readyz", nil, nil).wantProblem(http.StatusServiceUnavailable, "unavailable")
	if r := w.anonymous().send("GET", "/livez", nil, nil); r.status != http.StatusOK {
		t.Errorf("/livez: %d", r.status)
	}
	p.must(http.StatusOK, "GET", "/session", nil)
}
