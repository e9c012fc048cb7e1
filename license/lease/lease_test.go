package lease

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

var device = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func request() *Request {
	return &Request{
		Product: "5edb10fecc150913cb7640f6", Version: "5edb1105cc150913cb7640f7", License: "5edb1264cc150913cb7640f8",
		Nonce: strings.Repeat("0f", 16), Generation: 1, Number: 1, Previous: OriginLink, Counted: 3,
		Want: []ReservationRequest{{Slot: Slot{"rendering", "ui"}}},
	}
}

func code(err error) license.Code {
	if e, ok := errors.AsType[*license.Error](err); ok {
		return e.Code
	}
	return ""
}

// proves N03 S18
func TestRequestRoundTrip(t *testing.T) {
	text := request().Sign(device)
	r, hash, err := OpenRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	document, _, _ := bytes.Cut(text, []byte("\n"))
	if hash != HashOf(document) || r.Activation() != ActivationID(device.Public().(ed25519.PublicKey)) ||
		r.Want[0].Slot != (Slot{"rendering", "ui"}) {
		t.Fatalf("%+v", r)
	}
}

// proves S24 S19 S18
func TestRequestsThatAreRefused(t *testing.T) {
	whole := string(request().Sign(device))
	for name, c := range map[string]struct {
		text string
		code license.Code
	}{
		"empty":             {"", license.CodeRequestMalformed},
		"one line":          {strings.SplitAfter(whole, "\n")[0], license.CodeRequestMalformed},
		"three lines":       {whole + "x\n", license.CodeRequestMalformed},
		"too large":         {strings.Repeat("x", MaxRequest+1), license.CodeRequestMalformed},
		"a lease":           {strings.Replace(whole, "/request/1", "/lease/1", 1), license.CodeProtocolUnsupported},
		"another version":   {strings.Replace(whole, "/request/1", "/request/2", 1), license.CodeProtocolUnsupported},
		"a changed count":   {strings.Replace(whole, `"counted":3`, `"counted":4`, 1), license.CodeRequestSignature},
		"white space":       {strings.Replace(whole, `,"counted"`, `, "counted"`, 1), license.CodeRequestMalformed},
		"an unknown member": {strings.Replace(whole, `,"counted"`, `,"x":1,"counted"`, 1), license.CodeRequestMalformed},
		"a repeated member": {strings.Replace(whole, `,"counted"`, `,"counted":9,"counted"`, 1), license.CodeRequestMalformed},
		"another case":      {strings.Replace(whole, `"counted"`, `"Counted"`, 1), license.CodeRequestMalformed},
		"a float":           {strings.Replace(whole, `"counted":3`, `"counted":3.5`, 1), license.CodeRequestMalformed},
		"not a number":      {strings.Replace(whole, `"counted":3`, `"counted":"3"`, 1), license.CodeRequestMalformed},
	} {
		if _, _, err := OpenRequest([]byte(c.text)); code(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Request){
		"product":    func(r *Request) { r.Product = "x" },
		"nonce":      func(r *Request) { r.Nonce = "" },
		"generation": func(r *Request) { r.Generation = 0 },
		"number":     func(r *Request) { r.Number = -1 },
		"previous":   func(r *Request) { r.Previous = "" },
		"origin":     func(r *Request) { r.Number = 2 },
		"negative":   func(r *Request) { r.Counted = -100 },
		"max int64":  func(r *Request) { r.Counted = 1<<63 - 1 },
		"epoch":      func(r *Request) { r.Epoch = -1 },
		"names":      func(r *Request) { r.Want[0].Context = "a b" },
		"twice":      func(r *Request) { r.Want = append(r.Want, r.Want[0]) },
		"keyring":    func(r *Request) { r.Keyring = "x" },
	} {
		r := request()
		change(r)
		if _, _, err := OpenRequest(r.Sign(device)); err == nil || code(err).Verdict().Class != license.ClassRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// trusting is a keyring whose signatures are the hash of the message.
type trusting struct{}

func (trusting) Root() string                                             { return "ROOT" }
func (t trusting) Merge(license.Keyring) (license.Keyring, []byte, error) { return t, nil, nil }

func (trusting) Verify(use license.Use, message, signature []byte, _ time.Time) (license.Signature, error) {
	if use != license.UseLease || string(signature) != string(HashOf(message)) {
		return license.Signature{}, license.Refuse(license.CodeSignatureInvalid, "")
	}
	return license.Signature{Key: "KEY"}, nil
}

func (trusting) Sign(_ license.Use, message []byte, _ time.Time) ([]byte, error) {
	return []byte(HashOf(message)), nil
}

// proves N03 S17
func TestOpen(t *testing.T) {
	l := Lease{Product: "5edb10fecc150913cb7640f6", Verdict: license.CodeOK, Time: 42, Counters: Counters{Used: 1}}
	text, err := l.Document().Sign(trusting{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(text, trusting{}, time.Time{})
	if err != nil || a.Lease == nil || a.Refusal != nil || a.Lease.Counters.Used != 1 || ClaimedTime(text) != 42 {
		t.Fatalf("%+v %v", a, err)
	}
	signed, beside, err := SplitAttachments(Attachments{Keyring: []byte("certificate"), Delegation: []byte("d")}.Append(text))
	if err != nil || string(beside.Keyring) != "certificate" || beside.List != nil || string(beside.Delegation) != "d" ||
		!bytes.Equal(signed, text) {
		t.Fatalf("%q %q %v", signed, beside, err)
	}
	if signed, beside, err = SplitAttachments(text); err != nil || beside.Keyring != nil || !bytes.Equal(signed, text) {
		t.Fatal("an answer without a keyring")
	}
	r := Refusal{Code: license.CodeSuspended}
	if text, err = r.Document().Sign(trusting{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if a, err = Open(text, trusting{}, time.Time{}); err != nil || a.Refusal == nil || a.Refusal.Code != license.CodeSuspended {
		t.Fatalf("%+v %v", a, err)
	}
	for name, d := range map[string]Document{
		"a request":     []byte(`{"type":"onelicense/request/1","product":""}`),
		"not json":      []byte(`{"type":"onelicense/lease/1",`),
		"another order": []byte(`{"type":"onelicense/refusal/1","license":"","product":""}`),
		"null":          []byte(`null`),
		"too large":     bytes.Repeat([]byte("x"), MaxLease+1),
	} {
		text, _ := d.Sign(trusting{}, time.Time{})
		if _, err := Open(text, trusting{}, time.Time{}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// proves part of N02
func TestNextLink(t *testing.T) {
	a, b := NextLink(OriginLink, HashOf([]byte("a"))), NextLink(OriginLink, HashOf([]byte("b")))
	if a == b || NextLink(a, HashOf(nil)) == NextLink(b, HashOf(nil)) || !a.Valid() {
		t.Fatal("links do not tell histories apart")
	}
	if !(Position{1, 9, a}).Before(Position{2, 1, b}) || (Position{2, 1, a}).Before(Position{1, 9, b}) {
		t.Fatal("generations come before numbers")
	}
}

func FuzzOpenRequest(f *testing.F) {
	f.Add(request().Sign(device))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, _, err := OpenRequest(text)
		if err == nil && !bytes.HasPrefix(text, encode(r)) {
			t.Fatal("accepted, but written otherwise")
		}
	})
}

func FuzzOpen(f *testing.F) {
	text, _ := Lease{Verdict: license.CodeOK}.Document().Sign(trusting{}, time.Time{})
	f.Add(text)
	f.Fuzz(func(t *testing.T, document []byte) {
		text, _ := Document(document).Sign(trusting{}, time.Time{})
		if a, err := Open(text, trusting{}, time.Time{}); err == nil && (a.Lease == nil) == (a.Refusal == nil) {
			t.Fatal("neither a lease nor a refusal")
		}
		_, _, _ = SplitAttachments(document)
	})
}
