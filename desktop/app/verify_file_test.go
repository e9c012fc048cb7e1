package app

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// proves part of N09
// proves L22
func TestVerifyFile(t *testing.T) {
	keyring.MockInit()
	a := start(t, t.TempDir(), Config{})
	file, keys := enter(t, a).license()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("genuine.txt"), file)
	write(t, at("tampered.txt"), strings.Replace(file, "rendering:4", "rendering:400", 1))
	write(t, at("huge.txt"), "")
	if err := os.Truncate(at("huge.txt"), 100<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("folder.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, at("gone.txt"), file)
	want := []struct{ name, code, detail string }{
		{"genuine.txt", "", ""},
		{"tampered.txt", "signature_invalid", ""},
		{"huge.txt", "file_too_large", ""},
		{"folder.txt", "file_unreadable", "it is a directory"},
		{"gone.txt", "file_unreadable", ""},
		{"none.txt", "file_unreadable", ""},
	}
	n := &Native{a}
	for i, w := range want {
		a.files.addOpened([]string{at(w.name)})
		if i == 4 {
			if err := os.Remove(at(w.name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	opened, err := n.Opened()
	if err != nil || len(opened) != len(want) {
		t.Fatalf("opened: %v, %v", opened, err)
	}
	if again, err := n.Opened(); err != nil || len(again) != 0 {
		t.Errorf("opened again: %v, %v", again, err)
	}
	for _, by := range []struct{ name, keyring string }{{"key", keys}, {"products", ""}} {
		for i, w := range want {
			j, err := n.VerifyFile(opened[i].ID, by.keyring)
			switch {
			case err != nil:
				t.Errorf("by %s: %s: %v", by.name, w.name, err)
			case j.Name != w.name || j.Verdict.Genuine != (w.code == ""):
				t.Errorf("by %s: %s: %+v", by.name, w.name, j)
			case w.code == "" && (j.Verdict.License == nil || j.Verdict.License.Entitlements[0].Slots != 4):
				t.Errorf("by %s: %s: %+v", by.name, w.name, j.Verdict.License)
			case w.code != "" && (string(j.Verdict.Answer.Code) != w.code || j.Verdict.Answer.Do == "" ||
				!strings.Contains(j.Verdict.Answer.Detail, w.detail)):
				t.Errorf("by %s: %s: %+v", by.name, w.name, j.Verdict.Answer)
			}
		}
	}
}

// A file of another vendor is not reported as a forgery.
func TestVerifyFileOfAnotherVendor(t *testing.T) {
	keyring.MockInit()
	theirs, _ := enter(t, start(t, t.TempDir(), Config{})).license()
	a := start(t, t.TempDir(), Config{})
	enter(t, a).license()
	a.files.addOpened([]string{write(t, filepath.Join(t.TempDir(), "theirs.txt"), theirs)})
	j, err := (&Native{a}).VerifyFile(0, "")
	if err != nil || j.Verdict.Genuine || j.Verdict.Answer.Code != "key_unknown" {
		t.Errorf("%+v, %v", j, err)
	}
}

// proves part of N09
func TestPanicBecomesAnError(t *testing.T) {
	n := &Native{&App{config: Config{}}} // not opened by Open: everything in it is missing
	n.app.config.Log = quiet
	for name, call := range map[string]func() error{
		"VerifyFile": func() error { _, err := n.VerifyFile(0, ""); return err },
		"panicking":  func() error { _, err := recoverPanic(n.app, func() (int, error) { panic("our bug") }); return err },
		"an error":   func() error { _, err := recoverPanic(n.app, func() (int, error) { return 0, errNoWindow }); return err },
	} {
		if err := call(); err == nil {
			t.Errorf("%s gave no error", name)
		}
	}
}

// The pages' half of the bridge names every method, and no other.
func TestBridge(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "frontend", "src", "platform", "desktop.ts"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "interface Native {\n")
	body, _, _ := strings.Cut(rest, "\n}")
	there := map[string]bool{}
	for line := range strings.SplitSeq(body, "\n") {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "(")
		there[name] = true
	}
	for _, name := range methodsOf(&Native{}) {
		if !there[name] {
			t.Errorf("desktop.ts does not know the method %s", name)
		}
		delete(there, name)
	}
	for name := range there {
		t.Errorf("desktop.ts calls %q, which there is not", name)
	}
}

func TestArgs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths are written in another way there")
	}
	t.Setenv("XDG_DATA_HOME", "/data")
	a, err := ParseArgs([]string{"--server", "https://host", "a.txt", "/b/c.txt", "file:///d/e%20f.txt"}, "/here")
	if err != nil || a.Dir != "/data/onelicense" || a.Server != "https://host" ||
		strings.Join(a.Files, " ") != "/here/a.txt /b/c.txt /d/e f.txt" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := ParseArgs([]string{"--what"}, "/here"); err == nil {
		t.Error("a flag that there is not was taken")
	}
	if a, err := ParseArgs([]string{"--data", "there"}, "/here"); err != nil || a.Dir != "/here/there" {
		t.Errorf("%+v, %v", a, err)
	}
}
