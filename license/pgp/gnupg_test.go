package pgp

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// gnupg runs gpg with its own home directory.
type gnupg struct {
	t    *testing.T
	home string
	runs *int
}

func newGnuPG(t *testing.T) gnupg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("gpg is needed: apt-get install gnupg")
		}
		t.Skip("gpg is not installed; these tests compare with it")
	}
	// Not t.TempDir: the agent's socket must have a short path.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	return gnupg{t, home, new(int)}
}

// try runs gpg at the time when the tests' keys were made, unless args say another. Each run is a minute after the one before: making
// an RSA key takes seconds, and a key younger than the signature asked of it is of no use.
func (g gnupg) try(input []byte, args ...string) ([]byte, string, error) {
	*g.runs++
	all := []string{"--homedir", g.home, "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}
	if !strings.Contains(strings.Join(args, " "), "--faked-system-time") {
		all = append(all, "--faked-system-time", made.Add(day+time.Duration(*g.runs)*time.Minute).Format("20060102T150405"))
	}
	cmd := exec.Command("gpg", append(all, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return out, stderr.String(), err
}

func (g gnupg) run(input []byte, args ...string) []byte {
	g.t.Helper()
	out, stderr, err := g.try(input, args...)
	if err != nil {
		g.t.Fatalf("gpg %v: %v\n%s", args, err, stderr)
	}
	return out
}

func (g gnupg) write(name string, data []byte) string {
	g.t.Helper()
	path := filepath.Join(g.home, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// GnuPG imports our certificate and verifies what we sign, with either kind of line end.
//
// proves L04
func TestGnuPGVerifiesOurSignatures(t *testing.T) {
	g := newGnuPG(t)
	s := product(t, "Example GmbH <keys@example.com>")
	cert, err := s.Public().Armored()
	if err != nil {
		t.Fatal(err)
	}
	g.run(cert, "--import")
	signature := g.write("text.sig", sign(t, s, license.UseFile, text, made))
	for name, form := range map[string][]byte{"lf": text, "crlf": withCRLF(text)} {
		g.run(nil, "--verify", signature, g.write(name, form))
	}
	if _, _, err := g.try(nil, "--verify", signature, g.write("changed", bytes.Replace(text, []byte("5\n"), []byte("6\n"), 1))); err == nil {
		t.Error("gpg verifies a changed text")
	}
	lease := g.write("lease.sig", sign(t, s, license.UseLease, text, made))
	g.run(nil, "--verify", lease, g.write("lease", text))

	// GnuPG, too, sees a revocation, and shows the use of a key.
	revoked, err := s.Revoke(s.Public().Keys(made)[1].Fingerprint, ReasonCompromised, made.Add(day/2))
	if err != nil {
		t.Fatal(err)
	}
	g.run(revoked.Public().Certificate(), "--import")
	out, stderr, _ := g.try(nil, "--status-fd", "1", "--verify", signature, filepath.Join(g.home, "lf"))
	if !strings.Contains(string(out), "REVKEYSIG") {
		t.Errorf("gpg does not see the revocation:\n%s%s", out, stderr)
	}
	shown := g.run(nil, "--list-options", "show-notations,show-unusable-subkeys", "--with-subkey-fingerprint", "--check-sigs")
	if !bytes.Contains(shown, []byte("Example GmbH")) {
		t.Errorf("gpg lists %s", shown)
	}
}

// Files that were signed with plain GnuPG as spec/license-file.md describes are accepted, and near misses are refused.
//
// proves L04
func TestVerifyGnuPGSignatures(t *testing.T) {
	g := newGnuPG(t)
	now := made.Add(2 * day)
	ours := product(t, "Example")
	secret, err := ours.Armored()
	if err != nil {
		t.Fatal(err)
	}
	g.run(secret, "--import")
	for _, algorithm := range []string{"ed25519", "rsa3072", "rsa2048"} {
		g.run(nil, "--quick-generate-key", algorithm+"@example.com", algorithm, "sign", "never")
	}
	// A key with a signing subkey, as many people have.
	g.run(nil, "--quick-generate-key", "subkey@example.com", "ed25519", "cert", "never")
	g.run(nil, "--quick-add-key", g.fingerprint("subkey@example.com"), "ed25519", "sign", "never")
	g.run(nil, "--quick-add-key", g.fingerprint("subkey@example.com"), "cv25519", "encr", "never")

	ring := func(g gnupg, name string) *Keyring {
		g.t.Helper()
		k, err := Parse(g.run(nil, "--armor", "--export", name))
		if err != nil {
			g.t.Fatal(err)
		}
		return k
	}
	fileKey := ours.Public().Keys(made)[1].Fingerprint + "!"
	leaseKey := ours.Public().Keys(made)[2].Fingerprint + "!"
	for _, c := range []struct {
		name    string
		keyring *Keyring
		by      string
		options string
		want    license.Code
	}{
		{"ed25519", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode", license.CodeOK},
		{"rsa3072", ring(g, "rsa3072@example.com"), "rsa3072@example.com", "--textmode", license.CodeOK},
		{"subkey", ring(g, "subkey@example.com"), "subkey@example.com", "--textmode", license.CodeOK},
		{"our_file_key", ours.Public(), fileKey, "--textmode", license.CodeOK},
		{"our_lease_key", ours.Public(), leaseKey, "--textmode", license.CodeKeyUse},
		{"rsa2048", ring(g, "rsa2048@example.com"), "rsa2048@example.com", "--textmode", license.CodeKeyWeak},
		{"binary", ring(g, "ed25519@example.com"), "ed25519@example.com", "", license.CodeSignatureType},
		{"sha1", ring(g, "rsa3072@example.com"), "rsa3072@example.com", "--textmode --digest-algo SHA1", license.CodeSignatureAlgorithm},
		{"sha384", ring(g, "rsa3072@example.com"), "rsa3072@example.com", "--textmode --digest-algo SHA384", license.CodeOK},
		{"armored", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --armor", license.CodeSignatureFormat},
		{"expired", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --default-sig-expire seconds=3600",
			license.CodeSignatureExpired},
		{"future", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --faked-system-time 20300101T000000",
			license.CodeSignatureFuture},
		{"notation", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --sig-notation order@example.com=4711", license.CodeOK},
		{"critical_notation", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --sig-notation !order@example.com=4711",
			license.CodeSignatureFormat},
		{"two_signers", ring(g, "ed25519@example.com"), "ed25519@example.com", "--textmode --local-user rsa3072@example.com",
			license.CodeSignatureFormat},
		{"another_key", ring(g, "rsa3072@example.com"), "ed25519@example.com", "--textmode", license.CodeKeyUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gnupg{t, g.home, g.runs}
			signature := g.run(text, append(strings.Fields(c.options), "--local-user", c.by, "--detach-sign")...)
			_, err := c.keyring.Verify(license.UseFile, text, signature, now)
			expect(t, err, c.want)
			if c.want == license.CodeOK {
				_, err := c.keyring.Verify(license.UseLease, text, signature, now)
				expect(t, err, license.CodeSignatureType)
			}
		})
	}

	t.Run("exported_secret_signs", func(t *testing.T) {
		g := gnupg{t, g.home, g.runs}
		for _, name := range []string{"ed25519@example.com", "rsa3072@example.com", "subkey@example.com"} {
			s, err := ParseSecretKeyring(g.run(nil, "--armor", "--export-secret-keys", name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Public().Verify(license.UseFile, text, sign(t, s, license.UseFile, text, now), now); err != nil {
				t.Error(err)
			}
			_, err = s.Sign(license.UseLease, text, now)
			expect(t, err, license.CodeKeyUse)
		}
		// Without the primary key, which may be offline: it signs, and cannot change the keyring.
		s, err := ParseSecretKeyring(g.run(nil, "--export-secret-subkeys", "subkey@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		sign(t, s, license.UseFile, text, now)
		_, err = s.AddKey(license.UseFile, seeded("x"), now)
		expect(t, err, license.CodeKeyUse)
	})

	t.Run("revoked_by_gnupg", func(t *testing.T) {
		g := gnupg{t, g.home, g.runs}
		before := g.run(text, "--textmode", "--local-user", "ed25519@example.com", "--detach-sign")
		fingerprint := g.fingerprint("ed25519@example.com")
		revocation, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fingerprint+".rev"))
		if err != nil {
			t.Fatal(err)
		}
		g.run(bytes.Replace(revocation, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
		_, err = ring(g, "ed25519@example.com").Verify(license.UseFile, text, before, now)
		expect(t, err, license.CodeKeyCompromised)
	})

	t.Run("expired_in_gnupg", func(t *testing.T) {
		g := gnupg{t, g.home, g.runs}
		before := g.run(text, "--textmode", "--local-user", "rsa3072@example.com", "--detach-sign")
		g.run(nil, "--quick-set-expire", g.fingerprint("rsa3072@example.com"), made.Add(5*day).Format("20060102T150405"))
		_, err := ring(g, "rsa3072@example.com").Verify(license.UseFile, text, before, now)
		expect(t, err, license.CodeOK)
		_, err = ring(g, "rsa3072@example.com").Verify(license.UseFile, text, before, made.Add(6*day))
		expect(t, err, license.CodeKeyExpired)
	})
}

func (g gnupg) fingerprint(name string) string {
	g.t.Helper()
	for line := range strings.Lines(string(g.run(nil, "--with-colons", "--list-keys", name))) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	g.t.Fatalf("gpg lists no fingerprint of %s", name)
	return ""
}

// The commands of spec/license-file.md, run exactly as they are printed.
//
// proves L03 L04
func TestDocumentedGnuPGCommands(t *testing.T) {
	g := newGnuPG(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "spec", "license-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```sh\n")
	script, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page has no commands")
	}
	dir := t.TempDir()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GNUPGHOME="+g.home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cert, err := os.ReadFile(filepath.Join(dir, "vendor.pub.asc"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Parse(cert)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "license.txt"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := license.Open(file, keys, time.Now())
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if !l.Grants("ui", "rendering") {
		t.Errorf("got %v", l.Claims)
	}
	line := strings.Split(string(file), "\n")[3]
	if _, err := base64.StdEncoding.DecodeString(line); err != nil {
		t.Error(err)
	}
}
