package api_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/servertest"
)

// keyring sends a request about a product's keys and returns the keys in the reply.
func (p *user) keyring(status int, method, path string, body any) (k api.Keyring) {
	p.w.Helper()
	r := p.Do(method, path, body)
	if r.Status != status {
		p.w.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
	}
	if err := json.Unmarshal(r.Body, &k); err != nil {
		p.w.Fatal(err)
	}
	return k
}

// only returns the one key with a use and a state.
func only(t *testing.T, k api.Keyring, use license.Use, state licensing.KeyState) api.Key {
	t.Helper()
	var found []api.Key
	for _, key := range k.Keys {
		if slices.Contains(key.Uses, string(use)) && key.State == state {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d %s keys are %s: %+v", len(found), use, state, k.Keys)
	}
	return found[0]
}

// revocationList returns the product's latest statement, verified with the public keys only.
func (w *testServer) revocationList(product string) *lease.Statement {
	w.Helper()
	r := w.anonymous().Do("GET", "/products/"+product+"/revocations", nil)
	said, err := lease.OpenStatement(r.Body, w.Certificate(product), w.Clock.Now())
	if err != nil {
		w.Fatalf("%v: %s", err, r.Body)
	}
	return said
}

// stolenSigner returns the signer of a thief who has the master key and the database.
func (w *testServer) stolenSigner(product string) license.Signer {
	w.Helper()
	master, err := os.ReadFile(filepath.Join(w.Dir, data.MasterKeyFile))
	if err != nil {
		w.Fatal(err)
	}
	i, err := issuer.New(master, nil)
	if err != nil {
		w.Fatal(err)
	}
	p, err := w.Store.ProductWithKeys(w.Context(), license.ID(product))
	if err != nil {
		w.Fatal(err)
	}
	signer, err := i.Signer(p.ID, p.SealedKeys)
	if err != nil {
		w.Fatal(err)
	}
	return signer
}

// A key changes from next to current to retired; a compromised one is replaced at once.
//
// proves N04
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, _, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/products/" + product + "/keys"
	before := p.keyring(200, "GET", path, nil)
	if before.Root != w.Certificate(product).Root() || len(before.Keys) != 5 || before.Statement != nil || !before.Keys[0].Root {
		t.Fatalf("at first %+v", before)
	}
	first := only(t, before, license.UseFile, licensing.KeyCurrent)
	if !first.IsActive || !first.HasPrivateKey || first.Expires != nil || first.Created.IsZero() {
		t.Errorf("the file key %+v", first)
	}
	file := func() []byte { return p.Do("GET", "/licenses/"+id+"/file", nil).Body }
	old := file()

	w.Clock.Advance(time.Hour)
	next := only(t, p.keyring(201, "POST", path, map[string]any{"use": "file", "expires": "2031-01-01T00:00:00Z"}), license.UseFile,
		licensing.KeyNext)
	if next.IsActive || next.Expires == nil {
		t.Errorf("the next key %+v", next)
	}
	p.Do("POST", path, map[string]any{"use": "file"}).WantProblem(http.StatusConflict, "key_pending_exists")
	opened := func(file []byte) *license.License {
		t.Helper()
		l, err := license.Open(file, w.Certificate(product), w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if got := opened(file()).Signature.Key; got != first.Fingerprint {
		t.Errorf("signed by %s, which is not the current key", got)
	}
	p.Do("POST", path+"/"+first.Fingerprint+"/retire", nil).WantProblem(http.StatusConflict, "key_in_use")
	p.Do("POST", path+"/"+first.Fingerprint+"/promote", nil).WantProblem(http.StatusConflict, "key_wrong_state")
	w.Clock.Advance(time.Hour)
	p.keyring(200, "POST", path+"/"+next.Fingerprint+"/promote", nil)
	if got := opened(file()).Signature.Key; got != next.Fingerprint {
		t.Errorf("signed by %s, not by the promoted key", got)
	}
	now := p.keyring(200, "POST", path+"/"+first.Fingerprint+"/retire", nil)
	if retired := only(t, now, license.UseFile, licensing.KeyRetired); retired.Fingerprint != first.Fingerprint || retired.Revoked == nil {
		t.Errorf("retired %+v", retired)
	}
	p.Do("POST", path+"/"+first.Fingerprint+"/retire", nil).WantProblem(http.StatusConflict, "key_wrong_state")
	opened(old)
	if said, ok := w.revocationList(product).Key(first.Fingerprint); !ok || said.Status != lease.Retired {
		t.Errorf("the list says %+v of it", said)
	}

	thief := w.stolenSigner(product)
	after := p.keyring(200, "POST", path+"/"+next.Fingerprint+"/compromise", nil)
	if lost := only(t, after, license.UseFile, licensing.KeyCompromised); lost.Fingerprint != next.Fingerprint || lost.IsActive ||
		lost.HasPrivateKey {
		t.Errorf("compromised %+v", lost)
	}
	newest := only(t, after, license.UseFile, licensing.KeyCurrent)
	if got := opened(file()).Signature.Key; got != newest.Fingerprint {
		t.Errorf("signed by %s after the compromise", got)
	}
	forged, err := license.Seal(license.Claims{ID: license.ID(id), Contexts: []string{"ui"},
		Entitlements: []license.Entitlement{{Name: "everything"}}}, thief, w.Clock.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for what, keys := range map[string]license.Keyring{"the certificate": w.Certificate(product),
		"the list": w.revocationList(product).ApplyTo(w.Certificate(product))} {
		if _, err := license.Open(forged, keys, w.Clock.Now()); !strings.HasPrefix(err.Error(), "key_compromised") {
			t.Errorf("with %s: %v", what, err)
		}
	}
	p.Do("POST", path+"/"+next.Fingerprint+"/compromise", nil).WantProblem(http.StatusConflict, "key_wrong_state")
	p.Do("POST", path+"/"+before.Root+"/compromise", nil).WantProblem(http.StatusConflict, "key_wrong_state")
	p.Do("POST", path+"/"+strings.Repeat("0", 40)+"/retire", nil).WantProblem(http.StatusNotFound, "not_found")
	p.Do("POST", path, map[string]any{"use": "lease", "expires": "2020-01-01T00:00:00Z"}).WantProblem(http.StatusUnprocessableEntity,
		"invalid")
}

// The next key replaces a compromised one, also for the key that signs statements.
//
// proves part of N04
func TestStatementKeyCompromise(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, _, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/products/" + product + "/keys"
	next := only(t, p.keyring(201, "POST", path, map[string]any{"use": "statement"}), license.UseStatement, licensing.KeyNext)
	lost := only(t, p.keyring(200, "GET", path, nil), license.UseStatement, licensing.KeyCurrent)
	after := p.keyring(200, "POST", path+"/"+lost.Fingerprint+"/compromise", nil)
	if got := only(t, after, license.UseStatement, licensing.KeyCurrent); got.Fingerprint != next.Fingerprint || !got.IsActive {
		t.Errorf("the statement key is %+v", got)
	}
	if said, _ := w.revocationList(product).Key(lost.Fingerprint); said.Status != lease.Compromised {
		t.Errorf("the list says %+v", said)
	}
}

// A product with an offline root gets its keys certified there, and publishes a compromise at once.
//
// proves part of N04
func TestOfflineRoot(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	for _, version := range []int{pgp.V4, pgp.V6} {
		whole, err := pgp.GenerateVersion(version, "Offline", rand.Reader, w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		product := id(p.Must(201, "POST", "/products", map[string]any{
			"name": "Offline " + whole.Public().Root()[:4], "keys": map[string]any{"private_keys": armoredWithout(t, whole)},
		}))
		path := "/products/" + product + "/keys"
		old := only(t, p.keyring(200, "GET", path, nil), license.UseLease, licensing.KeyCurrent)
		p.Do("POST", path, map[string]any{"use": "lease", "expires": "2031-01-01T00:00:00Z"}).WantProblem(422, "invalid")
		asked := only(t, p.keyring(201, "POST", path, map[string]any{"use": "lease"}), license.UseLease, licensing.KeyRequested)
		p.Do("POST", path, map[string]any{"use": "lease"}).WantProblem(409, "key_pending_exists")
		p.Do("POST", path+"/"+asked.Fingerprint+"/promote", nil).WantProblem(404, "not_found")
		p.keyring(200, "DELETE", path+"/"+asked.Fingerprint, nil)
		p.Do("DELETE", path+"/"+old.Fingerprint, nil).WantProblem(409, "key_wrong_state")
		asked = only(t, p.keyring(201, "POST", path, map[string]any{"use": "lease"}), license.UseLease, licensing.KeyRequested)

		request, err := pgp.ParseCertificationRequest([]byte(asked.Request))
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(time.Minute)
		certified, err := whole.Certify(request, license.UseLease, time.Time{}, w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		learn := func(s *pgp.SecretKeyring) reply {
			text, err := s.Public().Armored()
			if err != nil {
				t.Fatal(err)
			}
			return p.Do("POST", strings.TrimSuffix(path, "/keys")+"/certificate", map[string]any{"certificate": string(text)})
		}
		learn(whole).WantProblem(409, "nothing_to_change")
		stranger, err := pgp.Generate("Stranger", rand.Reader, w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		learn(stranger).WantProblem(422, "wrong_root")
		p.Do("POST", strings.TrimSuffix(path, "/keys")+"/certificate", map[string]any{"certificate": "no certificate"}).WantProblem(422,
			"keyring_invalid")
		if r := learn(certified); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		learn(whole).WantProblem(409, "nothing_to_change") // an older certificate takes nothing away
		p.keyring(200, "POST", path+"/"+asked.Fingerprint+"/promote", nil)

		// Without the root nothing can be revoked in the certificate; the statement is enough.
		after := p.keyring(200, "POST", path+"/"+old.Fingerprint+"/compromise", nil)
		if k := only(t, after, license.UseLease, licensing.KeyCompromised); k.Fingerprint != old.Fingerprint || k.HasPrivateKey {
			t.Errorf("compromised %+v", k)
		}
		if k := only(t, after, license.UseLease, licensing.KeyCurrent); k.Fingerprint != asked.Fingerprint || !k.IsActive {
			t.Errorf("current %+v", k)
		}
		lost, err := whole.Sign(license.UseLease, []byte("a lease"), w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.revocationList(product).ApplyTo(w.Certificate(product)).Verify(license.UseLease, []byte("a lease"), lost,
			w.Clock.Now()); err == nil || !strings.HasPrefix(err.Error(), "key_compromised") {
			t.Errorf("what the lost key signed: %v", err)
		}
		statement := only(t, after, license.UseStatement, licensing.KeyCurrent)
		p.Do("POST", path+"/"+statement.Fingerprint+"/compromise", nil).WantProblem(409, "key_missing") // nothing could say so

		// The root says it too, and then so does the list.
		revoked, err := certified.Revoke(only(t, after, license.UseDelegation, licensing.KeyCurrent).Fingerprint, pgp.ReasonCompromised,
			w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if r := learn(revoked); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if n := len(w.revocationList(product).Keys); n != 2 {
			t.Errorf("the list names %d keys", n)
		}
	}
}

// A certificate belongs to one product, and is refused for any other.
func TestRootOfAnotherProductIsRefused(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	rival := w.otherOrganisation()
	keys, err := pgp.Generate("Example", rand.Reader, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := keys.Armored()
	if err != nil {
		t.Fatal(err)
	}
	body := func(name string, private string) map[string]any {
		return map[string]any{"name": name, "keys": map[string]any{"private_keys": private}}
	}
	product := id(p.Must(201, "POST", "/products", body("One", string(whole))))
	for _, who := range []*user{p, rival} {
		who.Do("POST", "/products", body("Two", string(whole))).WantProblem(409, "root_in_use")
		who.Do("POST", "/products", body("Three", armoredWithout(t, keys))).WantProblem(409, "root_in_use")
	}
	if list := rival.Must(200, "GET", "/products", nil); len(list["items"].([]any)) != 0 {
		t.Errorf("made all the same: %v", list)
	}
	p.Do("POST", "/products", map[string]any{"name": "One"}).WantProblem(409, "exists") // and its new root is nobody's
	p.Must(204, "DELETE", "/products/"+product, nil)
	rival.Must(201, "POST", "/products", body("Two", string(whole)))

	public, err := keys.Public().Armored()
	if err != nil {
		t.Fatal(err)
	}
	p.Do("POST", "/products", body("Four", string(public))).WantProblem(422, "keyring_invalid")
	p.Do("POST", "/products", body("Four", "garbage")).WantProblem(422, "keyring_invalid")
	p.Do("POST", "/products", map[string]any{"name": "Five", "keys": map[string]any{"openpgp_version": 5}}).WantProblem(422, "invalid")
	six := id(p.Must(201, "POST", "/products", map[string]any{"name": "Six", "keys": map[string]any{"openpgp_version": 6}}))
	if root := w.Certificate(six).Root(); len(root) != 64 {
		t.Errorf("the root of a version 6 product is %s", root)
	}
}

// Imported keys that were made by plain GnuPG, or for files only, get the keys that a server needs if the root is included, and are
// refused without it.
func TestImportedKeysLackStatementKeys(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	keys, err := pgp.Generate("Example", rand.Reader, w.Clock.Now().Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Public().Keys(w.Clock.Now()) {
		if slices.Contains(k.Uses, license.UseLease) {
			if keys, err = keys.Revoke(k.Fingerprint, pgp.ReasonRetired, w.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := p.Do("POST", "/products", map[string]any{"name": "One", "keys": map[string]any{"private_keys": armoredWithout(t, keys)}})
	if got := r.WantProblem(422, "invalid"); !strings.Contains(got.Detail, "lease") {
		t.Errorf("the reason is %q", got.Detail)
	}
	whole, err := keys.Armored()
	if err != nil {
		t.Fatal(err)
	}
	product := id(p.Must(201, "POST", "/products", map[string]any{"name": "One", "keys": map[string]any{"private_keys": string(whole)}}))
	made := p.keyring(200, "GET", "/products/"+product+"/keys", nil)
	if k := only(t, made, license.UseLease, licensing.KeyCurrent); !k.IsActive {
		t.Errorf("the lease key is %+v", k)
	}
}

// Concurrent key changes, also on several nodes, lose no change.
//
// proves part of N04
func TestConcurrentKeyRotation(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/products/" + product + "/keys"
	var licenses []string
	for range 4 {
		licenses = append(licenses, id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("x"))))
	}
	var all sync.WaitGroup
	statuses := make([]int, 12)
	for i := range statuses {
		all.Go(func() {
			switch {
			case i < 8: // two for each use, of which one must lose
				statuses[i] = p.Do("POST", path, map[string]any{"use": []string{"file", "lease", "statement", "delegation"}[i/2]}).Status
			default:
				statuses[i] = p.Do("POST", "/licenses/"+licenses[i-8]+"/revoke", nil).Status
			}
		})
	}
	all.Wait()
	for i := 0; i < 8; i += 2 {
		if pair := statuses[i] + statuses[i+1]; pair != 201+409 {
			t.Errorf("two at once: %v", statuses[i:i+2])
		}
	}
	after := p.keyring(200, "GET", path, nil)
	if len(after.Keys) != 9 {
		t.Errorf("%d keys", len(after.Keys))
	}
	said := w.revocationList(product)
	for _, l := range licenses {
		if !said.Revokes(license.ID(l)) {
			t.Errorf("license %s is not on the list: %v", l, statuses)
		}
	}
}

// Deleting a license revokes its issued files; a license without files does not change the revocation list.
//
// proves part of N04
func TestDeletedLicenseIsRevoked(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, bulk := p.CreateLicense("perpetual", servertest.LicenseBody("Bulk"))
	made := func() string {
		return id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("One")))
	}
	never, filed, told := made(), made(), made()
	p.Must(204, "DELETE", "/licenses/"+never, nil)
	w.anonymous().Do("GET", "/products/"+product+"/revocations", nil).WantProblem(404, "no_statement")
	w.Clock.Advance(2 * time.Hour)
	file := p.Do("GET", "/licenses/"+filed+"/file", nil).Body
	for _, path := range []string{told + "/unsigned-file", bulk + "/file"} {
		if r := p.Do("GET", "/licenses/"+path, nil); r.Status != 200 {
			t.Fatalf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	stale := map[string]string{"If-Match": `"7"`}
	p.DoWithHeaders(stale, "DELETE", "/licenses/"+filed, nil).WantProblem(412, "precondition_failed")
	if status := p.Must(200, "GET", "/licenses/"+filed, nil)["status"]; status != "active" {
		t.Errorf("a deletion that was refused leaves it %v", status)
	}
	if r := p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, "DELETE", "/licenses/"+filed, nil); r.Status != 204 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if _, err := lease.OpenFile(file, w.Certificate(product), w.revocationList(product), w.Clock.Now()); err == nil ||
		!strings.HasPrefix(err.Error(), "revoked") {
		t.Errorf("the file of a deleted license: %v", err)
	}
	p.Must(200, "POST", "/licenses/"+told+"/revoke", nil)
	p.Must(204, "DELETE", "/licenses/"+told, nil)
	p.Must(200, "POST", "/bulk/licenses/delete", map[string]any{"ids": []string{bulk}})
	list := w.revocationList(product)
	for _, gone := range []string{filed, told, bulk} {
		if p.Do("GET", "/licenses/"+gone, nil).WantProblem(404, "not_found"); !list.Revokes(license.ID(gone)) {
			t.Errorf("license %s is not on the list", gone)
		}
	}
	if list.Revokes(license.ID(never)) {
		t.Error("a license that never left the server is on the list")
	}
}

// A revoked license's file is refused with the revocation list; the list's numbers rise, and publishing it unchanged does not raise them.
//
// proves part of N04 S22 B04
func TestRevocationList(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, first := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	second := id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("Two")))
	w.anonymous().Do("GET", "/products/"+product+"/revocations", nil).WantProblem(404, "no_statement")
	w.anonymous().Do("GET", "/products/"+strings.Repeat("f", 24)+"/revocations", nil).WantProblem(404, "not_found")
	w.Clock.Advance(2 * time.Hour)
	file := p.Do("GET", "/licenses/"+first+"/file", nil).Body
	p.Must(200, "POST", "/licenses/"+first+"/revoke", nil)
	list := w.revocationList(product)
	if _, err := lease.OpenFile(file, w.Certificate(product), list, w.Clock.Now()); err == nil || !strings.HasPrefix(err.Error(), "revoked") {
		t.Errorf("the file of a revoked license: %v", err)
	}
	p.Must(200, "POST", "/licenses/"+first+"/revoke", nil)
	if again := w.revocationList(product); again.Number != list.Number {
		t.Errorf("a second revocation made list %d after %d", again.Number, list.Number)
	}
	w.Clock.Advance(-time.Hour) // a clock that was put back makes no lower number
	p.Must(200, "POST", "/licenses/"+second+"/revoke", nil)
	if next := w.revocationList(product); next.Number <= list.Number || !next.Revokes(license.ID(first)) || !next.Revokes(license.ID(second)) {
		t.Errorf("the next list %+v", next)
	}
	w.Clock.Advance(2 * time.Hour)

	// With an age, license files need a list that is no older, and there always is one.
	p.Do("POST", "/products/"+product+"/revocations", map[string]any{"max_age_ms": 5}).WantProblem(422, "invalid")
	day := 24 * time.Hour
	got := p.keyring(200, "POST", "/products/"+product+"/revocations", map[string]any{"max_age_ms": day.Milliseconds()})
	if got.Statement == nil || got.Statement.MaxAgeMS == nil || *got.Statement.MaxAgeMS != day.Milliseconds() || got.Statement.Licenses != 2 {
		t.Errorf("published %+v", got.Statement)
	}
	aged := w.revocationList(product)
	third := id(p.Must(201, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("Three")))
	file = p.Do("GET", "/licenses/"+third+"/file", nil).Body
	w.Clock.Advance(day + time.Hour)
	if _, err := lease.OpenFile(file, w.Certificate(product), aged, w.Clock.Now()); err == nil ||
		!strings.HasPrefix(err.Error(), "list_needed") {
		t.Errorf("with a list that is too old: %v", err)
	}
	if _, err := lease.OpenFile(file, w.Certificate(product), w.revocationList(product), w.Clock.Now()); err != nil {
		t.Errorf("with the newest list: %v", err)
	}
	p = w.login("owner@acme.test") // a day has passed
	p.keyring(200, "POST", "/products/"+product+"/revocations", map[string]any{"max_age_ms": nil})
	if w.revocationList(product).MaxAge != 0 {
		t.Error("the age was not taken away")
	}
}

// armoredWithout returns the private keys without the root, as a server gets them.
func armoredWithout(t *testing.T, s *pgp.SecretKeyring) string {
	t.Helper()
	online, err := s.WithoutPrivateKeys(s.Public().Root())
	if err != nil {
		t.Fatal(err)
	}
	text, err := online.Armored()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text))
}
