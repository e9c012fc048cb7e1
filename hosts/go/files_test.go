package onelicense

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
)

// directory writes the files of a program and returns their directory.
func directory(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func initialize(t testing.TB, cfg FilesConfig) *Client {
	t.Helper()
	c, err := Initialize(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(t.Context()) })
	return c
}

// proves L02 L04 L22
func TestDirectoryOfFiles(t *testing.T) {
	v := newFakeServer(t)
	good := v.file(t, first, []string{"ui"}, "rendering")
	dir := directory(t, map[string][]byte{
		"a.txt": good, "b.txt": []byte(strings.Replace(string(good), "rendering", "everything", 1)),
		"c.TXT": v.file(t, second, []string{"ui"}, "modeling"), "d.txt": make([]byte, maxFile+1), "readme.md": []byte("not a license"),
	})
	if err := os.Mkdir(filepath.Join(dir, "e.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "f.txt")); err != nil {
		t.Fatal(err)
	}
	c := initialize(t, v.files(t, dir))
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range status.Files {
		got = append(got, f.File+" "+string(f.Code))
		if !f.OK && (f.Detail == "" && f.Message == "" || f.Do == "") {
			t.Errorf("%+v gives no reason", f)
		}
	}
	want := "a.txt ok, b.txt signature_invalid, c.TXT ok, d.txt file_too_large, e.txt file_unreadable, f.txt file_unreadable"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if n := len(v.requests()); n != 0 {
		t.Errorf("%d requests before anything is needed", n)
	}
}

// Files are found by their names and recognised by their contents.
//
// proves L02
func TestRevocationListsAreLoaded(t *testing.T) {
	v := newFakeServer(t)
	dir := directory(t, map[string][]byte{
		"a.txt": v.file(t, first, []string{"ui"}, "rendering"), "b.list": v.file(t, second, []string{"ui"}, "modeling"), "c.LIST": v.statement(t,
			2, first),
		"d.txt": []byte(`{"type":"onelicense/statement/1"}` + "\nnonsense\n"), "e.json": v.statement(t, 3),
	})
	status, err := initialize(t, v.files(t, dir)).Status()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]license.Code{}
	for _, f := range status.Files {
		got[f.File] = f.Code
	}
	want := map[string]license.Code{
		"a.txt": license.CodeRevoked, "b.list": license.CodeOK, "c.LIST": license.CodeOK, "d.txt": license.CodeSignatureFormat,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRevocationListMayBeLarger(t *testing.T) {
	files, err := DirectoryLoader(directory(t, map[string][]byte{
		"a.list": []byte("{" + strings.Repeat("x", maxList)), "b.txt": make([]byte, maxList), "c.list": []byte("{" +
			strings.Repeat("x", maxList-2)),
	})).Load()
	if err != nil || len(files[0].Data) != maxList+1 || len(files[1].Data) != maxFile+1 || files[2].Data != nil || files[2].Error == "" {
		t.Errorf("%d, %d, %q, %v", len(files[0].Data), len(files[1].Data), files[2].Error, err)
	}
}

// proves L02
func TestMissingDirectoryHoldsNoFiles(t *testing.T) {
	v := newFakeServer(t)
	c := initialize(t, v.files(t, filepath.Join(t.TempDir(), "missing")))
	wantCode(t, c.Reserve(t.Context(), "ui", "rendering"), license.CodeNoLicense)
}

func TestFilesNeedAKeyring(t *testing.T) {
	v := newFakeServer(t)
	for setting, spoil := range map[string]func(*FilesConfig){
		"keyring":   func(c *FilesConfig) { c.Keyring = "" },
		"directory": func(c *FilesConfig) { c.Directory = "" },
	} {
		cfg := v.files(t, t.TempDir())
		spoil(&cfg)
		_, err := Initialize(t.Context(), cfg)
		wantCode(t, err, license.CodeMissingSetting)
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%v does not name %s", err, setting)
		}
	}
	cfg := v.files(t, t.TempDir())
	cfg.LicenseID = first
	_, err := Initialize(t.Context(), cfg)
	wantCode(t, err, license.CodeBadSetting)
	cfg = v.files(t, t.TempDir())
	cfg.Keyring = "no certificate"
	_, err = Initialize(t.Context(), cfg)
	wantCode(t, err, license.CodeKeyringInvalid)
}

// memoryLoader is the loader of a program that keeps its licenses elsewhere.
type memoryLoader []File

func (l memoryLoader) Load() ([]File, error) { return l, nil }

// proves L07 L08 L09 L10 L14 L15 L16 L17 L20
func TestReservePatterns(t *testing.T) {
	v := newFakeServer(t)
	v.slots = 1
	cfg := v.files(t, "")
	cfg.Loader = memoryLoader{{Name: "one", Data: v.file(t, first, []string{"ui", "automation"}, "rendering")}}
	c := initialize(t, cfg)
	requests := 0
	after := func(what string, err error, code license.Code, more int) {
		t.Helper()
		wantCode(t, err, code)
		requests += more
		if n := len(v.requests()); n != requests {
			t.Errorf("%s: %d requests, want %d", what, n, requests)
			requests = n
		}
	}
	reserve := func(context string) error { return c.Reserve(t.Context(), context, "rendering") }
	after("check before", c.Check("ui", "rendering"), license.CodeNotReserved, 0)
	after("first reserve", reserve("ui"), license.CodeOK, 1)
	after("second reserve", reserve("ui"), license.CodeOK, 0)
	after("allowed context", reserve("automation"), license.CodeOK, 0)
	after("check", c.Check("ui", "rendering"), license.CodeOK, 0)
	after("check in any context", c.Check("", "rendering"), license.CodeOK, 0)
	after("context that the license lacks", reserve("web"), license.CodeContextNotAllowed, 0)

	other := v.files(t, "")
	other.Loader = cfg.Loader
	err := initialize(t, other).Reserve(t.Context(), "ui", "rendering")
	after("on another computer", err, license.CodeNoSlots, 1)
	if e := err.(*Error); e.Context != "ui" || e.Entitlement != "rendering" || e.License != first || e.AllowContinue || e.Message == "" {
		t.Errorf("got %+v", e)
	}

	release := func(context string, want bool) {
		t.Helper()
		if got, err := c.Release(context, "rendering"); got != want || err != nil {
			t.Errorf("release in %s: %v, %v", context, got, err)
		}
	}
	release("ui", true)
	release("automation", true)
	release("automation", false)
	after("two of three released", nil, license.CodeOK, 0)
	release("ui", true)
	eventually(t, "the last release is not told", func() bool { return len(v.requests()) == requests+1 })
	requests++
	after("check after", c.Check("ui", "rendering"), license.CodeNotReserved, 0)
	after("reserve again", reserve("ui"), license.CodeOK, 1)
	after("close", c.Close(t.Context()), license.CodeOK, 1)
	after("reserve after close", reserve("ui"), license.CodeNotRunning, 0)
	for _, held := range v.held {
		if len(held) != 0 {
			t.Errorf("still held: %v", held)
		}
	}
}

// proves L16
func TestMustCheckCallsTheHandler(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.files(t, t.TempDir())
	var told []Verdict
	cfg.OnVerdict = func(v Verdict) { told = append(told, v) }
	c := initialize(t, cfg)
	c.MustCheck("ui", "rendering")
	if len(told) != 1 || told[0].Code != license.CodeNotReserved || told[0].Context != "ui" || told[0].Entitlement != "rendering" {
		t.Errorf("told %+v", told)
	}
}

// proves L19
func TestReserveReturnsServerErrors(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.files(t, "")
	cfg.Loader = memoryLoader{{Name: "one", Data: v.file(t, first, []string{"ui"}, "rendering")}}
	v.Close()
	c := initialize(t, cfg)
	wantCode(t, c.Reserve(t.Context(), "ui", "rendering"), license.CodeUnreachable)
}

// The new instance after a trap is given the files again.
func TestFilesSurviveATrap(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.files(t, "")
	cfg.Loader = memoryLoader{{Name: "one", Data: v.file(t, first, []string{"ui"}, "rendering")}}
	c := initialize(t, cfg)
	c.trapNext(t)
	wantCode(t, c.Check("ui", "rendering"), license.CodeInternal)
	if err := c.Reserve(t.Context(), "ui", "rendering"); err != nil {
		t.Error(err)
	}
}
