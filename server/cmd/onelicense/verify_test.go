package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

// verifyBothWays runs verify natively and with the module, with and without --json, and expects the same result.
func verifyBothWays(t *testing.T, args ...string) (exit int, out, errs string, r report) {
	t.Helper()
	args = append([]string{"verify"}, args...)
	exit, out, errs = run(nil, args...)
	if e, o, s := run(nil, append(args, "--wasm")...); e != exit || o != out || s != errs {
		t.Errorf("native\n%d %s%s\nmodule\n%d %s%s", exit, out, errs, e, o, s)
	}
	_, native, _ := run(nil, append(args, "--json")...)
	if _, module, _ := run(nil, append(args, "--json", "--wasm")...); native != module {
		t.Errorf("native\n%s\nmodule\n%s", native, module)
	}
	if native != "" {
		if err := json.Unmarshal([]byte(native), &r); err != nil {
			t.Error(err)
		}
	}
	return exit, out, errs, r
}

// verifyFixture is a vendor's directory, to sign further files in.
type verifyFixture struct {
	*testing.T
	dir, public string
	secret      *pgp.SecretKeyring
}

func newVerifyFixture(t *testing.T) verifyFixture {
	t.Helper()
	dir := newVendor(t)
	key, err := os.ReadFile(filepath.Join(dir, "Example-GmbH.key.asc"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pgp.ParseSecretKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	return verifyFixture{t, dir, filepath.Join(dir, "Example-GmbH.pub.asc"), secret}
}

func (p verifyFixture) write(name string, data []byte) string {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}

func (p verifyFixture) list(s lease.Statement) []byte {
	p.Helper()
	s.Product, s.Time = "5edb10fecc150913cb7640f6", lease.Time(now.UnixMilli())
	text, err := lease.SignStatement(s, p.secret, now)
	if err != nil {
		p.Fatal(err)
	}
	return text
}

func (p verifyFixture) lease(counters lease.Counters) []byte {
	p.Helper()
	text, err := lease.Lease{
		Product: "5edb10fecc150913cb7640f6", License: "5edb1264cc150913cb7640f8", Activation: lease.HashOf([]byte("a")), Generation: 1, Number: 7,
		Link: lease.HashOf([]byte("l")), Request: lease.HashOf([]byte("r")), Nonce: strings.Repeat("0", 32), Time: lease.Time(now.UnixMilli()),
		Epoch:   1,
		Verdict: license.CodeOK, Counters: counters, NotAfter: lease.Time(now.Add(time.Hour).UnixMilli()),
	}.Document().Sign(p.secret, now)
	if err != nil {
		p.Fatal(err)
	}
	return text
}

// A receipt stays a proof long after its lease has expired.
//
// proves part of N07
func TestVerifyReceipt(t *testing.T) {
	p := newVerifyFixture(t)
	text := p.lease(lease.Counters{Used: 40, Allowance: 1000, Counted: 30})
	today := now
	defer func() { now = today }()
	now = now.AddDate(5, 0, 0)
	exit, out, errs, r := verifyBothWays(t, p.write("receipt.txt", text), "--key", p.public)
	if exit != 0 || errs != "" || !strings.HasPrefix(out, "genuine\nreceipt       of lease 7, generation 1\n") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
	for _, line := range []string{
		"license       5edb1264cc150913cb7640f8", "calls         30 of this activation, 40 of the license, which allows 1000",
		"time          2025-06-01T12:00:00Z", "product root  " + p.secret.Public().Root(),
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	if r.Code != license.CodeOK || r.License != nil || r.Receipt == nil || r.Receipt.Counters.Counted != 30 || r.Receipt.Number != 7 ||
		!r.Receipt.Time.Equal(today) ||
		r.Receipt.Activation != lease.HashOf([]byte("a")) || r.Receipt.Request != lease.HashOf([]byte("r")) ||
		r.Receipt.Key == "" {
		t.Errorf("got %+v", r.Receipt)
	}
	_, out, _, _ = verifyBothWays(t, p.write("prepaid.txt", p.lease(lease.Counters{Used: 1, Counted: 1, Granted: 100})), "--key", p.public)
	if !strings.Contains(out, "calls         1 of this activation, 1 of the license; prepaid up to 100 of this activation\n") {
		t.Error(out)
	}

	for _, c := range []struct {
		name string
		text []byte
		code license.Code
	}{
		{"changed", bytes.Replace(text, []byte(`"counted":30`), []byte(`"counted":20`), 1), license.CodeSignatureInvalid},
		{"half", text[:len(text)/2], license.CodeLeaseMalformed},
		{"begun", []byte(`{"type":"onelicense/lease/1"`), license.CodeLeaseMalformed},
		{"two", append(bytes.Clone(text), text...), license.CodeLeaseMalformed},
		{"large", append([]byte(`{"type":"onelicense/lease/1",`), make([]byte, 2*license.MaxFile)...), license.CodeLeaseMalformed},
		{"of_a_later_type", bytes.Replace(text, []byte("lease/1"), []byte("lease/2"), 1), license.CodeFileLines},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out, errs, r := verifyBothWays(t, p.write(c.name, c.text), "--key", p.public)
			if exit != exitRefused || out != "" || !strings.HasPrefix(errs, string(c.code)+": ") || r.Code != c.code || r.Receipt != nil {
				t.Errorf("exit %d, want %s\n%s%s", exit, c.code, out, errs)
			}
		})
	}
	if exit, _, errs, _ := verifyBothWays(t, p.write("receipt.txt", text), "--key", p.public, "--list", p.write("a.list",
		p.list(lease.Statement{Number: 1}))); exit != exitUsage {
		t.Errorf("a receipt with a list: exit %d: %s", exit, errs)
	}
}

// proves part of N04
func TestVerifyWithRevocationList(t *testing.T) {
	p := newVerifyFixture(t)
	const id, other = "5edb1264cc150913cb7640f8", "5edb1264cc150913cb7640f9"
	file := filepath.Join(p.dir, "license.txt")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.Parse(p.secret.Public().Certificate())
	if err != nil {
		t.Fatal(err)
	}
	genuine, err := license.Open(data, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	said := func(status lease.KeyStatus, since time.Duration) lease.Statement {
		return lease.Statement{Number: 3, Keys: []lease.KeyStatement{
			{Key: genuine.Signature.Key, Status: status, Since: lease.Time(now.Add(since).UnixMilli())},
		}}
	}
	revoking := p.list(lease.Statement{Number: 3, Licenses: []license.ID{id}})
	for _, c := range []struct {
		name  string
		list  []byte
		later time.Duration
		code  license.Code
	}{
		{"of_another_license", p.list(lease.Statement{Number: 3, Licenses: []license.ID{other}}), 0, license.CodeOK},
		{"of_this_license", revoking, 0, license.CodeRevoked},
		{"young_enough", p.list(lease.Statement{Number: 3, MaxAge: 3_600_000}), time.Hour, license.CodeOK},
		{"too_old", p.list(lease.Statement{Number: 3, MaxAge: 3_600_000}), time.Hour + time.Millisecond, license.CodeListNeeded},
		{"key_compromised", p.list(said(lease.Compromised, time.Hour)), 0, license.CodeKeyCompromised},
		{"key_retired_before", p.list(said(lease.Retired, 0)), 0, license.CodeKeyRetired},
		{"key_retired_after", p.list(said(lease.Retired, time.Hour)), 0, license.CodeOK},
		{"changed", bytes.Replace(revoking, []byte(id), []byte(other), 1), 0, license.CodeSignatureInvalid},
		{"not_utf8", append([]byte("{\xff\xfe"), revoking...), 0, license.CodeProtocolUnsupported},
		{"empty", nil, 0, license.CodeStatementMalformed},
		{"license_file", data, 0, license.CodeLeaseMalformed},
		{"lease", p.lease(lease.Counters{}), 0, license.CodeProtocolUnsupported},
		{"too_large", append(bytes.Repeat([]byte("x"), maxListSize), revoking...), 0, license.CodeLeaseMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			today := now
			defer func() { now = today }()
			now = now.Add(c.later)
			exit, out, errs, r := verifyBothWays(t, file, "--key", p.public, "--list", p.write(c.name+".list", c.list))
			if (exit == 0) != (c.code == license.CodeOK) || (out != "") != (c.code == license.CodeOK) || r.Code != c.code {
				t.Errorf("exit %d, %s, want %s\n%s%s", exit, r.Code, c.code, out, errs)
			}
		})
	}
}

// The command uses the server's code, and with --wasm the module that programs embed. They must never differ.
//
// proves L03 L04 N01
func TestModuleAndNativeVerifierAgree(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "spec", "vectors", "license")
	text, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, File, Keyring, Code string
		Now                       time.Time
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 45 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	today := now
	defer func() { now = today }()
	for _, v := range vectors {
		now = v.Now
		args := []string{"verify", filepath.Join(dir, v.File), "--key", filepath.Join(dir, v.Keyring), "--json"}
		exit, native, errs := run(nil, args...)
		exitModule, module, errsModule := run(nil, append(args, "--wasm")...)
		var r report
		if err := json.Unmarshal([]byte(module), &r); err != nil || string(r.Code) != v.Code {
			t.Errorf("%s: the module says %s, want %s", v.Name, r.Code, v.Code)
		}
		if exit != exitModule || native != module || errs != errsModule {
			t.Errorf("%s: native\n%d %s%s\nmodule\n%d %s%s", v.Name, exit, native, errs, exitModule, module, errsModule)
		}
	}
}

func TestModuleAcceptsBinaryKeyring(t *testing.T) {
	dir := newVendor(t)
	armored, err := os.ReadFile(filepath.Join(dir, "Example-GmbH.pub.asc"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.Parse(armored)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "keys.pgp")
	if err := os.WriteFile(binary, keys.Certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := run(nil, "verify", filepath.Join(dir, "license.txt"), "--key", binary, "--wasm"); exit != 0 {
		t.Error(errs)
	}
}
