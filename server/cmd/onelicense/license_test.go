package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A directory as on an end user's machine: each file gets its verdict and, if it is refused, a remedy.
//
// proves part of B04
// proves part of L22
func TestLicenseCheck(t *testing.T) {
	dir := newVendor(t)
	public := filepath.Join(dir, "Example-GmbH.pub.asc")
	licenses := t.TempDir()
	file, err := os.ReadFile(filepath.Join(dir, "license.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(licenses, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.txt", string(file))
	write("README.md", "not a license")

	exit, out, errs := run(nil, "license", "check", licenses, "--key", public)
	if exit != exitOK || errs != "" || !strings.Contains(out, "good.txt: genuine\n  license       5edb1264cc150913cb7640f8") ||
		strings.Contains(out, "README") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}

	write("changed.txt", strings.Replace(string(file), "solid_modeling:5", "solid_modeling:500", 1))
	write("old.list", `{"type":"onelicense/statement/1"}`)
	exit, out, errs = run(nil, "license", "check", licenses, "--key", public)
	if exit != exitRefused || !strings.Contains(errs, "2 of 3 files were refused") || !strings.Contains(out,
		"changed.txt: signature_invalid") ||
		!strings.Contains(out, "old.list: lease_malformed") || strings.Count(out, "what to do: ") != 2 ||
		!strings.Contains(out, "good.txt: genuine") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
	exit, out, _ = run(nil, "license", "check", filepath.Join(licenses, "good.txt"), filepath.Join(licenses, "gone.txt"), "--key", public,
		"--json")
	var reports []report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || exit != exitRefused || len(reports) != 2 || reports[0].Code != "ok" ||
		reports[0].License == nil || reports[1].Code != "file_unreadable" || reports[1].Do == "" {
		t.Errorf("exit %d, %v\n%s", exit, err, out)
	}
	if exit, out, errs = run(nil, "license", "check", t.TempDir(), "--key", public); exit != exitRefused ||
		!strings.Contains(errs, "no license file") {
		t.Errorf("an empty directory: exit %d\n%s%s", exit, out, errs)
	}
	if exit, _, _ = run(nil, "license", "check", "--key", public); exit != exitUsage {
		t.Errorf("nothing named: exit %d", exit)
	}

	_, verified, _ := run(nil, "verify", filepath.Join(licenses, "good.txt"), "--key", public, "--json")
	var r report
	if err := json.Unmarshal([]byte(verified), &r); err != nil {
		t.Fatal(err)
	}
	pinned := "https://licenses.example.com/api/v1#" + r.License.Root
	if exit, _, errs = run(nil, "license", "check", filepath.Join(licenses, "good.txt"), "--key", public, "--root", pinned); exit != exitOK {
		t.Errorf("the right root: exit %d, %s", exit, errs)
	}
	exit, out, errs = run(nil, "license", "check", filepath.Join(licenses, "good.txt"), "--key", public, "--root", strings.Repeat("0", 40))
	if exit != exitRefused || out != "" || !strings.Contains(errs, "wrong_root") || !strings.Contains(errs, "what to do") {
		t.Errorf("another root: exit %d, %s%s", exit, out, errs)
	}
}

// Lists in the directory apply to its licenses; one that is not genuine has no effect.
//
// proves part of N04
func TestLicenseCheckAppliesRevocationLists(t *testing.T) {
	p := newVerifyFixture(t)
	const id = "5edb1264cc150913cb7640f8"
	revoking := p.list(lease.Statement{Number: 3, Licenses: []license.ID{id}})
	forged := bytes.Replace(p.list(lease.Statement{Number: 4}), []byte(`"number":4`), []byte(`"number":5`), 1)
	p.write("forged.list", forged)
	exit, out, errs := run(nil, "license", "check", p.dir, "--key", p.public)
	if exit != exitRefused || !strings.Contains(out, "license.txt: genuine") || !strings.Contains(out, "forged.list: signature_invalid") {
		t.Errorf("a forged list: exit %d\n%s%s", exit, out, errs)
	}
	p.write("revoked.list", revoking)
	exit, out, errs = run(nil, "license", "check", p.dir, "--key", p.public)
	if exit != exitRefused || !strings.Contains(out, "license.txt: revoked") || strings.Contains(out, "revoked.list:") {
		t.Errorf("a list that revokes: exit %d\n%s%s", exit, out, errs)
	}
}

// Every verdict code is explained.
func TestExplain(t *testing.T) {
	for _, m := range verdictDocs() {
		if code := license.Code(m.Code); code.Verdict().Message != m.Message {
			t.Errorf("%s: %q here, %q in programs", code, m.Message, code.Verdict().Message)
		}
	}
	out := mustRun(t, "license", "explain", "machine_limit")
	for _, want := range []string{"on as many machines as it allows.", "may continue    no",
		"what to do      deactivate one of the other machines"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	if all := mustRun(t, "license", "explain"); strings.Count(all, "\n") != len(verdictDocs()) || !strings.Contains(all, "key_unknown") {
		t.Errorf("the list:\n%s", all)
	}
	if exit, _, errs := run(nil, "license", "explain", "of_tomorrow"); exit != exitUsage || !strings.Contains(errs, "of_tomorrow") {
		t.Errorf("exit %d, %s", exit, errs)
	}
}
