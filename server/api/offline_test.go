package api_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/servertest"
)

// createFileLicense creates a license of a product and returns its id.
func (p *user) createFileLicense(product string) (licenseID string) {
	p.w.Helper()
	version := id(p.Must(201, "POST", "/products/"+product+"/versions",
		map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}}))
	return id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("One")))
}

// The key that signs files never touches the server: the unsigned text is signed elsewhere, and the server verifies the returned file as a
// program would.
//
// proves part of N04
// proves part of B04
func TestOfflineSignedFiles(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	day := 24 * time.Hour
	whole, err := pgp.Generate("Example", rand.Reader, w.Clock.Now().Add(-2*day))
	if err != nil {
		t.Fatal(err)
	}
	other, err := pgp.Generate("Another", rand.Reader, w.Clock.Now().Add(-2*day))
	if err != nil {
		t.Fatal(err)
	}
	ending, err := whole.AddKeyUntil(license.UseFile, w.Clock.Now(), rand.Reader, w.Clock.Now().Add(-day))
	if err != nil {
		t.Fatal(err)
	}
	var here []string // what goes to the server: not the root, and no key for files
	for _, k := range ending.Public().Keys(w.Clock.Now()) {
		if k.Primary || slices.Contains(k.Uses, license.UseFile) {
			here = append(here, k.Fingerprint)
		}
	}
	online, err := ending.WithoutPrivateKeys(here...)
	if err != nil {
		t.Fatal(err)
	}
	product := id(p.Must(201, "POST", "/products", map[string]any{"name": "One", "keys": map[string]any{"private_keys": armoredWithout(t,
		online)}}))
	path := "/licenses/" + p.createFileLicense(product)
	p.Do("GET", path+"/file", nil).WantProblem(409, "key_missing")
	text := p.Do("GET", path+"/unsigned-file", nil).Body
	if bytes.Count(text, []byte("\n")) != 3 {
		t.Fatalf("the text is %q", text)
	}
	signed := func(s *pgp.SecretKeyring, use license.Use, text []byte, at time.Time) string {
		t.Helper()
		signature, err := s.Sign(use, text, at)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(signature)
	}
	send := func(signature string) reply {
		return p.Do("POST", path+"/file", map[string]any{"signature": signature})
	}
	file := send(signed(whole, license.UseFile, text, w.Clock.Now()))
	if _, err := license.Open(file.Body, w.Certificate(product), w.Clock.Now()); err != nil {
		t.Errorf("%v: %s", err, file.Body)
	}
	for _, c := range []struct {
		name, signature, code string
	}{
		{"another product's key", signed(other, license.UseFile, text, w.Clock.Now()), "key_unknown"},
		{"another text", signed(whole, license.UseFile, bytes.Replace(text, []byte(":4"), []byte(":9"), 1), w.Clock.Now()), "signature_invalid"},
		{"a key for leases", signed(whole, license.UseLease, text, w.Clock.Now()), "signature_type"},
		{"an expired subkey", signed(ending, license.UseFile, text, w.Clock.Now().Add(-time.Hour)), "key_expired"},
		{"from the future", signed(whole, license.UseFile, text, w.Clock.Now().Add(day)), "signature_future"},
		{"no signature", "no signature", "signature_encoding"},
		{"nothing", "", "signature_encoding"},
		{"garbage", base64.StdEncoding.EncodeToString([]byte{0xff, 1, 2}), "signature_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := send(c.signature)
			r.TB = t
			r.WantProblem(422, c.code)
		})
	}
}

// Files signed by GnuPG with its own key, armored and binary.
//
// proves part of N04
func TestFilesSignedByGnuPG(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("gpg is needed: apt-get install gnupg")
		}
		t.Skip("gpg is not installed")
	}
	home, err := os.MkdirTemp("", "gpg") // not t.TempDir: the agent's socket must have a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	w := startServer(t)
	gpg := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "",
			"--faked-system-time", w.Clock.Now().Format("20060102T150405")}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
		}
		return out
	}
	gpg(nil, "--quick-generate-key", "Vendor <keys@example.com>", "ed25519", "sign", "never")
	p := w.owner()
	product := id(p.Must(201, "POST", "/products", map[string]any{
		"name": "One", "keys": map[string]any{"private_keys": string(gpg(nil, "--armor", "--export-secret-keys", "keys@example.com"))},
	}))
	path := "/licenses/" + p.createFileLicense(product)
	text := p.Do("GET", path+"/unsigned-file", nil).Body
	w.Clock.Advance(time.Minute)
	for _, signature := range []string{
		string(gpg(text, "--armor", "--textmode", "--detach-sign")),
		base64.StdEncoding.EncodeToString(gpg(text, "--textmode", "--detach-sign")),
	} {
		r := p.Do("POST", path+"/file", map[string]any{"signature": signature})
		if _, err := license.Open(r.Body, w.Certificate(product), w.Clock.Now()); err != nil {
			t.Errorf("%v: %s", err, r.Body)
		}
	}
	binary := gpg(text, "--armor", "--detach-sign") // somebody forgot --textmode
	p.Do("POST", path+"/file", map[string]any{"signature": string(binary)}).WantProblem(422, "signature_type")
}
