package license_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// The attacks on the license file, one test each, named after the attack. The vectors of
// spec/vectors/license, which every host opens, are listed here by their attack; spec/threats.md lists all attacks.

// expectVectors opens vectors by name. Each must exist and have the code.
func expectVectors(t *testing.T, code license.Code, names ...string) {
	t.Helper()
	all := map[string]vector{}
	for _, v := range vectors(t) {
		all[v.Name] = v
	}
	for _, name := range names {
		v, ok := all[name]
		if !ok {
			t.Errorf("there is no vector %s", name)
			continue
		}
		if got := openVector(t, v); got != code || v.Code != code {
			t.Errorf("%s: got %s, stated is %s, want %s", name, got, v.Code, code)
		}
	}
}

// openVector returns the code of opening a vector.
func openVector(t *testing.T, v vector) license.Code {
	t.Helper()
	keys, err := pgp.Parse(readVector(t, v.Keyring))
	if err == nil {
		_, err = license.Open(readVector(t, v.File), keys, v.Now)
	}
	return codeOf(t, err)
}

func codeOf(t *testing.T, err error) license.Code {
	t.Helper()
	var e *license.Error
	switch {
	case err == nil:
		return license.CodeOK
	case !errors.As(err, &e):
		t.Fatal(err)
	}
	return e.Code
}

// genuineFile returns the file of the examples, the product's keyring, and a day on which the file is good.
func genuineFile(t *testing.T) (file []byte, keys *pgp.Keyring, now time.Time) {
	t.Helper()
	keys, err := pgp.Parse(readVector(t, "product.asc"))
	if err != nil {
		t.Fatal(err)
	}
	now = time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC)
	file = readVector(t, "plain.txt")
	if _, err := license.Open(file, keys, now); err != nil {
		t.Fatal(err)
	}
	return file, keys, now
}

// attackerKeys returns the keys of another vendor with any name.
func attackerKeys(t *testing.T, name string) *pgp.SecretKeyring {
	t.Helper()
	s, err := pgp.Generate(name, rand.NewChaCha8([32]byte{1}), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A text must not be readable in two ways: there is one way to write a thing, and every other is refused, also if the vendor has signed
// it.
//
// proves L04
func TestCanonicalizationAmbiguity(t *testing.T) {
	expectVectors(t, license.CodeFileLines, "mixed_line_ends", "mixed_last_line_end", "lone_cr", "cr_cr_lf", "cr_at_the_end",
		"blank_line_at_the_end",
		"blank_line_at_the_start", "fifth_line", "two_signature_lines")
	expectVectors(t, license.CodeFileByte, "nul_byte", "nul_then_entitlement", "bom", "trailing_blank", "blank_after_comma", "tab",
		"form_feed", "latin1",
		"cyrillic_look_alike", "utf16")
	expectVectors(t, license.CodeFileEntitlements, "duplicate_entitlement", "slots_leading_zero", "slots_plus", "slots_overflow", "slots_hex",
		"slots_underscore",
		"slots_twice")
	expectVectors(t, license.CodeFileContexts, "duplicate_context", "empty_context")
	expectVectors(t, license.CodeFileID, "uppercase_id")
	expectVectors(t, license.CodeSignatureEncoding, "base64_not_canonical", "base64_without_padding", "base64_url_safe",
		"base64_padding_in_the_middle")
}

// The tricks with cleartext signatures do not apply: there are no headers, no escapes, and no text around the signed one.
//
// proves L04
func TestClearsignTricks(t *testing.T) {
	expectVectors(t, license.CodeFileByte, "gnupg_clearsigned")
	expectVectors(t, license.CodeSignatureFormat, "armored_in_base64")
	expectVectors(t, license.CodeFileLines, "two_signature_lines", "only_signature", "fifth_line", "blank_line_at_the_start", "base64_newline")
	file, keys, now := genuineFile(t)
	for name, text := range map[string]string{
		"header before": "Hash: SHA256\n" + string(file), "text before": "5edb1264cc150913cb7640f9\n" + string(file), "text after": string(file) +
			"ui\n",
		"dash-escaped": "- " + string(file), "armored": "-----BEGIN PGP SIGNED MESSAGE-----\n" + string(file),
	} {
		if _, err := license.Open([]byte(text), keys, now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// proves L04
func TestWeakHash(t *testing.T) {
	expectVectors(t, license.CodeSignatureAlgorithm, "sha1", "sha224", "gnupg_sha1")
	expectVectors(t, license.CodeKeyUnknown, "binding_by_sha1")
	expectVectors(t, license.CodeKeyWeak, "gnupg_rsa2048")
}

// proves L04
// proves part of N04
func TestExpiredOrRevokedKey(t *testing.T) {
	expectVectors(t, license.CodeKeyExpired, "key_expired", "key_expired_before", "binding_expired", "root_expired", "v6_root_expired",
		"gnupg_key_expired", "older_than_its_key")
	expectVectors(t, license.CodeKeyRetired, "superseded_at_once", "superseded_after", "retired_after", "root_superseded_after")
	expectVectors(t, license.CodeKeyCompromised, "compromised_before", "revoked_without_reason", "root_compromised", "gnupg_revoked")
	expectVectors(t, license.CodeKeyUnknown, "no_back_signature", "successor_not_known_yet")
	expectVectors(t, license.CodeKeyUse, "no_sign_flag", "notation_unhashed", "root_signs")
	expectVectors(t, license.CodeOK, "superseded_before", "retired_before", "key_in_time") // and no more than these
}

// A signature has one form, and a license is identified by its text, not by the bytes of its signature.
//
// proves L04
func TestSignatureMalleability(t *testing.T) {
	expectVectors(t, license.CodeSignatureFormat, "two_signatures", "garbage_after_the_signature", "garbage_in_the_packet",
		"marker_before_the_signature",
		"literal_packet", "indeterminate_length", "number_with_leading_zeros", "issuer_twice", "created_twice", "critical_unknown",
		"critical_notation")
	expectVectors(t, license.CodeSignatureInvalid, "hash_tag_changed")
	expectVectors(t, license.CodeKeyUnknown, "issuer_unhashed_only", "issuer_unhashed_ours")
	file, keys, now := genuineFile(t)
	one, err := license.Open(file, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"crlf.txt", "sha512.txt", "old_header.txt", "issuer_unhashed_of_another.txt", "unhashed_expiration.txt"} {
		other, err := license.Open(readVector(t, name), keys, now)
		if err != nil || !reflect.DeepEqual(other.Claims, one.Claims) {
			t.Errorf("%s: %v, %+v", name, err, other)
		}
	}
}

// proves L04
func TestSignatureFromTheFuture(t *testing.T) {
	expectVectors(t, license.CodeSignatureFuture, "future", "future_by_years", "clock_unset")
	expectVectors(t, license.CodeSignatureFormat, "created_twice")
	expectVectors(t, license.CodeSignatureExpired, "expiration_passed", "gnupg_expiring")

	// A signature without a time is refused. (The packet's creation time is its first subpacket: six bytes.)
	file, keys, now := genuineFile(t)
	lines := bytes.SplitAfter(file, []byte("\n"))
	packet, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(lines[3])))
	if err != nil || !bytes.HasPrefix(packet[8:], []byte{5, 2}) {
		t.Fatalf("%x %v", packet, err)
	}
	timeless := append(bytes.Clone(packet[:8]), packet[14:]...)
	timeless[1] -= 6 // of the packet
	timeless[7] -= 6 // of its hashed subpackets
	_, err = license.Open(append(bytes.Join(lines[:3], nil), base64.StdEncoding.EncodeToString(timeless)+"\n"...), keys, now)
	var e *license.Error
	if !errors.As(err, &e) || e.Code != license.CodeSignatureFormat || !strings.Contains(e.Detail, "creation time") {
		t.Errorf("without a time: %v", err)
	}
}

// Keys with the vendor's name are not the vendor's keys.
//
// proves L04
func TestIssuerForgedByName(t *testing.T) {
	expectVectors(t, license.CodeSignatureInvalid, "foreign_key_with_our_issuer")
	expectVectors(t, license.CodeKeyUnknown, "issuer_missing", "issuer_unhashed_only")
	_, keys, now := genuineFile(t)
	namesake := attackerKeys(t, "product") // as the genuine keyring says
	file, err := license.Seal(license.Claims{ID: "5edb1264cc150913cb7640f8", Contexts: []string{"ui"},
		Entitlements: []license.Entitlement{{Name: "rendering"}}}, namesake, now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = license.Open(file, keys, now)
	if got := codeOf(t, err); got != license.CodeKeyUnknown {
		t.Errorf("got %s", got)
	}
	if _, _, err := keys.Merge(namesake.Public()); codeOf(t, err) != license.CodeWrongRoot {
		t.Errorf("the keyrings become one: %v", err)
	}
}

// A product's keyring identifies the product: no file of another product is genuine under it, and it cannot hold a second certificate.
//
// proves N03 L04
func TestKeySubstitution(t *testing.T) {
	expectVectors(t, license.CodeKeyUnknown, "another_products_key", "another_products_keyring")
	expectVectors(t, license.CodeKeyringInvalid, "two_certificates")
}

// A signature that was made for one purpose is presented for another.
//
// proves L04
func TestCrossProtocolReuse(t *testing.T) {
	expectVectors(t, license.CodeSignatureType, "lease_signature", "binary_type", "gnupg_binary", "standalone_type", "certification_type")
	expectVectors(t, license.CodeKeyUse, "lease_key", "notation_unknown")
}

// If verifier and vendor share a secret, anybody who takes the program apart can write licenses. Here nothing that ships with a program
// can sign, and a keyring with private keys is refused, should one be shipped by mistake.
//
// proves L04
func TestHMACOfflineTokens(t *testing.T) {
	file, keys, now := genuineFile(t)
	text := bytes.Join(bytes.SplitAfter(file, []byte("\n"))[:3], nil)
	for _, shipped := range [][]byte{keys.Certificate(), []byte(keys.Root()), readVector(t, "product.asc"), text[:24]} {
		m := hmac.New(sha256.New, shipped)
		m.Write(text)
		token := append(bytes.Clone(text), base64.StdEncoding.EncodeToString(m.Sum(nil))+"\n"...)
		if _, err := license.Open(token, keys, now); codeOf(t, err) != license.CodeSignatureFormat {
			t.Errorf("got %v", err)
		}
	}
	private, err := attackerKeys(t, "product").Armored()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgp.Parse(private); codeOf(t, err) != license.CodeKeyringInvalid {
		t.Errorf("a program takes private keys: %v", err)
	}
}

// Inputs that made other verifiers panic, or read without end.
//
// proves L04 L22
func TestBadInputToTheVerifier(t *testing.T) {
	expectVectors(t, license.CodeFileTooLarge, "huge")
	expectVectors(t, license.CodeSignatureFormat, "packet_truncated", "hex")
	expectVectors(t, license.CodeSignatureEncoding, "base64_empty", "base64_truncated")
	_, keys, now := genuineFile(t)
	for _, bad := range []string{"", "abc", "a.b", ".", "null", "null\nnull\nnull\nnull\n", "\n\n\n\n", "a\nb\nc\nAAAA\n", "a\nb\nc\nwv8=\n",
		"a\nb\nc\nwv////////8=\n"} {
		l, err := license.Open([]byte(bad), keys, now)
		if l != nil || codeOf(t, err).Verdict().Class != license.ClassFile {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Every test that spec/threats.md names exists, and every attack of these files is on the page.
func TestThreatsPageNamesExistingTests(t *testing.T) {
	page, err := os.ReadFile("../spec/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	pointed := map[string]bool{}
	named := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1)
	links := regexp.MustCompile(`\[((?:Test|Fuzz)\w+)(?:/(\w+))?\]\(\.\./([\w./-]+_test\.go)\)`).FindAllStringSubmatch(string(page), -1)
	if len(named) != len(links) || len(links) < 60 {
		t.Errorf("the page names %d tests and has links to %d", len(named), len(links))
	}
	for _, link := range links {
		name, part, file := link[1], link[2], link[3]
		pointed[file+" "+name] = true
		tests, source := testsOf(t, file)
		if !tests[name] || part != "" && !strings.Contains(source, `t.Run("`+part+`"`) {
			t.Errorf("%s has no test %s %s", file, name, part)
		}
	}
	for _, file := range []string{"license/attacks_test.go", "server/licensing/abuse_test.go", "wasm/client/attacks_test.go"} {
		tests, _ := testsOf(t, file)
		for name := range tests {
			if !pointed[file+" "+name] && name != t.Name() {
				t.Errorf("the page does not point at %s in %s", name, file)
			}
		}
	}
}

// testsOf lists the tests of a file of this module.
func testsOf(t *testing.T, file string) (tests map[string]bool, source string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
	if err != nil {
		t.Error(err)
		return nil, ""
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	tests = map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			tests[f.Name.Name] = true
		}
	}
	return tests, string(text)
}
