package api_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves part of B09
func TestEditRequiresIfMatch(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	for _, path := range []string{"/products/" + product, "/versions/" + version, "/licenses/" + license} {
		edit := map[string]any{"metadata": map[string]string{"a": "b"}}
		tag := p.Do("GET", path, nil).Header.Get("ETag")
		if len(tag) != len(`"1-0123456789abcdef"`) || tag[:3] != `"1-` {
			t.Fatalf("%s: the ETag is %s", path, tag)
		}
		r := p.DoWithHeaders(map[string]string{"If-Match": tag}, "PATCH", path, edit)
		if r.Status != http.StatusOK || r.Header.Get("ETag")[:3] != `"2-` {
			t.Fatalf("%s: %d %s, ETag %s", path, r.Status, r.Body, r.Header.Get("ETag"))
		}
		// The same again was made from what is no more.
		p.DoWithHeaders(map[string]string{"If-Match": tag}, "PATCH", path, edit).WantProblem(412, "precondition_failed")
		p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, "PATCH", path, edit).WantProblem(412, "precondition_failed")
		p.DoWithHeaders(map[string]string{"If-Match": `"2"`}, "PATCH", path, with(edit, "revision", 1)).WantProblem(412, "precondition_failed")
		p.DoWithHeaders(map[string]string{"If-Match": `"zz"`}, "PATCH", path, edit).WantProblem(412, "precondition_failed")
		p.DoWithHeaders(map[string]string{"If-Match": `W/"2"`}, "PATCH", path, edit).WantProblem(422, "invalid")
		p.DoWithHeaders(map[string]string{"If-Match": `2`}, "PATCH", path, edit).WantProblem(422, "invalid")
		p.Do("PATCH", path, edit).WantProblem(409, "edit_conflict") // as ever, without the header
		delete(edit, "revision")
		p.Do("PATCH", path, edit).WantProblem(422, "invalid") // neither here nor there
		for _, match := range []string{`"2"`, "*"} {
			if r := p.DoWithHeaders(map[string]string{"If-Match": match}, "PATCH", path, edit); r.Status != http.StatusOK {
				t.Errorf("%s, If-Match %s: %d %s", path, match, r.Status, r.Body)
			}
		}
	}
	for _, path := range []string{"/licenses/" + license, "/versions/" + version, "/products/" + product} {
		p.DoWithHeaders(map[string]string{"If-Match": `"3"`}, "DELETE", path, nil).WantProblem(412, "precondition_failed")
		if r := p.DoWithHeaders(map[string]string{"If-Match": `"4"`}, "DELETE", path, nil); r.Status != http.StatusNoContent {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, "POST", "/products", map[string]any{"name": "x"}).WantProblem(412,
		"precondition_failed")
	p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, "DELETE", "/session", nil).WantProblem(412, "precondition_failed")
}

// proves part of B09
func TestEveryEditTakesIfMatch(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	hook := p.Must(http.StatusCreated, "POST", "/webhooks", permissions["POST /webhooks"].body)
	customer := p.Must(http.StatusCreated, "POST", "/customers", permissions["POST /customers"].body)
	for _, edit := range []struct {
		method, path string
		body         map[string]any
	}{
		{"PATCH", "/webhooks/" + id(hook), map[string]any{"name": "x"}},
		{"PATCH", "/customers/" + id(customer), map[string]any{"name": "x"}},
		{"PATCH", "/members/" + p.memberID("owner@acme.test"), map[string]any{"name": "x"}},
		{"PUT", "/organisation/access", map[string]any{"require_mfa": false}},
	} {
		p.Do(edit.method, edit.path, edit.body).WantProblem(422, "invalid")
		for _, match := range []string{`"1"`, "*", `"3"`, "*"} {
			if r := p.DoWithHeaders(map[string]string{"If-Match": match}, edit.method, edit.path, edit.body); r.Status != http.StatusOK {
				t.Errorf("%s, If-Match %s: %d %s", edit.path, match, r.Status, r.Body)
			}
		}
		p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, edit.method, edit.path, edit.body).WantProblem(412, "precondition_failed")
		p.Do(edit.method, edit.path, with(edit.body, "revision", -1)).WantProblem(422, "invalid")
	}
}

// proves part of B09
func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, _, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/licenses/" + license
	tag := p.Do("GET", path, nil).Header.Get("ETag")
	for _, has := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		r := p.DoWithHeaders(map[string]string{"If-None-Match": has}, "GET", path, nil)
		if r.Status != http.StatusNotModified || len(r.Body) != 0 || r.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %s %s", has, r.Status, r.Header.Get("ETag"), r.Body)
		}
	}
	p.Must(http.StatusOK, "POST", path+"/suspend", nil)
	if r := p.DoWithHeaders(map[string]string{"If-None-Match": tag}, "GET", path, nil); r.Status != http.StatusOK ||
		r.Header.Get("ETag") == tag {
		t.Errorf("after an edit: %d, ETag %s", r.Status, r.Header.Get("ETag"))
	}
}

// proves part of B09
func TestConcurrentEditsOneWins(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, _, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	const many = 16
	var all sync.WaitGroup
	statuses := make([]int, many)
	for i := range many {
		all.Go(func() {
			statuses[i] = p.DoWithHeaders(map[string]string{"If-Match": `"1"`}, "PATCH", "/licenses/"+license,
				map[string]any{"customer": "x"}).Status
		})
	}
	all.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d edits were made of one revision", won)
	}
}

// The API description declares ETag or If-Match on every route that returns or edits a record with a revision.
func TestETagsAreDocumented(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	d := w.document()
	for _, c := range []struct{ path, method, header string }{
		{"/licenses/{id}", "get", "If-None-Match"}, {"/licenses/{id}", "patch", "If-Match"}, {"/licenses/{id}", "delete", "If-Match"},
		{"/products/{id}", "delete", "If-Match"}, {"/versions/{id}", "patch", "If-Match"},
	} {
		found := false
		for _, p := range d.Paths[api.Prefix+c.path][c.method].Parameters {
			found = found || p.Name == c.header && p.In == "header"
		}
		if !found {
			t.Errorf("%s %s does not speak of %s", c.method, c.path, c.header)
		}
	}
	if d.Paths[api.Prefix+"/licenses/{id}"]["get"].Responses["200"].Headers["ETag"] == nil {
		t.Error("the ETag of a license is not described")
	}
}

// openAPI holds the parts of the API description that the tests read.
type openAPI struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct{ Headers map[string]any }
	}
}

func (w *testServer) document() (d openAPI) {
	w.Helper()
	r := w.anonymous().Do("GET", "/openapi.json", nil)
	if err := json.Unmarshal(r.Body, &d); err != nil {
		w.Fatal(err)
	}
	return d
}
