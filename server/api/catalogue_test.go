package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

// proves part of S08
func TestProducts(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	made := p.Must(http.StatusCreated, "POST", "/products", map[string]any{
		"name": "Modeler", "description": "Makes solids", "metadata": map[string]string{"sku": "M1"},
	})
	path := "/products/" + id(made)
	read := p.Must(http.StatusOK, "GET", path, nil)
	if root, _ := read["root"].(string); len(root) != 40 {
		t.Errorf("the fingerprint to pin is %q", root)
	}
	if delete(read, "root"); fmt.Sprint(read) != fmt.Sprint(made) {
		t.Errorf("read  %v\nmade %v", read, made)
	}
	if made["revision"] != 1.0 || made["archived"] != false || made["created"] != "2030-01-02T03:04:05Z" {
		t.Errorf("made %v", made)
	}
	p.Do("POST", "/products", map[string]any{"name": "Modeler"}).WantProblem(http.StatusConflict, "exists")

	edited := p.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "description": ""})
	if edited["revision"] != 2.0 || edited["description"] != "" || edited["name"] != "Modeler" ||
		fmt.Sprint(edited["metadata"]) != "map[sku:M1]" {
		t.Errorf("edited %v", edited)
	}
	p.Do("PATCH", path, map[string]any{"revision": 1, "name": "Late"}).WantProblem(http.StatusConflict, "edit_conflict")

	if got := p.Must(http.StatusOK, "POST", path+"/archive", nil); got["archived"] != true {
		t.Errorf("archived %v", got)
	}
	if got := p.Must(http.StatusOK, "POST", path+"/unarchive", nil); got["archived"] != false {
		t.Errorf("unarchived %v", got)
	}
	p.Must(http.StatusNoContent, "DELETE", path, nil)
	p.Do("GET", path, nil).WantProblem(http.StatusNotFound, "not_found")
}

// proves part of S08
func TestListsArePagedAndSearched(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	for i := range 7 {
		p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": fmt.Sprintf("Product %c%%_", 'A'+i)})
	}
	var names []string
	cursor := ""
	for pages := 1; ; pages++ {
		list := p.Must(http.StatusOK, "GET", "/products?limit=3&cursor="+cursor, nil)
		for _, item := range list["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string)[8:9])
		}
		next, more := list["next"]
		if !more {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		cursor = next.(string)
	}
	if got := strings.Join(names, ""); got != "GFEDCBA" {
		t.Errorf("listed %s, want the newest first and each once", got)
	}
	for search, want := range map[string]int{"product%20b": 1, "%25_": 7, "Z": 0, "": 7} {
		if got := len(p.Must(http.StatusOK, "GET", "/products?search="+search, nil)["items"].([]any)); got != want {
			t.Errorf("search %q: %d, want %d", search, got, want)
		}
	}
	p.Do("GET", "/products?limit=0", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Do("GET", "/products?limit=201", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Do("GET", "/products?page=2", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Do("GET", "/products?cursor=%21", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
}

// proves part of S09
func TestVersions(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	list, path := "/products/"+product+"/versions", "/versions/"+version
	p.Do("POST", list, map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}}).WantProblem(http.StatusConflict, "exists")
	other := p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Renderer"})
	p.Must(http.StatusCreated, "POST", "/products/"+id(other)+"/versions",
		map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}})
	if got := p.Must(http.StatusOK, "GET", list, nil)["items"].([]any); len(got) != 1 || id(got[0].(map[string]any)) != version {
		t.Errorf("listed %v", got)
	}
	policy := p.Must(http.StatusOK, "GET", path, nil)["policy"].(map[string]any)
	for member, want := range map[string]any{
		"type": "perpetual", "trigger": "interval", "interval_ms": 3600000.0, "max_retries": 0.0, "grace_ms": 60000.0, "activation_delay_ms": 0.0,
		"activation_limit": 10.0, "max_machines": nil, "clock_tolerance_ms": 0.0, "journal_interval_calls": 100.0,
	} {
		if policy[member] != want {
			t.Errorf("policy.%s is %v, want %v", member, policy[member], want)
		}
	}
	edited := p.Must(http.StatusOK, "PATCH", path, map[string]any{
		"revision": 1, "policy": map[string]any{"type": "perpetual", "trigger": "every_call", "max_machines": 3},
	})
	if policy = edited["policy"].(map[string]any); policy["max_machines"] != 3.0 || policy["grace_ms"] != 0.0 ||
		policy["interval_ms"] != 60000.0 {
		t.Errorf("the policy was not replaced: %v", policy)
	}
	if policy["activation_limit"] != 10.0 {
		t.Errorf("who says nothing about activations gets %v", policy["activation_limit"])
	}
	nobody := p.Must(http.StatusCreated, "POST", list, map[string]any{"name": "closed", "policy": map[string]any{"type": "perpetual",
		"activation_limit": 0}})
	if got := nobody["policy"].(map[string]any)["activation_limit"]; got != 0.0 {
		t.Errorf("none is allowed, and it is %v", got)
	}
	for field, policy := range map[string]map[string]any{
		"policy.type":        {"type": "calls"},
		"policy.interval_ms": {"type": "perpetual", "interval_ms": 1},
		"policy.grace_ms":    {"type": "perpetual", "grace_ms": -1},
	} {
		r := p.Do("PATCH", path, map[string]any{"revision": 2, "policy": policy})
		if got := r.WantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != field {
			t.Errorf("field %q, want %q", got.Errors[0].Field, field)
		}
	}
}

// proves part of S10
func TestLicenses(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, license := p.CreateLicense("time", with(servertest.LicenseBody("One"), "expires", "2031-01-01T00:00:00+02:00", "overrides",
		map[string]any{"max_machines": 2}))
	list, path := "/versions/"+version+"/licenses", "/licenses/"+license
	got := p.Must(http.StatusOK, "GET", path, nil)
	if got["expires"] != "2030-12-31T22:00:00Z" || got["status"] != "active" || got["calls_used"] != 0.0 ||
		fmt.Sprint(got["overrides"]) != "map[max_machines:2]" ||
		fmt.Sprint(got["entitlements"]) != "[map[name:solid_modeling slots:4] map[name:rendering slots:<nil>]]" {
		t.Errorf("read %v", got)
	}
	got = p.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "customer": "Initrode", "overrides": map[string]any{}})
	if got["customer"] != "Initrode" || got["name"] != "One" || fmt.Sprint(got["overrides"]) != "map[]" || got["expires"] == nil {
		t.Errorf("edited %v", got)
	}
	p.Do("PATCH", path, map[string]any{"revision": 1, "name": "Late"}).WantProblem(http.StatusConflict, "edit_conflict")
	r := p.Do("PATCH", path, map[string]any{"revision": 2, "expires": nil})
	if got := r.WantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "expires" {
		t.Errorf("a license of type time never to expire: field %q", got.Errors[0].Field)
	}
	p.Must(http.StatusCreated, "POST", list, with(servertest.LicenseBody("Two"), "expires", "2031-01-01T00:00:00Z"))
	if got := p.Must(http.StatusOK, "GET", "/licenses?search=tw&version="+version, nil)["items"].([]any); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	file := p.Do("GET", path+"/file", nil)
	if lines := strings.SplitAfter(string(file.Body), "\n"); file.Status != http.StatusOK || len(lines) != 5 || lines[0] != license+"\n" ||
		lines[1] != "ui,automation\n" || lines[2] != "solid_modeling:4,rendering\n" {
		t.Errorf("file %d %s", file.Status, file.Body)
	}
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="`+license+`.txt"` {
		t.Errorf("disposition %q", got)
	}
	for field, body := range map[string]map[string]any{
		"contexts":             with(servertest.LicenseBody("x"), "contexts", []string{}),
		"contexts.1":           with(servertest.LicenseBody("x"), "contexts", []string{"ui", "u,i"}),
		"entitlements.0":       with(servertest.LicenseBody("x"), "entitlements", []map[string]any{{"name": "a\nb"}}),
		"entitlements.0.slots": with(servertest.LicenseBody("x"), "entitlements", []map[string]any{{"name": "a", "slots": -1}}),
		"allowance":            with(servertest.LicenseBody("x"), "allowance", -1),
		"expires":              with(servertest.LicenseBody("x"), "expires", "1969-01-01T00:00:00Z"),
		"name":                 with(servertest.LicenseBody("x"), "name", "a\x00b"),
	} {
		if _, ok := body["expires"]; !ok {
			body["expires"] = "2031-01-01T00:00:00Z"
		}
		if got := p.Do("POST", list, body).WantProblem(http.StatusUnprocessableEntity, "invalid"); len(got.Errors) != 1 ||
			got.Errors[0].Field != field {
			t.Errorf("errors %v, want %s", got.Errors, field)
		}
	}
}

// proves S11
func TestDeleteRequiresNoDependents(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	p.Do("DELETE", "/products/"+product, nil).WantProblem(http.StatusConflict, "has_dependents")
	p.Do("DELETE", "/versions/"+version, nil).WantProblem(http.StatusConflict, "has_dependents")
	d := newDevice(p, product, version, license)
	d.MustSync()
	for _, path := range []string{"/licenses/" + license, "/versions/" + version, "/products/" + product} {
		p.Must(http.StatusNoContent, "DELETE", path, nil)
		p.Do("GET", path, nil).WantProblem(http.StatusNotFound, "not_found")
		p.Do("DELETE", path, nil).WantProblem(http.StatusNotFound, "not_found")
	}
	if r := d.Sync(); r.Status == http.StatusOK {
		t.Errorf("a deleted license syncs: %s", r.Body)
	}
}

// proves S14
func TestTimeAndCallsNeedsBoth(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	both := with(servertest.LicenseBody("One"), "allowance", 3, "expires", "2031-01-01T00:00:00Z")
	_, version, _ := p.CreateLicense("time_and_calls", both)
	for _, missing := range []string{"allowance", "expires"} {
		one := with(servertest.LicenseBody("Half"), "allowance", 3, "expires", "2031-01-01T00:00:00Z")
		delete(one, missing)
		r := p.Do("POST", "/versions/"+version+"/licenses", one)
		if got := r.WantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != missing {
			t.Errorf("field %q, want %q", got.Errors[0].Field, missing)
		}
	}
}
