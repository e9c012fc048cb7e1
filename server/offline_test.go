package server

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
)

// createFileLicense makes a license of a product.
func (p *user) createFileLicense(product string) (licenseID string) {
	p.w.Helper()
	version := id(p.must(201, "POST", "/products/"+product+"/versions", map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}}))
	return id(p.must(201, "POST", "/versions/"+version+"/licenses", licenseBody("One")))
}

// The key for files never touches the server: the text goes to where it is, the signature comes back, and is held to everything that a
// program would hold it to.
//
// proves part of N04
// proves part of B04
func TestOfflineSignedFiles(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	day := 24 * time.Hour
	whole, err := pgp.Generate("Example", rand.Reader, w.clock.now().Add(-2*day))
	if err != nil {
		t.Fatal(err)
	}
	other, err := pgp.Generate("Another", rand.Reader, w.clock.now().Add(-2*day))
	if err != nil {
		t.Fatal(err)
	}
	ending, err := whole.AddKeyUntil(license.UseFile, w.clock.now(), rand.Reader, w.clock.now().Add(-day))
	if err != nil {
		t.Fatal(err)
	}
	var here []string // what goes to the server: not the root, and no key for files
	for _, k := range ending.Public().Keys(w.clock.now()) {
		if k.Primary || slices.Contains(k.Uses, license.UseFile) {
			here = append(here, k.Fingerprint)
		}
	}
	online, err := ending.WithoutPrivateKeys(here...)
	if err != nil {
		t.Fatal(err)
	}
	product := id(p.must(201, "POST", "/products", map[string]any{"name": "One", "keys": map[string]any{"private": armoredWithout(t, online)}}))
	path := "/licenses/" + p.createFileLicense(product)
	p.do("GET", path+"/file", nil).wantProblem(409, "key_missing")
	text := p.do("GET", path+"/text", nil).body
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
		return p.do("POST", path+"/file", map[string]any{"signature": signature})
	}
	file := send(signed(whole, license.UseFile, text, w.clock.now()))
	if _, err := license.Open(file.body, w.certificate(product), w.clock.now()); err != nil {
		t.Errorf("%v: %s", err, file.body)
	}
	for _, c := range []struct {
		name, signature, code string
	}{
		{"another product's key", signed(other, license.UseFile, text, w.clock.now()), "key_unknown"},
		{"another text", signed(whole, license.UseFile, bytes.Replace(text, []byte(":4"), []byte(":9"), 1), w.clock.now()), "signature_invalid"},
		{"a key for leases", signed(whole, license.UseLease, text, w.clock.now()), "signature_type"},
		{"an expired subkey", signed(ending, license.UseFile, text, w.clock.now().Add(-time.Hour)), "key_expired"},
		{"from the future", signed(whole, license.UseFile, text, w.clock.now().Add(day)), "signature_future"},
		{"no signature", "no signature", "signature_encoding"},
		{"nothing", "", "signature_encoding"},
		{"garbage", base64.StdEncoding.EncodeToString([]byte{0xff, 1, 2}), "signature_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := send(c.signature)
			r.t = t
			r.wantProblem(422, c.code)
		})
	}
}

// GnuPG's own key, GnuPG's own signature, armored and not.
//
// proves part of N04
func TestFilesSignedByGnuPG(t *testing.T) {
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
			"--faked-system-time", w.clock.now().Format("20060102T150405")}, args...)...)
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
	product := id(p.must(201, "POST", "/products", map[string]any{
		"name": "One", "keys": map[string]any{"private": string(gpg(nil, "--armor", "--export-secret-keys", "keys@example.com"))},
	}))
	path := "/licenses/" + p.createFileLicense(product)
	text := p.do("GET", path+"/text", nil).body
	w.clock.advance(time.Minute)
	for _, signature := range []string{
		string(gpg(text, "--armor", "--textmode", "--detach-sign")),
		base64.StdEncoding.EncodeToString(gpg(text, "--textmode", "--detach-sign")),
	} {
		r := p.do("POST", path+"/file", map[string]any{"signature": signature})
		if _, err := license.Open(r.body, w.certificate(product), w.clock.now()); err != nil {
			t.Errorf("%v: %s", err, r.body)
		}
	}
	binary := gpg(text, "--armor", "--detach-sign") // somebody forgot --textmode
	p.do("POST", path+"/file", map[string]any{"signature": string(binary)}).wantProblem(422, "signature_type")
}
