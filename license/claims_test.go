package license_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

var example = license.Claims{
	ID:           "5edb1264cc150913cb7640f8",
	Contexts:     []string{"ui", "automation"},
	Entitlements: []license.Entitlement{{Name: "solid_modeling", Slots: 5}, {Name: "rendering"}, {Name: "part_operations", Slots: 2}},
}

const exampleText = "5edb1264cc150913cb7640f8\nui,automation\nsolid_modeling:5,rendering,part_operations:2\n"

// proves L03 L05
func TestClaimsText(t *testing.T) {
	text, err := example.Text()
	if err != nil || string(text) != exampleText {
		t.Fatalf("got %q, %v", text, err)
	}
	claims, err := license.ParseClaims(text)
	if err != nil || !reflect.DeepEqual(claims, example) {
		t.Fatalf("got %v, %v", claims, err)
	}
}

// proves L06
func TestGrantsPerContext(t *testing.T) {
	for _, c := range []struct {
		context, entitlement string
		want                 bool
	}{
		{"ui", "rendering", true},
		{"automation", "part_operations", true},
		{"batch", "rendering", false},
		{"ui", "simulation", false},
		{"", "", false},
		{"rendering", "ui", false},
		{"UI", "rendering", false},
	} {
		if got := example.Grants(c.context, c.entitlement); got != c.want {
			t.Errorf("%s in %s: %t", c.entitlement, c.context, got)
		}
	}
}

// Claims that could not be read back cannot be written.
func TestTextRefusesInvalidClaims(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*license.Claims)
		want   license.Code
	}{
		"no_id":               {func(c *license.Claims) { c.ID = "" }, license.CodeFileID},
		"id_of_two_lines":     {func(c *license.Claims) { c.ID += "\n" }, license.CodeFileID},
		"no_context":          {func(c *license.Claims) { c.Contexts = nil }, license.CodeFileContexts},
		"comma_in_a_name":     {func(c *license.Claims) { c.Contexts = []string{"ui,batch"} }, license.CodeFileContexts},
		"repeated_context":    {func(c *license.Claims) { c.Contexts = []string{"ui", "ui"} }, license.CodeFileContexts},
		"65_contexts":         {func(c *license.Claims) { c.Contexts = make([]string, 65) }, license.CodeFileTooManyItems},
		"no_entitlement":      {func(c *license.Claims) { c.Entitlements = nil }, license.CodeFileEntitlements},
		"newline_in_a_name":   {func(c *license.Claims) { c.Entitlements[1].Name = "a\nb" }, license.CodeFileEntitlements},
		"negative_slots":      {func(c *license.Claims) { c.Entitlements[0].Slots = -1 }, license.CodeFileEntitlements},
		"too_many_slots":      {func(c *license.Claims) { c.Entitlements[0].Slots = 1_000_001 }, license.CodeFileEntitlements},
		"257_entitlements":    {func(c *license.Claims) { c.Entitlements = make([]license.Entitlement, 257) }, license.CodeFileTooManyItems},
		"repeated_with_slots": {func(c *license.Claims) { c.Entitlements[1].Name = "solid_modeling" }, license.CodeFileEntitlements},
	} {
		t.Run(name, func(t *testing.T) {
			claims := license.Claims{ID: example.ID, Contexts: example.Contexts,
				Entitlements: append([]license.Entitlement(nil), example.Entitlements...)}
			c.change(&claims)
			_, err := claims.Text()
			var refusal *license.Error
			if !errors.As(err, &refusal) || refusal.Code != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := license.Seal(claims, fakeSigner(nil), time.Time{}); err == nil {
				t.Error("it was sealed")
			}
		})
	}
}

// fakeSigner signs everything with the same bytes.
type fakeSigner []byte

func (s fakeSigner) Sign(license.Use, []byte, time.Time) ([]byte, error) { return s, nil }

// fakeKeyring accepts every signature, and records the message.
type fakeKeyring struct{ message []byte }

func (j *fakeKeyring) Root() string { return "ROOT" }

func (j *fakeKeyring) Merge(license.Keyring) (license.Keyring, []byte, error) { return j, nil, nil }

func (j *fakeKeyring) Verify(use license.Use, message, _ []byte, _ time.Time) (license.Signature, error) {
	if use != license.UseFile {
		return license.Signature{}, license.Refuse(license.CodeKeyUse, "%s", use)
	}
	j.message = bytes.Clone(message)
	return license.Signature{Key: "KEY"}, nil
}

// The keyring gets exactly the three lines with LF, whatever line ends the file has.
//
// proves L03
func TestOpenVerifiesExactBytes(t *testing.T) {
	file, err := license.Seal(example, fakeSigner("packet"), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]byte{
		file,
		bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")),
		bytes.TrimSuffix(file, []byte("\n")),
	} {
		j := &fakeKeyring{}
		l, err := license.Open(form, j, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if string(j.message) != exampleText || !reflect.DeepEqual(l.Claims, example) || l.Root != "ROOT" || l.Signature.Key != "KEY" {
			t.Errorf("%q became %q and %v", form, j.message, l)
		}
	}
}

func TestSignatureLine(t *testing.T) {
	for _, n := range []int{1, 2, 3, 119} {
		packet := bytes.Repeat([]byte{0xfb}, n)
		got, err := license.DecodeSignature(license.EncodeSignature(packet))
		if err != nil || !bytes.Equal(got, packet) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, line := range []string{"", "QQ", "QQ=", "QR==", "QQ==\n", "\nQQ==", "Q Q==", "QQ==QQ==", "-_==", "QQ==\x00", "QUI", "====",
		strings.Repeat("=", 5)} {
		_, err := license.DecodeSignature(line)
		var refusal *license.Error
		if !errors.As(err, &refusal) || refusal.Code != license.CodeSignatureEncoding {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(exampleText))
	for _, v := range vectors(f) {
		data := readVector(f, v.File)
		if at := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n'); at > 0 && len(data) < 1024 {
			f.Add(data[:at+1])
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		claims, err := license.ParseClaims(text)
		if err != nil {
			var refusal *license.Error
			if !errors.As(err, &refusal) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		again, err := claims.Text()
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("%q became %q, %v", text, again, err)
		}
	})
}
