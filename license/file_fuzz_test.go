package license_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// stampKeyring signs a text with its own bytes reversed: no key is needed, and every change is detected.
type stampKeyring struct{ fakeKeyring }

func stampOf(use license.Use, message []byte) []byte {
	return append([]byte(use), base64.StdEncoding.EncodeToString(message)...)
}

func (stampKeyring) Verify(use license.Use, message, signature []byte, _ time.Time) (license.Signature, error) {
	if !bytes.Equal(signature, stampOf(use, message)) {
		return license.Signature{}, license.Refuse(license.CodeSignatureInvalid, "")
	}
	return license.Signature{Key: "KEY"}, nil
}

func (stampKeyring) Sign(use license.Use, message []byte, _ time.Time) ([]byte, error) {
	return stampOf(use, message), nil
}

// The license file of spec/license-file.md, implemented a second time as one pattern.
var (
	filePattern = regexp.MustCompile(`^([0-9a-f]{24})\n(NAME(?:,NAME)*)\n(NAME(?::[1-9][0-9]*)?(?:,NAME(?::[1-9][0-9]*)?)*)\n` +
		`([A-Za-z0-9+/]+={0,2})\n?$`)
	oneFile = regexp.MustCompile(strings.ReplaceAll(filePattern.String(), "NAME", `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`))
)

// referenceParse returns the claims that Open must return for a file; nil if it must refuse it.
func referenceParse(file []byte) *license.Claims {
	text := string(file)
	if len(file) > 65536 {
		return nil
	}
	if unix := strings.ReplaceAll(text, "\r\n", "\n"); strings.Count(text, "\r\n") == strings.Count(text, "\n") {
		text = unix
	}
	m := oneFile.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	signature, err := base64.StdEncoding.DecodeString(m[4])
	signed := text[:len(m[1])+len(m[2])+len(m[3])+3]
	if err != nil || base64.StdEncoding.EncodeToString(signature) != m[4] ||
		!bytes.Equal(signature, stampOf(license.UseFile, []byte(signed))) {
		return nil
	}
	c := &license.Claims{ID: license.ID(m[1]), Contexts: strings.Split(m[2], ",")}
	seen := map[string]bool{}
	for _, name := range c.Contexts {
		if seen["context "+name] {
			return nil
		}
		seen["context "+name] = true
	}
	for _, item := range strings.Split(m[3], ",") {
		name, slots, _ := strings.Cut(item, ":")
		n, err := strconv.ParseInt(slots, 10, 64)
		if slots != "" && (err != nil || n > 1_000_000) || seen["entitlement "+name] {
			return nil
		}
		seen["entitlement "+name] = true
		c.Entitlements = append(c.Entitlements, license.Entitlement{Name: name, Slots: int(n)})
	}
	if len(c.Contexts) > 64 || len(c.Entitlements) > 256 {
		return nil
	}
	return c
}

// FuzzFile checks that a file is opened if and only if the pattern accepts it, with the same claims. With sign, the input is the text,
// which is then signed.
//
// proves part of L03
func FuzzFile(f *testing.F) {
	for _, v := range vectors(f) {
		data := readVector(f, v.File)
		if at := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n'); at > 0 && len(data) < 1024 {
			f.Add(data[:at+1], true)
			f.Add(data, false)
		}
	}
	f.Add([]byte("5edb1264cc150913cb7640f8\r\nui\r\na:1000000,b:1000001\r\n"), true)
	f.Fuzz(func(t *testing.T, input []byte, sign bool) {
		file := input
		if sign {
			signed := bytes.ReplaceAll(input, []byte("\r\n"), []byte("\n"))
			file = append(bytes.Clone(input), license.EncodeSignature(stampOf(license.UseFile, signed))...)
		}
		l, err := license.Open(file, &stampKeyring{}, time.Time{})
		want := referenceParse(file)
		var refusal *license.Error
		switch {
		case (err == nil) != (want != nil) || (err == nil) != (l != nil):
			t.Fatalf("%v, the pattern says %v", err, want)
		case err != nil && (!errors.As(err, &refusal) || refusal.Code.Verdict().Class != license.ClassFile):
			t.Fatalf("%v is no refusal of a file", err)
		case err != nil:
			return
		}
		again, err := license.Seal(*want, &stampKeyring{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		unix := bytes.TrimSuffix(bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n")), []byte("\n"))
		if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), unix) {
			t.Fatalf("%q became %q", file, again)
		}
		for _, context := range append(want.Contexts, "") {
			for _, e := range append(want.Entitlements, license.Entitlement{Name: "-"}) {
				if l.Grants(context, e.Name) != (context != "" && e.Name != "-") {
					t.Fatalf("%s in %s", e.Name, context)
				}
			}
		}
	})
}
