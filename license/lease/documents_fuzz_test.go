package lease

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// The documents of spec/lease.md, described a second time and without their Go types: the members in their order, those with
// a question mark left out when empty. The fuzz tests compare the readers with it in both directions.
type (
	shape  []member
	member struct {
		name string
		what any // "s", "n", "b", a shape, or listOf a shape or of "s"
	}
	listOf struct{ what any }
)

var (
	slotShape   = shape{{"entitlement", "s"}, {"context", "s"}}
	answerShape = map[string]shape{
		TypeLease: {
			{"type", "s"}, {"product", "s"}, {"license", "s"}, {"activation", "s"}, {"generation", "n"}, {"number", "n"}, {"link", "s"},
			{"request", "s"}, {"nonce", "s"}, {"time", "n"}, {"epoch", "n"}, {"verdict", "s"},
			{"settings", shape{
				{"type", "s"}, {"trigger", "s"}, {"interval", "n"}, {"max_retries", "n"}, {"grace", "n"}, {"activation_delay", "n"},
				{"clock_tolerance", "n"}, {"journal_every", "n"}, {"prepaid?", "n"}, {"statistics?", "b"},
			}},
			{"counters", shape{{"used", "n"}, {"allowance", "n"}, {"counted", "n"}, {"granted?", "n"}}},
			{"expires", "n"},
			{"reservations?", listOf{append(slotShape[:2:2], member{"until", "n"})}},
			{"denied?", listOf{append(slotShape[:2:2], member{"code", "s"})}},
			{"list?", shape{{"number", "n"}, {"hash", "s"}}},
			{"not_after", "n"},
		},
		TypeRefusal: {
			{"type", "s"}, {"product", "s"}, {"license", "s"}, {"activation", "s"}, {"request", "s"}, {"nonce", "s"}, {"time", "n"},
			{"epoch", "n"}, {"code", "s"}, {"detail?", "s"}, {"retry_at?", "n"}, {"generation?", "n"}, {"challenge?", "s"}, {"not_after", "n"},
		},
	}
	requestShape = shape{
		{"type", "s"}, {"product", "s"}, {"version", "s"}, {"license", "s"}, {"device", "s"}, {"nonce", "s"}, {"generation", "n"},
		{"number", "n"}, {"previous", "s"}, {"epoch", "n"}, {"time", "n"}, {"counted", "n"},
		{"want?", listOf{append(slotShape[:2:2], member{"borrow?", "n"})}}, {"drop?", listOf{slotShape}}, {"goodbye?", "b"},
		{"challenge?", "s"}, {"refused?", "s"}, {"keyring?", "s"}, {"list?", "n"},
		{"fingerprint?", listOf{shape{{"name", "s"}, {"hash", "s"}}}},
		{"statistics?", shape{
			{"program?", "s"}, {"platform?", "s"}, {"host?", "s"}, {"numbers?", listOf{shape{{"name", "s"}, {"value", "n"}}}},
		}},
		{"lease?", "s"},
	}
	statementShape = shape{
		{"type", "s"}, {"product", "s"}, {"number", "n"}, {"time", "n"}, {"max_age?", "n"},
		{"keys?", listOf{shape{{"key", "s"}, {"status", "s"}, {"since", "n"}}}}, {"licenses?", listOf{"s"}},
	}
	delegationShape = shape{
		{"type", "s"}, {"product", "s"}, {"license", "s"}, {"key", "s"}, {"number", "n"}, {"epoch", "n"}, {"time", "n"}, {"allowance", "n"},
		{"entitlements?", listOf{shape{{"entitlement", "s"}, {"slots", "n"}}}}, {"not_after", "n"},
	}
)

// written returns the only valid text of the shape's document with the same values as data; empty if there is none. It uses neither the
// readers nor their types: it goes through the tokens and writes the expected ones.
func written(data []byte, s shape) string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out strings.Builder
	if !rewrite(d, s, &out, false) || d.More() {
		return ""
	}
	return out.String()
}

var (
	whole = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,18})$`)
	zero  = map[any]bool{`""`: true, "0": true, "false": true, "[]": true}
)

func rewrite(d *json.Decoder, what any, out *strings.Builder, optional bool) bool {
	start := out.Len()
	token, err := d.Token()
	if err != nil {
		return false
	}
	switch w := what.(type) {
	case string:
		switch v := token.(type) {
		case string:
			if w != "s" {
				return false
			}
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			_ = e.Encode(v)
			out.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
		case json.Number:
			if _, err := v.Int64(); w != "n" || err != nil || !whole.MatchString(string(v)) {
				return false
			}
			out.WriteString(string(v))
		case bool:
			if w != "b" {
				return false
			}
			out.WriteString(map[bool]string{true: "true", false: "false"}[v])
		default:
			return false
		}
	case listOf:
		if token != json.Delim('[') {
			return false
		}
		out.WriteByte('[')
		for first := true; d.More(); first = false {
			if !first {
				out.WriteByte(',')
			}
			if !rewrite(d, w.what, out, false) {
				return false
			}
		}
		if _, err := d.Token(); err != nil {
			return false
		}
		out.WriteByte(']')
	case shape:
		if token != json.Delim('{') {
			return false
		}
		out.WriteByte('{')
		members := w
		for first := true; d.More(); first = false {
			key, err := d.Token()
			if err != nil {
				return false
			}
			for len(members) > 0 && strings.HasSuffix(members[0].name, "?") && strings.TrimSuffix(members[0].name, "?") != key {
				members = members[1:] // left out
			}
			if len(members) == 0 || strings.TrimSuffix(members[0].name, "?") != key {
				return false
			}
			if !first {
				out.WriteByte(',')
			}
			out.WriteString(`"` + key.(string) + `":`)
			if !rewrite(d, members[0].what, out, strings.HasSuffix(members[0].name, "?")) {
				return false
			}
			members = members[1:]
		}
		if _, err := d.Token(); err != nil {
			return false
		}
		for _, m := range members {
			if !strings.HasSuffix(m.name, "?") {
				return false
			}
		}
		out.WriteByte('}')
	}
	return !optional || !zero[out.String()[start:]]
}

// wellFormed reports whether a reader must accept the document.
func wellFormed(document []byte, s shape, most int) bool {
	return len(document) <= most && written(document, s) == string(document)
}

// twoLines takes a signed text apart by a pattern.
var twoLines = regexp.MustCompile(`(?s)^([^\n]*)\n([A-Za-z0-9+/]+={0,2})\n$`)

func cut(text []byte) (document, signature []byte, ok bool) {
	parts := twoLines.FindSubmatch(text)
	if parts == nil {
		return nil, nil, false
	}
	signature, err := base64.StdEncoding.DecodeString(string(parts[2]))
	return parts[1], signature, err == nil && base64.StdEncoding.EncodeToString(signature) == string(parts[2])
}

// believing is a keyring whose signatures are the use and the hash of the message.
type believing struct{ trusting }

func stampOf(use license.Use, message []byte) []byte {
	return []byte(string(use) + " " + string(HashOf(message)))
}

func (believing) Verify(use license.Use, message, signature []byte, _ time.Time) (license.Signature, error) {
	if !bytes.Equal(signature, stampOf(use, message)) {
		return license.Signature{}, license.Refuse(license.CodeSignatureInvalid, "")
	}
	return license.Signature{Key: "KEY"}, nil
}

func (believing) Sign(use license.Use, message []byte, _ time.Time) ([]byte, error) {
	return stampOf(use, message), nil
}

// signed returns the text of a document with a valid signature, so that the fuzzer gets past the signature; with as 0 the input is the
// text.
func signed(input []byte, as uint8, by license.Use) []byte {
	switch as % 3 {
	case 1:
		return joinSignature(input, stampOf(by, input))
	case 2:
		return joinSignature(input, ed25519.Sign(device, input))
	}
	return input
}

// refusals checks that a reader refuses with a code.
func refusals(t *testing.T, err error) {
	t.Helper()
	if err != nil && code(err) == "" {
		t.Errorf("%v is no refusal", err)
	}
}

var material = regexp.MustCompile(`\{\\{0,7}"type\\{0,7}":\\{0,7}"onelicense/[a-z]+/1.*?\\n[A-Za-z0-9+/]+=*\\{1,7}n`)

// documentsFromTraces returns documents of one type from the traces.
func documentsFromTraces(f *testing.F, kind string) (list [][]byte) {
	f.Helper()
	files, err := filepath.Glob("../../spec/vectors/client/*.json.gz")
	if err != nil || len(files) == 0 {
		f.Fatal("no traces", err)
	}
	seen := map[int]bool{}
	for _, file := range files {
		b := gunzip(f, file)
		for _, found := range material.FindAll(b, 40) {
			t := found
			for bytes.Contains(t, []byte(`\"`)) || bytes.HasSuffix(t, []byte(`\n`)) {
				var s string
				if json.Unmarshal([]byte(`"`+string(t)+`"`), &s) != nil {
					break
				}
				t = []byte(s)
			}
			document, _, ok := bytes.Cut(t, []byte("\n"))
			if ok && documentType(document) == kind && !seen[len(document)] && len(list) < 12 {
				seen[len(document)] = true
				list = append(list, t)
			}
		}
	}
	return list
}

func gunzip(f *testing.F, path string) []byte {
	f.Helper()
	file, err := os.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		f.Fatal(path, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(path, err)
	}
	return b
}

// FuzzAnswer checks that an answer is accepted if and only if it is in its only form and signed by the keyring, or by the relay.
//
// proves part of N03
func FuzzAnswer(f *testing.F) {
	relay := &Delegation{Key: hex.EncodeToString(device.Public().(ed25519.PublicKey))}
	for _, kind := range []string{TypeLease, TypeRefusal} {
		for _, t := range documentsFromTraces(f, kind) {
			document, _, _ := bytes.Cut(t, []byte("\n"))
			f.Add(t, uint8(0))
			f.Add(document, uint8(1))
			f.Add(document, uint8(2))
		}
	}
	full := Lease{
		Settings: Settings{Prepaid: 5, Statistics: true}, Counters: Counters{Granted: 1}, List: &StatementRef{Number: 1},
		Reservations: []Reservation{{Until: 1}}, Denied: []Denial{{Code: "x\u2028<&>\x7f"}},
	}
	f.Add([]byte(full.Document()), uint8(1))
	f.Add([]byte(Refusal{Detail: "a\\\"\x00é\U0001F600", RetryAt: 1, Generation: 2, Challenge: "c"}.Document()), uint8(1))
	f.Fuzz(func(t *testing.T, input []byte, as uint8) {
		text := signed(input, as, license.UseLease)
		document, signature, ok := cut(text)
		ok = ok && (wellFormed(document, answerShape[TypeLease], 4096) && bytes.HasPrefix(document, []byte(`{"type":"`+TypeLease+`"`)) ||
			wellFormed(document, answerShape[TypeRefusal], 4096) && bytes.HasPrefix(document, []byte(`{"type":"`+TypeRefusal+`"`)))

		a, err := Open(text, believing{}, time.Time{})
		refusals(t, err)
		if want := ok && bytes.Equal(signature, stampOf(license.UseLease, document)); want != (err == nil) {
			t.Errorf("by the server: %v, the reference says %v", err, want)
		}
		b, err := OpenDelegated(text, relay)
		refusals(t, err)
		if want := ok && ed25519.Verify(device.Public().(ed25519.PublicKey), document, signature); want != (err == nil) {
			t.Errorf("by a relay: %v, the reference says %v", err, want)
		}
		for _, a := range []*Answer{a, b} {
			if a != nil && ((a.Lease == nil) == (a.Refusal == nil) || !bytes.Equal(a.Text, text)) {
				t.Error("not exactly one of lease and refusal, or another text")
			}
		}
		if at := ClaimedTime(text); at < 0 || at > MaxCount {
			t.Errorf("claimed time %d", at)
		}
	})
}

// FuzzRequest checks that a request is accepted if and only if it is in its only form, in range, and signed by the device that it names.
//
// proves part of S18
func FuzzRequest(f *testing.F) {
	for _, t := range documentsFromTraces(f, TypeRequest) {
		document, _, _ := bytes.Cut(t, []byte("\n"))
		f.Add(t, uint8(0))
		f.Add(document, uint8(2))
	}
	r := request()
	r.Drop, r.Goodbye, r.Challenge, r.Refused, r.Keyring, r.List, r.Lease = []Slot{{"a", "b"}}, true, "c", OriginLink, OriginLink, 3, "x\ny\n"
	r.Fingerprint = []FingerprintPart{{"disk", strings.Repeat("0a", 16)}}
	r.Statistics = &Statistics{Program: "1.2", Platform: "linux", Host: "go", Numbers: []NamedNumber{{"opened", -4}}}
	document, _, _ := bytes.Cut(r.Sign(device), []byte("\n"))
	f.Add(document, uint8(2))
	f.Fuzz(func(t *testing.T, input []byte, as uint8) {
		text := signed(input, as, license.UseLease)
		document, signature, ok := cut(text)
		want := ok && len(text) <= 16384 && wellFormed(document, requestShape, 16384) && inRange(document, signature)
		r, hash, err := OpenRequest(text)
		refusals(t, err)
		if want != (err == nil) {
			t.Errorf("%v, the reference says %v", err, want)
		}
		if err == nil && (hash != RequestHash(text) || r.Activation() != HashOf(mustHex(r.Device))) {
			t.Error("another hash or activation")
		}
		if err != nil && code(err).Verdict().Class != license.ClassRequest {
			t.Errorf("%v is no refusal of a request", err)
		}
	})
}

func mustHex(s string) []byte { b, _ := hex.DecodeString(s); return b }

var (
	name = `^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`
	// forms of the request's texts, by the path to them.
	forms = map[string]string{
		"type": `^onelicense/request/1$`, "product": `^[0-9a-f]{24}$`, "version": `^[0-9a-f]{24}$`, "license": `^[0-9a-f]{24}$`,
		"device": `^[0-9a-f]{64}$`,
		"nonce":  `^[0-9a-f]{32}$`, "previous": `^[0-9a-f]{64}$`, "challenge": `(?s)^.{0,128}$`, "refused": `^[0-9a-f]{64}$`,
		"keyring":          `^[0-9a-f]{64}$`,
		"want.entitlement": name, "want.context": name, "drop.entitlement": name, "drop.context": name,
		"fingerprint.name": name, "fingerprint.hash": `^[0-9a-f]{32}$`, "statistics.program": `^[ -~]{0,64}$`,
		"statistics.platform": `^[ -~]{0,64}$`,
		"statistics.host":     `^[ -~]{0,64}$`, "statistics.numbers.name": name, "lease": ``,
	}
	// ranges of its numbers.
	ranges = map[string][2]int64{
		"generation": {1, 1<<53 - 1}, "number": {1, 1<<53 - 1}, "epoch": {0, 1<<53 - 1}, "time": {-1 << 63, 1<<63 - 1}, "counted": {0, 1<<53 - 1},
		"want.borrow": {0, 1<<53 - 1}, "list": {0, 1<<53 - 1}, "statistics.numbers.value": {-(1<<53 - 1), 1<<53 - 1},
	}
	// unique are the lists with a key, and how long they may be.
	unique = map[string]struct {
		key  string
		most int
	}{"want": {"entitlement", 1 << 20}, "drop": {"entitlement", 1 << 20}, "fingerprint": {"name", 16}, "statistics.numbers": {"name", 16}}
)

// inRange reports whether the values of a well-formed request are in range.
func inRange(document, signature []byte) bool {
	var r map[string]any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if d.Decode(&r) != nil || !fits("", r) {
		return false
	}
	first, _ := r["number"].(json.Number).Int64()
	_, refused := r["refused"]
	_, challenge := r["challenge"]
	return (first == 1) == (r["previous"] == string(OriginLink)) && (!refused || challenge) &&
		ed25519.Verify(mustHex(r["device"].(string)), document, signature)
}

func fits(path string, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if !fits(strings.TrimPrefix(path+"."+key, "."), value) {
				return false
			}
		}
	case []any:
		seen := map[any]bool{}
		for _, item := range v {
			key := item.(map[string]any)[unique[path].key]
			if seen[key] || !fits(path, item) {
				return false
			}
			seen[key] = true
		}
		return len(v) <= unique[path].most
	case string:
		if path == "challenge" {
			return len(v) <= 128
		}
		return regexp.MustCompile(forms[path]).MatchString(v) && !strings.HasSuffix(v, "\n") || path == "lease"
	case json.Number:
		n, err := v.Int64()
		return err == nil && n >= ranges[path][0] && n <= ranges[path][1]
	}
	return true
}

// FuzzStatement checks statements and delegations, each with its own key use only.
func FuzzStatement(f *testing.F) {
	s := Statement{
		Product: "5edb10fecc150913cb7640f6", Number: 3, Time: 5, MaxAge: 9, Licenses: []license.ID{"5edb1264cc150913cb7640f8"},
		Keys: []KeyStatement{{"AB", Compromised, 4}, {"CD", Retired, 5}},
	}
	d := Delegation{Product: "5edb10fecc150913cb7640f6", License: "5edb1264cc150913cb7640f8", Number: 1, Allowance: 5,
		Entitlements: []Pool{{"a", 3}}}
	for _, use := range []license.Use{license.UseStatement, license.UseDelegation} {
		a, _ := SignStatement(s, believing{}, time.Time{})
		b, _ := SignDelegation(d, believing{}, time.Time{})
		f.Add(a, uint8(0), string(use))
		f.Add(b, uint8(0), string(use))
		f.Add(s.Document(), uint8(1), string(use))
		f.Add(bytes.Split(b, []byte("\n"))[0], uint8(1), string(use))
		f.Add([]byte(Statement{}.Document()), uint8(1), string(use))
	}
	f.Fuzz(func(t *testing.T, input []byte, as uint8, use string) {
		text := signed(input, as, license.Use(use))
		document, signature, ok := cut(text)
		is := func(kind string, s shape, most int, use license.Use) bool {
			return ok && wellFormed(document, s, most) && bytes.HasPrefix(document, []byte(`{"type":"`+kind+`"`)) &&
				bytes.Equal(signature, stampOf(use, document))
		}
		read, err := OpenStatement(text, believing{}, time.Time{})
		refusals(t, err)
		if want := is(TypeStatement, statementShape, 1<<20, license.UseStatement); want != (err == nil) {
			t.Errorf("a statement: %v, the reference says %v", err, want)
		}
		if err == nil {
			for _, id := range read.Licenses {
				if !read.Revokes(id) {
					t.Errorf("%s is listed and not revoked", id)
				}
			}
			for _, k := range read.Keys {
				if _, ok := read.Key(k.Key); !ok {
					t.Errorf("%s is listed and not known", k.Key)
				}
			}
		}
		_, err = OpenDelegation(text, believing{}, time.Time{})
		refusals(t, err)
		if want := is(TypeDelegation, delegationShape, 4096, license.UseDelegation); want != (err == nil) {
			t.Errorf("a delegation: %v, the reference says %v", err, want)
		}
	})
}

var attachmentLines = regexp.MustCompile(`^(keyring ([A-Za-z0-9+/]*={0,2})\n)?(list ([A-Za-z0-9+/]*={0,2})\n)?` +
	`(delegation ([A-Za-z0-9+/]*={0,2})\n?)?$`)

// FuzzAttachments checks that attachments are split off whole, and that appending them again gives the same bytes.
func FuzzAttachments(f *testing.F) {
	f.Add([]byte("a\nb\n"))
	for _, b := range []Attachments{
		{}, {Keyring: []byte("k")}, {List: []byte("l\x00")}, {Delegation: []byte("dd")}, {[]byte("certificate"), []byte("{}\n"), []byte("d")},
	} {
		f.Add(b.Append([]byte("{}\nQQ==\n")))
	}
	f.Add([]byte("{}\nQQ==\nkeyring Q\rQ==\n"))
	f.Add([]byte("{}\nQQ==\nkeyring QR==\n"))
	f.Add([]byte("{}\nQQ==\nlist QQ==\nkeyring QQ==\n"))
	f.Add([]byte("{}\nQQ==\nkeyring QQ==\nkeyring QQ==\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		before := bytes.Clone(answer)
		signed, beside, err := SplitAttachments(answer)
		refusals(t, err)
		if !bytes.Equal(before, answer) {
			t.Fatal("the answer was changed")
		}
		lines := strings.SplitAfterN(string(answer), "\n", 3)
		if len(lines) < 3 || lines[2] == "" {
			if err != nil || !bytes.Equal(signed, answer) || beside.Keyring != nil || beside.List != nil || beside.Delegation != nil {
				t.Fatalf("%v of an answer alone", err)
			}
			return
		}
		if err != nil {
			if again := attachmentLines.FindStringSubmatch(lines[2]); again != nil && canonical64(again[2]) && canonical64(again[4]) &&
				canonical64(again[6]) {
				t.Fatalf("%v of %q", err, lines[2])
			}
			return
		}
		if put := beside.Append(signed); !bytes.Equal(put, answer) && string(put) != string(answer)+"\n" {
			t.Fatalf("%q became %q", answer, put)
		}
	})
}

func canonical64(s string) bool {
	b, err := base64.StdEncoding.DecodeString(s)
	return err == nil && base64.StdEncoding.EncodeToString(b) == s
}
