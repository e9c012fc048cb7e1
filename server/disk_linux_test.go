package server_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// smallDisk returns a directory on a file system of a few megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("only root may mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk fills the disk to its last byte.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// On a full disk the server reports the failure, loses nothing acknowledged and counts nothing else; it recovers by itself when there is
// free space again.
//
// proves part of S01
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(disk, "data")}))
	p := w.Owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := w.NewDevice(product, version, id)
	d.MustSync()
	fillDisk(t, filepath.Join(disk, "ballast"))

	acknowledged := int64(0)
	var refused servertest.Reply
	for range 1000 { // the log of the store has some room of its own
		d.Request.Counted++
		if refused = d.Sync(); refused.Status != http.StatusOK {
			break
		}
		acknowledged = d.Request.Counted
		d.Accept(refused)
	}
	refused.WantProblem(http.StatusServiceUnavailable, "unavailable")
	if refused.Header.Get("Retry-After") == "" || refused.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", refused.Header)
	}
	w.Anonymous().Send("GET", "/readyz", http.Header{}, nil).WantProblem(http.StatusServiceUnavailable, "unavailable")
	if r := w.Anonymous().Send("GET", "/livez", http.Header{}, nil); r.Status != http.StatusOK {
		t.Errorf("the process lives, but /livez says %d", r.Status)
	}
	p.Do("POST", "/products", map[string]any{"name": "Too much"}).WantProblem(http.StatusServiceUnavailable, "unavailable")
	if got := p.Must(http.StatusOK, "GET", "/licenses/"+id, nil); got["calls_used"] != float64(acknowledged) {
		t.Errorf("%v are stored, %d were acknowledged", got["calls_used"], acknowledged)
	}
	if !strings.Contains(w.Log.String(), "full") {
		t.Errorf("the log does not say why:\n%s", w.Log)
	}

	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	if r := w.Anonymous().Send("GET", "/readyz", http.Header{}, nil); r.Status != http.StatusOK {
		t.Errorf("there is room again, and it is not ready: %d %s", r.Status, r.Body)
	}
	d.MustSync()
	if got := p.Must(http.StatusOK, "GET", "/licenses/"+id, nil); got["calls_used"] != float64(acknowledged+1) {
		t.Errorf("%v are stored, %d were acknowledged", got["calls_used"], acknowledged+1)
	}
	p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Enough"})
}

// The database file is moved away and back.
//
// proves part of S01
func TestDatabaseFileMovedAwayAndBack(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: data}))
	ready := func() servertest.Reply { return w.Anonymous().Send("GET", "/readyz", http.Header{}, nil) }
	file := filepath.Join(data, "onelicense.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	r := ready()
	r.WantProblem(http.StatusServiceUnavailable, "unavailable")
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if r := ready(); r.Status != http.StatusOK {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
