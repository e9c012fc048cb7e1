package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

// lifecycleCase describes one kind of catalogue record for checkLifecycle.
type lifecycleCase struct {
	list, records string // where they are listed and made; and where each of them is
	elsewhere     string // a list under another parent, or of another organisation
	other         *user
	body          map[string]any // all but the name
	unique        bool           // the name, within the list
}

func (l lifecycleCase) withName(name string) map[string]any {
	body := map[string]any{"name": name}
	for member, value := range l.body {
		body[member] = value
	}
	return body
}

// checkLifecycle creates four records, searches them, edits one, archives, unarchives and deletes it.
func (p *user) checkLifecycle(l lifecycleCase) {
	t := p.w
	t.Helper()
	ids := map[string]string{}
	for _, name := range []string{"delta", "Alpha", "charlie", "Bravo"} {
		made := p.Must(http.StatusCreated, "POST", l.list, with(l.withName(name), "metadata", map[string]string{"sku": name}))
		ids[name] = id(made)
		read := p.Must(http.StatusOK, "GET", l.records+"/"+id(made), nil)
		if read["name"] != name || read["archived"] != false || read["revision"] != 1.0 || fmt.Sprint(read["metadata"]) != "map[sku:"+name+"]" {
			t.Errorf("made %v", read)
		}
		p.w.Clock.Advance(1e9)
	}
	if l.unique {
		p.Do("POST", l.list, l.withName("Bravo")).WantProblem(http.StatusConflict, "exists")
		l.other.Must(http.StatusCreated, "POST", l.elsewhere, l.withName("Bravo"))
	}

	one := l.records + "/" + ids["charlie"]
	edited := p.Must(http.StatusOK, "PATCH", one, map[string]any{"revision": 1, "name": "echo", "metadata": map[string]string{"sku": "E"}})
	if edited["name"] != "echo" || edited["revision"] != 2.0 || fmt.Sprint(edited["metadata"]) != "map[sku:E]" ||
		edited["created"] == edited["updated"] {
		t.Errorf("edited %v", edited)
	}
	p.Do("PATCH", one, map[string]any{"revision": 1, "name": "late"}).WantProblem(http.StatusConflict, "edit_conflict")
	if put := p.Must(http.StatusOK, "POST", one+"/archive", nil); put["archived"] != true || put["name"] != "echo" {
		t.Errorf("archived %v", put)
	}
	for query, want := range map[string]string{ // in pages of two
		"":                          "Bravo echo Alpha delta",
		"sort=name":                 "Alpha Bravo delta echo",
		"sort=-updated":             "echo Bravo Alpha delta",
		"search=LPH":                "Alpha",
		"search=charlie":            "",
		"archived=true":             "echo",
		"archived=false&sort=-name": "delta Bravo Alpha",
	} {
		if got := p.listNames(l.list + "?" + query); got != want {
			t.Errorf("%s?%s: %q, want %q", l.list, query, got, want)
		}
	}
	if out := p.Must(http.StatusOK, "POST", one+"/unarchive", nil); out["archived"] != false {
		t.Errorf("taken out %v", out)
	}

	p.Do("DELETE", one+"x", nil).WantProblem(http.StatusUnprocessableEntity, "invalid")
	p.Must(http.StatusNoContent, "DELETE", one, nil)
	p.Do("GET", one, nil).WantProblem(http.StatusNotFound, "not_found")
	if got := p.listNames(l.list + "?sort=name"); got != "Alpha Bravo delta" {
		t.Errorf("one is deleted, and there are %s", got)
	}
}

// proves S08
func TestProductLifecycle(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.owner().checkLifecycle(lifecycleCase{list: "/products", records: "/products", elsewhere: "/products", other: w.otherOrganisation(),
		body: map[string]any{"description": "Makes solids"}, unique: true})
}

// proves S09
func TestVersionLifecycle(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	under := func(name string) string {
		return "/products/" + id(p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": name})) + "/versions"
	}
	l := lifecycleCase{list: under("Modeler"), records: "/versions", elsewhere: under("Renderer"), other: p, unique: true,
		body: map[string]any{"policy": map[string]any{"type": "calls", "trigger": "every_call", "activation_limit": 7, "max_machines": 2}}}
	p.checkLifecycle(l)

	// The policy is what a license of the version has that says nothing else.
	version := p.Must(http.StatusOK, "GET", listPath(l.list+"?search=alpha"), nil)["items"].([]any)[0].(map[string]any)
	made := p.Must(http.StatusCreated, "POST", "/versions/"+id(version)+"/licenses", with(servertest.LicenseBody("One"), "allowance", 10))
	d := newDevice(p, version["product"].(string), id(version), id(made))
	if settings := d.MustSync().Settings; settings.Type != "calls" || settings.Trigger != "every_call" {
		t.Errorf("the program is told %+v", settings)
	}
}

// proves S10
func TestLicenseLifecycle(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product := id(p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}))
	version := id(p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{"name": "1",
		"policy": map[string]any{"type": "perpetual", "trigger": "interval", "interval_ms": 60_000, "activation_limit": 10}}))
	list := "/versions/" + version + "/licenses"
	l := lifecycleCase{list: list, records: "/licenses", body: servertest.LicenseBody("")}
	l.body["overrides"] = map[string]any{"interval_ms": 120_000}
	delete(l.body, "name")
	p.checkLifecycle(l)

	// What it says itself goes before what the version says.
	held := p.Must(http.StatusOK, "GET", listPath(list+"?search=alpha"), nil)["items"].([]any)[0].(map[string]any)
	if settings := newDevice(p, product, version, id(held)).MustSync().Settings; settings.Interval != 120_000 ||
		settings.Trigger != "interval" {
		t.Errorf("the program is told %+v", settings)
	}

	// Many at once, and all of them to a sheet and back.
	if made := p.Do("POST", list+"/bulk", map[string]any{"count": 5, "template": l.withName("Seat {n}")}).bulkResults(); made.Succeeded != 5 {
		t.Errorf("made %+v", made)
	}
	sheet := p.Do("GET", "/export/licenses.csv?version="+version, nil)
	if sheet.Status != http.StatusOK || strings.Count(string(sheet.Body), "\n") != 1+8 {
		t.Fatalf("%d %s", sheet.Status, sheet.Body)
	}
	other := id(p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{"name": "2",
		"policy": map[string]any{"type": "perpetual"}}))
	r := p.importCSV("/versions/"+other+"/licenses/import", string(sheet.Body))
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got, want := p.listNames("/licenses?sort=name&version="+other), p.listNames("/licenses?sort=name&version="+version); got != want {
		t.Errorf("%s came back of %s", got, want)
	}
}
