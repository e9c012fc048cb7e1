package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/servertest"
)

func (p *user) importOrganisation(path, text string) reply {
	p.w.Helper()
	return p.Send("POST", "/api/v1"+path, http.Header{"Content-Type": {"application/x-ndjson"}, "X-Csrf-Token": {p.CSRF}}, []byte(text))
}

// An organisation is exported and imported here; TestBackupUnderLoadAndRestore covers backup and restore of the whole database.
//
// proves B12
func TestOrganisationExportImport(t *testing.T) {
	t.Parallel()
	here, there := startServer(t), startServer(t)
	p, q := here.owner(), there.owner()
	product, version, one := p.CreateLicense("time_and_calls", with(servertest.LicenseBody("One"), "expires", "2031-01-01T00:00:00Z",
		"allowance", 10, "metadata", map[string]string{"order": "7"}))
	ada := id(p.Must(http.StatusCreated, "POST", "/customers", map[string]any{"name": "Ada", "email": "ada@example.com", "reference": "K 1",
		"metadata": map[string]string{"plan": "gold"}}))
	p.Must(http.StatusOK, "POST", "/licenses/"+one+"/transfer", map[string]any{"key": "sold", "customer_id": ada})
	p.policy(version, map[string]any{"type": "time_and_calls", "activation_limit": 10, "period": "month"})
	used := newDevice(p, product, version, one)
	used.Request.Counted = 4
	used.MustSync()
	here.Clock.Advance(31 * 24 * time.Hour)
	p = here.login("owner@acme.test")
	used.Request.Counted = 5
	used.MustSync()
	p.Must(http.StatusOK, "POST", "/licenses/"+one+"/suspend", nil)
	two := id(p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", with(servertest.LicenseBody("Two"), "expires_after_ms", 1e9,
		"expires_from", "activation", "allowance", 5)))
	old := id(p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Old"}))
	p.Must(http.StatusOK, "POST", "/products/"+old+"/archive", nil)

	export := p.Do("GET", "/export", nil)
	if export.Status != http.StatusOK || export.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %s", export.Status, export.Body)
	}
	for _, secret := range []string{"secret", "password", "sealed", "owner@acme.test"} {
		if strings.Contains(strings.ToLower(string(export.Body)), secret) {
			t.Errorf("the export speaks of %q", secret)
		}
	}
	if r := q.importOrganisation("/import?dry_run=true", string(export.Body)); r.Status != http.StatusOK || q.count("/products") != 0 {
		t.Errorf("a dry run: %d %s, and %d products", r.Status, r.Body, q.count("/products"))
	}
	r := q.importOrganisation("/import", string(export.Body))
	var made struct {
		Created, Skipped api.Counts
		Renamed          map[string]string
	}
	if err := json.Unmarshal(r.Body, &made); err != nil || r.Status != http.StatusOK || len(made.Renamed) != 0 ||
		made.Created != (api.Counts{Products: 2, Versions: 1, Customers: 1, Licenses: 2}) ||
		made.Skipped != (api.Counts{HistoryEntries: 1, Periods: 1,
			Activations: 1}) {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for _, told := range []string{`"kind":"transferred"`, `"to_customer_id":"` + ada, `"from":"2030-01-01T00:00:00Z","calls_used":4}`} {
		if !strings.Contains(string(export.Body), told) {
			t.Errorf("the export does not tell %s", told)
		}
	}
	for _, path := range []string{"/products/" + product, "/products/" + old, "/versions/" + version, "/customers/" + ada, "/licenses/" + one,
		"/licenses/" + two} {
		want, got := p.Must(http.StatusOK, "GET", path, nil), q.Must(http.StatusOK, "GET", path, nil)
		if root := got["root"]; root != nil && root == want["root"] {
			t.Errorf("%s has the keys of the other server", path)
		}
		for _, own := range []string{"root", "revision", "calls_used"} { // there it begins anew
			delete(want, own)
			delete(got, own)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is  %v\nit was %v", path, got, want)
		}
	}
	q.Do("DELETE", "/customers/"+ada, nil).WantProblem(http.StatusConflict, "has_dependents")
	q.Do("POST", "/customers", map[string]any{"name": "Eve", "reference": "K 1"}).WantProblem(http.StatusConflict, "exists")
	// Again it finds its own, and nothing is there twice.
	if r := q.importOrganisation("/import", string(export.Body)); r.Status != http.StatusOK || q.count("/licenses") != 2 {
		t.Errorf("a second time: %d %s", r.Status, r.Body)
	}
	rival := here.otherOrganisation()
	r = rival.importOrganisation("/import", string(export.Body)) // on one server the ids are taken
	if err := json.Unmarshal(r.Body, &made); err != nil || r.Status != http.StatusOK || len(made.Renamed) != 6 ||
		rival.count("/licenses?customer_id="+made.Renamed[ada]) != 1 {
		t.Errorf("beside itself: %d %s", r.Status, r.Body)
	}
}

// proves part of B12
func TestImportRefusesInvalidExport(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	good := string(p.Do("GET", "/export", nil).Body)
	lines := strings.SplitAfter(strings.TrimSuffix(good, "\n"), "\n")
	q := startServer(t).owner()
	for name, c := range map[string]struct {
		text  string
		field string
	}{
		"cut short":   {strings.Join(lines[:len(lines)-1], ""), "body"},
		"a line lost": {lines[0] + lines[1] + lines[2] + lines[4], "line 4"},
		"no head":     {strings.Join(lines[1:], ""), "line 1"},
		"orphans":     {lines[0] + lines[2] + lines[4], "line 2"},
		"no id":       {strings.Replace(good, `"product":{"id":"`, `"product":{"id":"x`, 1), "line 2"},
		"no customer": {strings.Replace(good, `"customer":"Initech"`, `"customer":"Initech","customer_id":"5edb1264cc150913cb7640f8"`, 1),
			"line 4"},
		"twice":         {lines[0] + lines[1] + lines[1], "line 3"},
		"more":          {good + lines[1], "line 5"},
		"another thing": {lines[0] + `{"color":1}` + "\n", "line 2"},
		"another form":  {strings.Replace(good, `"version":2`, `"version":1`, 1), "line 1"},
		"a bad record":  {strings.Replace(good, `"contexts":["ui","automation"]`, `"contexts":[]`, 1), "line 4.contexts"},
	} {
		t.Run(name, func(t *testing.T) {
			got := q.importOrganisation("/import", c.text).WantProblem(422, "invalid")
			if len(got.Errors) != 1 || got.Errors[0].Field != c.field {
				t.Errorf("names %v, want %s", got.Errors, c.field)
			}
		})
	}
	p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Second"})
	startServer(t).owner().Do("POST", "/import", "{}").WantProblem(415, "unsupported_media_type")
	other := startServer(t).owner()
	other.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Mine"})
	other.importOrganisation("/import", good).WantProblem(409, "has_dependents")
}
