package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/ops"
)

const ownersPassword = "correct horse battery"

// backupShop is a vendor with a server process behind an address that stays the same when the server is replaced.
type backupShop struct {
	*testing.T
	data        string
	environment []string
	server      *serving
	front       *httptest.Server
	target      atomic.Pointer[url.URL]

	product, version, license, root string
}

// openShop starts a server and creates a license with 100 000 calls, each synced, and two seats of rendering.
func openShop(t *testing.T, environment ...string) *backupShop {
	t.Helper()
	s := &backupShop{T: t, data: filepath.Join(t.TempDir(), "data"), environment: environment}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	s.front = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(s.target.Load()) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(s.front.Close)
	s.serve(s.data)
	t.Setenv("ONELICENSE_URL", s.front.URL)
	s.must("session", "set-up", "--token", s.server.tokenIn(t), "--organisation", "Acme", "--name", "Ada", "--email", "ada@acme.test",
		"--password", ownersPassword)
	t.Setenv("ONELICENSE_PASSWORD", ownersPassword)
	s.must("login", "--as", "ada@acme.test")
	s.product = s.made("products", "create", "--name", "CAD")
	s.version = s.made("versions", "create", s.product, "--name", "1", "--policy.type", "calls", "--policy.trigger", "every_call",
		"--policy.interval-ms", "60000",
		"--policy.grace-ms", "600000", "--policy.activation-limit", "100")
	s.license = s.made("licenses", "create", s.version, "--contexts", "ui", "--entitlements", "name=rendering,slots=2", "--allowance",
		"100000")
	var product struct{ Root string }
	s.read(&product, "products", "get", s.product)
	s.root = product.Root
	return s
}

// serve starts a server on a data directory and directs the address to it.
func (s *backupShop) serve(data string) {
	s.Helper()
	s.server = startServe(s.T, data, s.environment...)
	target, err := url.Parse(s.server.base)
	if err != nil {
		s.Fatal(err)
	}
	s.target.Store(target)
}

func (s *backupShop) kill() {
	s.Helper()
	if err := s.server.cmd.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	_ = s.server.cmd.Wait()
}

func (s *backupShop) must(args ...string) string {
	s.Helper()
	exit, out, errs := runAt(time.Now, nil, args...) // the server's clock
	if exit != exitOK {
		s.Fatalf("%q: exit %d %s%s", args, exit, out, errs)
	}
	return out
}

func (s *backupShop) read(to any, args ...string) {
	s.Helper()
	out := s.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), to); err != nil {
		s.Fatalf("%q: %v %s", args, err, out)
	}
}

func (s *backupShop) made(args ...string) string {
	s.Helper()
	var record struct{ ID string }
	s.read(&record, args...)
	return record.ID
}

// program returns a licensed program on a machine of its own.
func (s *backupShop) program() (*onelicense.Client, error) {
	s.Helper()
	client, err := onelicense.New(s.Context(), onelicense.Config{
		ServerURL: s.front.URL + "/api/v1#" + s.root, ProductID: s.product, VersionID: s.version, LicenseID: s.license,
		StorageDir: s.TempDir(), OnVerdict: func(onelicense.Verdict) {},
	})
	if err == nil {
		s.Cleanup(func() { _ = client.Close(s.Context()) })
	}
	return client, err
}

func (s *backupShop) running() *onelicense.Client {
	s.Helper()
	client, err := s.program()
	if err != nil {
		s.Fatal(err)
	}
	return client
}

// A server is backed up while programs count, continues, and is lost with its disk. The backup is restored.
//
// proves part of B12
// proves part of N05
func TestBackupUnderLoadAndRestore(t *testing.T) {
	s := openShop(t)
	kept := filepath.Join(t.TempDir(), "backup")
	var manifest ops.Manifest
	s.lostAndRestored(func() {
		s.read(&manifest, "backup", "--data", s.data, kept)
		if manifest.Contains("master.key") || !manifest.Contains("onelicense.db") || manifest.Epoch == 0 {
			t.Fatalf("%+v", manifest)
		}
		if out := s.must("restore", "--check", kept); !strings.Contains(out, "verified the backup") {
			t.Error(out)
		}
	}, func() {
		restored := filepath.Join(t.TempDir(), "data")
		if exit, _, errs := run(nil, "restore", "--data", restored, kept); exit != exitRefused || !strings.Contains(errs, "master key") {
			t.Errorf("without the master key: exit %d, %s", exit, errs)
		}
		var result struct {
			Begun int64 `json:"epoch_begun"`
		}
		s.read(&result, "restore", "--data", restored, "--master-key", filepath.Join(s.data, "master.key"), kept)
		if result.Begun <= manifest.Epoch {
			t.Errorf("the epoch %d follows %d", result.Begun, manifest.Epoch)
		}
		if exit, _, errs := run(nil, "restore", "--data", restored, kept); exit != exitRefused || !strings.Contains(errs, "not empty") {
			t.Errorf("over a data directory: exit %d, %s", exit, errs)
		}
		s.data = restored
	})
}

// lostAndRestored makes a backup while a program counts, and restores it after more has happened. The programs, which are ahead of the
// backup, bring their counts and seats back, and nobody else gets a seat that somebody holds.
func (s *backupShop) lostAndRestored(backup, restore func()) {
	t := s.T
	first := s.running()
	var calls atomic.Int64
	var load sync.WaitGroup
	over := make(chan struct{})
	counted := make(chan struct{}, 1)
	load.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := first.Consume(t.Context()); err != nil {
				t.Error(err)
				return
			}
			calls.Add(1)
			select {
			case counted <- struct{}{}:
			default:
			}
		}
	})
	<-counted
	before := calls.Load()
	backup()
	<-counted
	<-counted // one that began after the backup has ended
	close(over)
	load.Wait()
	if before == 0 || calls.Load() <= before {
		t.Fatalf("%d calls before the backup and %d in all", before, calls.Load())
	}

	// After the backup: the first takes a seat, and a second program the other one.
	second := s.running()
	for _, client := range []*onelicense.Client{first, second} {
		if err := client.Reserve(t.Context(), "ui", "rendering"); err != nil {
			t.Fatal(err)
		}
	}
	s.kill()
	restore()
	s.serve(s.data)

	// A stranger comes first, and gets nothing while the server does not know what is outstanding.
	if _, err := s.program(); onelicense.CodeOf(err) != license.CodeFrozen {
		t.Errorf("a new program, while leases may be outstanding: %v", err)
	}
	for range 3 {
		if err := first.Consume(t.Context()); err != nil {
			t.Errorf("the first program: %v", err)
		}
		calls.Add(1)
	}
	if err := first.Reserve(t.Context(), "ui", "rendering"); err != nil {
		t.Errorf("its seat: %v", err)
	}
	var record struct {
		Used int64 `json:"calls_used"`
	}
	s.read(&record, "licenses", "get", s.license)
	if record.Used != calls.Load() {
		t.Errorf("the server has counted %d of %d calls", record.Used, calls.Load())
	}
	if err := second.Check("ui", "rendering"); err != nil {
		t.Errorf("the second program, which the backup does not know, loses its seat at once: %v", err)
	}
	var seats struct{ Items []struct{ Activation string } }
	s.read(&seats, "activations", "reservations", s.license)
	if len(seats.Items) > 1 {
		t.Errorf("seats: %v", seats)
	}
	s.server.stop(t)
}

// A damaged, incomplete or newer backup is refused, and leaves nothing behind.
//
// proves part of B12
func TestRestoreRefuses(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	kept := func(flags ...string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "backup")
		if exit, _, errs := run(nil, append([]string{"backup", "--data", data, to}, flags...)...); exit != exitOK {
			t.Fatal(errs)
		}
		return to
	}
	if exit, _, errs := run(nil, "backup", "--data", data, t.TempDir()); exit != exitRefused || !strings.Contains(errs, "onelicense.db") {
		t.Errorf("a backup of nothing: exit %d, %s", exit, errs)
	}
	s, err := server.Open(server.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := run(nil, "backup", "--data", data, data); exit != exitRefused || !strings.Contains(errs, "not empty") {
		t.Errorf("a backup into the data: exit %d, %s", exit, errs)
	}
	other := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(other, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		says  string
	}{
		"one byte": {func(dir string) error {
			path := filepath.Join(dir, "onelicense.db")
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)/2] ^= 1
			return os.WriteFile(path, text, 0o600)
		}, "damaged"},
		"no manifest":      {func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.json")) }, "incomplete"},
		"no database":      {func(dir string) error { return os.Remove(filepath.Join(dir, "onelicense.db")) }, "incomplete"},
		"another type":     {rewrite("onelicense/backup/1", "onelicense/backup/2"), "onelicense/backup/2"},
		"a path":           {rewrite(`"onelicense.db"`, `"../onelicense.db"`), "not a file name"},
		"no JSON":          {rewrite(`{`, `[`), "manifest.json"},
		"without database": {rewrite(`"onelicense.db"`, `"manifest.json"`), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := kept("--with-master-key"), filepath.Join(t.TempDir(), "data")
			if err := c.spoil(from); err != nil {
				t.Fatal(err)
			}
			exit, out, errs := run(nil, "restore", "--data", to, from)
			if exit != exitRefused || out != "" || !strings.Contains(errs, c.says) {
				t.Errorf("exit %d, %s%s", exit, out, errs)
			}
			if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it leaves %s: %v", to, err)
			}
		})
	}
	to := filepath.Join(t.TempDir(), "data")
	if exit, _, errs := run(nil, "restore", "--data", to, "--master-key", other, kept()); exit != exitRefused ||
		!strings.Contains(errs, "31") {
		t.Errorf("a key that is none: exit %d, %s", exit, errs)
	}
	if exit, out, errs := run(nil, "restore", "--data", to, kept("--with-master-key")); exit != exitOK ||
		!strings.Contains(out, "began epoch "+strconv.FormatInt(now.Unix()+1, 10)) {
		t.Errorf("a good one: exit %d, %s%s", exit, out, errs)
	}
	for _, says := range []string{"ended the freeze", "there is no freeze"} {
		if exit, out, errs := run(nil, "epoch", "end-freeze", "--data", to); exit != exitOK || !strings.Contains(out, says) {
			t.Errorf("settled: exit %d, %s%s", exit, out, errs)
		}
	}
	if info, err := os.Stat(filepath.Join(to, "master.key")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info, err)
	}
	if exit, _, _ := run(nil, "restore"); exit != exitUsage {
		t.Errorf("nothing said: exit %d", exit)
	}
}

// rewrite replaces a text in the manifest.
func rewrite(from, to string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, "manifest.json")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
	}
}
