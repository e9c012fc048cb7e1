package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/onelicense/onelicense/license"
)

// gnupgCases lists files that GnuPG signed. GnuPG's keys are random, so these files are kept when the others are written again.
var gnupgCases = []vector{
	{Name: "gnupg_ed25519", Note: "head -n 3 | gpg --textmode --detach-sign, by a plain Ed25519 key", Keyring: "gnupg_ed25519.asc", Now: now,
		Code: license.CodeOK},
	{Name: "gnupg_crlf", Note: "the same file with CRLF, as mail makes it", Keyring: "gnupg_ed25519.asc", Now: now, Code: license.CodeOK},
	{Name: "gnupg_binary", Note: "signed without --textmode", Keyring: "gnupg_ed25519.asc", Now: now, Code: license.CodeSignatureType},
	{Name: "gnupg_expiring", Note: "signed with --default-sig-expire, opened after its end", Keyring: "gnupg_ed25519.asc",
		Now: now.Add(30 * day), Code: license.CodeSignatureExpired},
	{Name: "gnupg_rsa3072", Note: "by an RSA key of 3072 bits", Keyring: "gnupg_rsa3072.asc", Now: now, Code: license.CodeOK},
	{Name: "gnupg_sha1", Note: "RSA with --digest-algo SHA1", Keyring: "gnupg_rsa3072.asc", Now: now, Code: license.CodeSignatureAlgorithm},
	{Name: "gnupg_rsa2048", Note: "by an RSA key of 2048 bits", Keyring: "gnupg_rsa2048.asc", Now: now, Code: license.CodeKeyWeak},
	{Name: "gnupg_product_key", Note: "by this product's own file key, imported into GnuPG", Keyring: "product.asc", Now: now,
		Code: license.CodeOK},
	{Name: "gnupg_revoked", Note: "the plain key was revoked without a reason", Keyring: "gnupg_revoked.asc", Now: now,
		Code: license.CodeKeyCompromised},
	{Name: "gnupg_key_expired", Note: "the plain key got an end, which has passed", Keyring: "gnupg_expired.asc", Now: now.Add(30 * day),
		Code: license.CodeKeyExpired},
	{Name: "gnupg_clearsigned", Note: "a clear-signed document is never a license file", Keyring: "gnupg_ed25519.asc", Now: now,
		Code: license.CodeFileByte},
}

// makeGnuPG makes those files and their keyrings.
func makeGnuPG(dir string) error {
	home, err := os.MkdirTemp("", "gnupg")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if err := os.Chmod(home, 0o700); err != nil {
		return err
	}
	defer func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }()
	g := gnupg{home: home, dir: dir}

	g.key("ed@example.com", "ed25519")
	g.key("rsa3072@example.com", "rsa3072")
	g.key("rsa2048@example.com", "rsa2048")
	g.run(string(must(generate("product").Armored())), "--import")
	g.save("gnupg_ed25519.asc", g.run("", "--armor", "--export", "ed@example.com"))
	g.save("gnupg_rsa3072.asc", g.run("", "--armor", "--export", "rsa3072@example.com"))
	g.save("gnupg_rsa2048.asc", g.run("", "--armor", "--export", "rsa2048@example.com"))

	plain := g.sign("ed@example.com", "--textmode")
	g.save("gnupg_ed25519.txt", plain)
	g.save("gnupg_crlf.txt", bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n")))
	g.save("gnupg_revoked.txt", plain)
	g.save("gnupg_key_expired.txt", plain)
	g.save("gnupg_binary.txt", g.sign("ed@example.com"))
	g.save("gnupg_expiring.txt", g.sign("ed@example.com", "--textmode", "--default-sig-expire", "7d"))
	g.save("gnupg_rsa3072.txt", g.sign("rsa3072@example.com", "--textmode"))
	g.save("gnupg_sha1.txt", g.sign("rsa3072@example.com", "--textmode", "--digest-algo", "SHA1"))
	g.save("gnupg_rsa2048.txt", g.sign("rsa2048@example.com", "--textmode"))
	g.save("gnupg_product_key.txt", g.sign(fmt.Sprintf("%X!", keysOf("product")[1].fingerprint()), "--textmode"))
	g.save("gnupg_clearsigned.txt", g.run(plainText, "--local-user", "ed@example.com", "--clear-sign"))

	// First an expiry, then the revocation that GnuPG itself prepared when it made the key.
	g.run("", "--quick-set-expire", g.fingerprint("ed@example.com"), "20250110T000000")
	g.save("gnupg_expired.asc", g.run("", "--armor", "--export", "ed@example.com"))
	revocation, err := os.ReadFile(filepath.Join(home, "openpgp-revocs.d", g.fingerprint("ed@example.com")+".rev"))
	if err != nil {
		return err
	}
	// GnuPG writes a colon before the block to prevent an accidental import.
	g.run(string(bytes.Replace(revocation, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1)), "--import")
	g.save("gnupg_revoked.asc", g.run("", "--armor", "--export", "ed@example.com"))
	return g.err
}

// gnupg runs gpg with its own home directory and time. After the first error it does nothing more.
type gnupg struct {
	home, dir string
	err       error
}

func (g *gnupg) run(input string, args ...string) []byte {
	if g.err != nil {
		return nil
	}
	cmd := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback",
		"--passphrase", "",
		"--trust-model", "always", "--faked-system-time", signed.Format("20060102T150405")}, args...)...)
	cmd.Stdin = bytes.NewReader([]byte(input))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.err = fmt.Errorf("gpg %v: %w\n%s", args, err, stderr.Bytes())
	}
	return out
}

func (g *gnupg) key(name, algorithm string) {
	g.run("", "--quick-generate-key", name, algorithm, "sign", "never")
}

func (g *gnupg) fingerprint(name string) string {
	for line := range bytes.Lines(g.run("", "--with-colons", "--list-keys", name)) {
		if fields := bytes.Split(line, []byte(":")); string(fields[0]) == "fpr" {
			return string(fields[9])
		}
	}
	return ""
}

// sign signs a file as spec/license-file.md tells a vendor to do.
func (g *gnupg) sign(by string, options ...string) []byte {
	packet := g.run(plainText, append(options, "--local-user", by, "--detach-sign")...)
	return []byte(plainText + base64.StdEncoding.EncodeToString(packet) + "\n")
}

func (g *gnupg) save(name string, data []byte) {
	if g.err == nil {
		g.err = os.WriteFile(filepath.Join(g.dir, name), data, 0o644)
	}
}
