package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func licenseBody(name string) map[string]any {
	return map[string]any{
		"name": name, "customer": "Initech", "contexts": []string{"ui", "automation"},
		"entitlements": []map[string]any{{"name": "solid_modeling", "slots": 4}, {"name": "rendering"}},
	}
}

// createLicense makes a product, a version whose policy has the type, and a license.
func (p *user) createLicense(kind string, license map[string]any) (productID, versionID, licenseID string) {
	p.w.Helper()
	product := p.must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"})
	version := p.must(http.StatusCreated, "POST", "/products/"+id(product)+"/versions", map[string]any{
		"name": "1", "policy": map[string]any{"type": kind, "activation_limit": 10, "grace": 60000},
	})
	made := p.must(http.StatusCreated, "POST", "/versions/"+id(version)+"/licenses", license)
	return id(product), id(version), id(made)
}

func id(record map[string]any) string { return record["id"].(string) }

func with(record map[string]any, more ...any) map[string]any {
	for i := 0; i < len(more); i += 2 {
		record[more[i].(string)] = more[i+1]
	}
	return record
}

// proves part of S08
func TestProducts(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	made := p.must(http.StatusCreated, "POST", "/products", map[string]any{
		"name": "Modeler", "description": "Makes solids", "metadata": map[string]string{"sku": "M1"},
	})
	path := "/products/" + id(made)
	read := p.must(http.StatusOK, "GET", path, nil)
	if root, _ := read["root"].(string); len(root) != 40 {
		t.Errorf("the fingerprint to pin is %q", root)
	}
	if delete(read, "root"); fmt.Sprint(read) != fmt.Sprint(made) {
		t.Errorf("read  %v\nmade %v", read, made)
	}
	if made["revision"] != 1.0 || made["archived"] != false || made["created"] != "2030-01-02T03:04:05Z" {
		t.Errorf("made %v", made)
	}
	p.do("POST", "/products", map[string]any{"name": "Modeler"}).wantProblem(http.StatusConflict, "exists")

	edited := p.must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "description": ""})
	if edited["revision"] != 2.0 || edited["description"] != "" || edited["name"] != "Modeler" || fmt.Sprint(edited["metadata"]) != "map[sku:M1]" {
		t.Errorf("edited %v", edited)
	}
	p.do("PATCH", path, map[string]any{"revision": 1, "name": "Late"}).wantProblem(http.StatusConflict, "edit_conflict")

	if got := p.must(http.StatusOK, "POST", path+"/archive", nil); got["archived"] != true {
		t.Errorf("archived %v", got)
	}
	if got := p.must(http.StatusOK, "POST", path+"/unarchive", nil); got["archived"] != false {
		t.Errorf("unarchived %v", got)
	}
	p.must(http.StatusNoContent, "DELETE", path, nil)
	p.do("GET", path, nil).wantProblem(http.StatusNotFound, "not_found")
}

// proves part of S08
func TestListsArePagedAndSearched(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	for i := range 7 {
		p.must(http.StatusCreated, "POST", "/products", map[string]any{"name": fmt.Sprintf("Product %c%%_", 'A'+i)})
	}
	var names []string
	cursor := ""
	for pages := 1; ; pages++ {
		list := p.must(http.StatusOK, "GET", "/products?limit=3&cursor="+cursor, nil)
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
		if got := len(p.must(http.StatusOK, "GET", "/products?search="+search, nil)["items"].([]any)); got != want {
			t.Errorf("search %q: %d, want %d", search, got, want)
		}
	}
	p.do("GET", "/products?limit=0", nil).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.do("GET", "/products?limit=201", nil).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.do("GET", "/products?page=2", nil).wantProblem(http.StatusUnprocessableEntity, "invalid")
	p.do("GET", "/products?cursor=%21", nil).wantProblem(http.StatusUnprocessableEntity, "invalid")
}

// proves part of S09
func TestVersions(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.createLicense("perpetual", licenseBody("One"))
	list, path := "/products/"+product+"/versions", "/versions/"+version
	p.do("POST", list, map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}}).wantProblem(http.StatusConflict, "exists")
	other := p.must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Renderer"})
	p.must(http.StatusCreated, "POST", "/products/"+id(other)+"/versions", map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}})
	if got := p.must(http.StatusOK, "GET", list, nil)["items"].([]any); len(got) != 1 || id(got[0].(map[string]any)) != version {
		t.Errorf("listed %v", got)
	}
	policy := p.must(http.StatusOK, "GET", path, nil)["policy"].(map[string]any)
	for member, want := range map[string]any{
		"type": "perpetual", "trigger": "interval", "interval": 3600000.0, "max_retries": 0.0, "grace": 60000.0, "activation_delay": 0.0,
		"activation_limit": 10.0, "max_machines": 0.0, "clock_tolerance": 0.0, "journal_every": 100.0,
	} {
		if policy[member] != want {
			t.Errorf("policy.%s is %v, want %v", member, policy[member], want)
		}
	}
	edited := p.must(http.StatusOK, "PATCH", path, map[string]any{
		"revision": 1, "policy": map[string]any{"type": "perpetual", "trigger": "every_call", "max_machines": 3},
	})
	if policy = edited["policy"].(map[string]any); policy["max_machines"] != 3.0 || policy["grace"] != 0.0 || policy["interval"] != 60000.0 {
		t.Errorf("the policy was not replaced: %v", policy)
	}
	if policy["activation_limit"] != 10.0 {
		t.Errorf("who says nothing about activations gets %v", policy["activation_limit"])
	}
	nobody := p.must(http.StatusCreated, "POST", list, map[string]any{"name": "closed", "policy": map[string]any{"type": "perpetual", "activation_limit": 0}})
	if got := nobody["policy"].(map[string]any)["activation_limit"]; got != 0.0 {
		t.Errorf("none is allowed, and it is %v", got)
	}
	for field, policy := range map[string]map[string]any{
		"policy.type":     {"type": "calls"},
		"policy.interval": {"type": "perpetual", "interval": 1},
		"policy.grace":    {"type": "perpetual", "grace": -1},
	} {
		r := p.do("PATCH", path, map[string]any{"revision": 2, "policy": policy})
		if got := r.wantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != field {
			t.Errorf("field %q, want %q", got.Errors[0].Field, field)
		}
	}
}

// proves part of S10
func TestLicenses(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	_, version, license := p.createLicense("time", with(licenseBody("One"), "expires", "2031-01-01T00:00:00+02:00", "overrides", map[string]any{"max_machines": 2}))
	list, path := "/versions/"+version+"/licenses", "/licenses/"+license
	got := p.must(http.StatusOK, "GET", path, nil)
	if got["expires"] != "2030-12-31T22:00:00Z" || got["status"] != "active" || got["used"] != 0.0 ||
		fmt.Sprint(got["overrides"]) != "map[max_machines:2]" || fmt.Sprint(got["entitlements"]) != "[map[name:solid_modeling slots:4] map[name:rendering]]" {
		t.Errorf("read %v", got)
	}
	got = p.must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "customer": "Initrode", "overrides": map[string]any{}})
	if got["customer"] != "Initrode" || got["name"] != "One" || fmt.Sprint(got["overrides"]) != "map[]" || got["expires"] == nil {
		t.Errorf("edited %v", got)
	}
	p.do("PATCH", path, map[string]any{"revision": 1, "name": "Late"}).wantProblem(http.StatusConflict, "edit_conflict")
	r := p.do("PATCH", path, map[string]any{"revision": 2, "expires": nil})
	if got := r.wantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "expires" {
		t.Errorf("a license of type time never to expire: field %q", got.Errors[0].Field)
	}
	p.must(http.StatusCreated, "POST", list, with(licenseBody("Two"), "expires", "2031-01-01T00:00:00Z"))
	if got := p.must(http.StatusOK, "GET", list+"?search=tw", nil)["items"].([]any); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	file := p.do("GET", path+"/file", nil)
	if lines := strings.SplitAfter(string(file.body), "\n"); file.status != http.StatusOK || len(lines) != 5 || lines[0] != license+"\n" ||
		lines[1] != "ui,automation\n" || lines[2] != "solid_modeling:4,rendering\n" {
		t.Errorf("file %d %s", file.status, file.body)
	}
	if got := file.header.Get("Content-Disposition"); got != `attachment; filename="`+license+`.txt"` {
		t.Errorf("disposition %q", got)
	}
	for field, body := range map[string]map[string]any{
		"contexts":             with(licenseBody("x"), "contexts", []string{}),
		"contexts.1":           with(licenseBody("x"), "contexts", []string{"ui", "u,i"}),
		"entitlements.0":       with(licenseBody("x"), "entitlements", []map[string]any{{"name": "a\nb"}}),
		"entitlements.0.slots": with(licenseBody("x"), "entitlements", []map[string]any{{"name": "a", "slots": -1}}),
		"allowance":            with(licenseBody("x"), "allowance", -1),
		"expires":              with(licenseBody("x"), "expires", "1969-01-01T00:00:00Z"),
		"name":                 with(licenseBody("x"), "name", "a\x00b"),
	} {
		if _, ok := body["expires"]; !ok {
			body["expires"] = "2031-01-01T00:00:00Z"
		}
		if got := p.do("POST", list, body).wantProblem(http.StatusUnprocessableEntity, "invalid"); len(got.Errors) != 1 || got.Errors[0].Field != field {
			t.Errorf("errors %v, want %s", got.Errors, field)
		}
	}
}

// proves S11
func TestDeleteRequiresNoDependents(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, license := p.createLicense("perpetual", licenseBody("One"))
	p.do("DELETE", "/products/"+product, nil).wantProblem(http.StatusConflict, "not_empty")
	p.do("DELETE", "/versions/"+version, nil).wantProblem(http.StatusConflict, "not_empty")
	d := newDevice(p, product, version, license)
	d.mustSync()
	for _, path := range []string{"/licenses/" + license, "/versions/" + version, "/products/" + product} {
		p.must(http.StatusNoContent, "DELETE", path, nil)
		p.do("GET", path, nil).wantProblem(http.StatusNotFound, "not_found")
		p.do("DELETE", path, nil).wantProblem(http.StatusNotFound, "not_found")
	}
	if r := d.sync(); r.status == http.StatusOK {
		t.Errorf("a deleted license syncs: %s", r.body)
	}
}

// proves S14
func TestTimeAndCallsNeedsBoth(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	both := with(licenseBody("One"), "allowance", 3, "expires", "2031-01-01T00:00:00Z")
	_, version, _ := p.createLicense("time_and_calls", both)
	for _, missing := range []string{"allowance", "expires"} {
		one := with(licenseBody("Half"), "allowance", 3, "expires", "2031-01-01T00:00:00Z")
		delete(one, missing)
		r := p.do("POST", "/versions/"+version+"/licenses", one)
		if got := r.wantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != missing {
			t.Errorf("field %q, want %q", got.Errors[0].Field, missing)
		}
	}
}
