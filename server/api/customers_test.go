package api_test

import (
	"net/http"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

func TestCustomers(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, id := p.CreateLicense("time", with(servertest.LicenseBody("One"), "expires", "2031-01-01T00:00:00Z"))
	ada := p.Must(http.StatusCreated, "POST", "/customers", map[string]any{
		"name": "Ada", "email": "ada@example.com", "reference": "K 4711", "metadata": map[string]string{"plan": "gold"},
	})
	path := "/customers/" + ada["id"].(string)
	if got := p.Must(http.StatusOK, "GET", path, nil); got["reference"] != "K 4711" || got["email"] != "ada@example.com" ||
		got["metadata"].(map[string]any)["plan"] != "gold" {
		t.Errorf("read %v", got)
	}
	for _, wrong := range []map[string]any{{"name": " "}, {"name": "x", "email": "nobody"},
		{"name": "x", "metadata": map[string]string{"": "x"}}} {
		p.Do("POST", "/customers", wrong).WantProblem(http.StatusUnprocessableEntity, "invalid")
	}
	p.Do("POST", "/customers", map[string]any{"name": "Eve", "reference": "K 4711"}).WantProblem(http.StatusConflict, "exists")
	if found := p.Must(http.StatusOK, "GET", "/customers?search=4711", nil)["items"].([]any); len(found) != 1 {
		t.Errorf("found %v", found)
	}
	edited := p.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "name": "Ada L."})
	if edited["name"] != "Ada L." || edited["email"] != "ada@example.com" || edited["revision"] != 2.0 {
		t.Errorf("edited %v", edited)
	}
	p.Do("PATCH", path, map[string]any{"revision": 1, "name": "late"}).WantProblem(http.StatusConflict, "edit_conflict")

	l := p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", with(servertest.LicenseBody("Two"), "expires",
		"2031-01-01T00:00:00Z", "customer", "", "customer_id", ada["id"]))
	if l["customer"] != "Ada L." || l["customer_id"] != ada["id"] {
		t.Errorf("license %v", l)
	}
	if list := p.Must(http.StatusOK, "GET", "/licenses?customer_id="+ada["id"].(string), nil)["items"].([]any); len(list) != 1 {
		t.Errorf("licenses of the customer: %v", list)
	}
	p.Do("DELETE", path, nil).WantProblem(http.StatusConflict, "has_dependents")
	one := p.Must(http.StatusOK, "POST", "/licenses/"+id+"/transfer", map[string]any{"customer_id": ada["id"]})
	if one["customer"] != "Ada L." {
		t.Errorf("transferred %v", one)
	}
	for _, l := range []map[string]any{l, one} {
		p.Must(http.StatusOK, "PATCH", "/licenses/"+l["id"].(string), map[string]any{"revision": l["revision"], "customer_id": nil})
	}
	p.Must(http.StatusNoContent, "DELETE", path, nil)
	p.Do("GET", path, nil).WantProblem(http.StatusNotFound, "not_found")
	p.Do("PATCH", "/licenses/"+id, map[string]any{"revision": 3, "customer_id": ada["id"]}).WantProblem(http.StatusUnprocessableEntity,
		"invalid")
	if rival := w.otherOrganisation().Must(http.StatusOK, "GET", "/customers", nil)["items"].([]any); len(rival) != 0 {
		t.Errorf("shown to another: %v", rival)
	}
}
