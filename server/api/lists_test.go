package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

// licensesOfVersion matches the path at which licenses of a version are created.
var licensesOfVersion = regexp.MustCompile(`^/versions/([0-9a-f]{24})/licenses(?:\?(.*))?$`)

// listPath returns the path that lists what is created at a path: licenses are listed by a filter, all other records where they are
// created.
func listPath(path string) string {
	m := licensesOfVersion.FindStringSubmatch(path)
	if m == nil {
		return path
	}
	return strings.TrimSuffix("/licenses?version="+m[1]+"&"+m[2], "&")
}

// listNames returns the names of all items of a list, page by page.
func (p *user) listNames(path string) string {
	p.w.Helper()
	var names []string
	path = listPath(path)
	glue := "?"
	if strings.Contains(path, "?") {
		glue = "&"
	}
	for cursor := ""; ; {
		list := p.Must(http.StatusOK, "GET", path+glue+"limit=2&cursor="+cursor, nil)
		for _, item := range list["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		next, more := list["next"]
		if !more {
			return strings.Join(names, " ")
		}
		cursor = next.(string)
	}
}

// proves part of S08, part of S09
func TestListsAreSorted(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	ids := map[string]string{}
	for _, name := range []string{"delta", "Alpha", "charlie", "Bravo"} {
		ids[name] = id(p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": name}))
		w.Clock.Advance(1e9)
	}
	p.Must(http.StatusOK, "POST", "/products/"+ids["charlie"]+"/archive", nil)
	for query, want := range map[string]string{
		"":                                   "Bravo charlie Alpha delta",
		"sort=created":                       "delta Alpha charlie Bravo",
		"sort=name":                          "Alpha Bravo charlie delta",
		"sort=-name":                         "delta charlie Bravo Alpha",
		"sort=-updated":                      "charlie Bravo Alpha delta",
		"sort=updated":                       "delta Alpha Bravo charlie",
		"archived=true":                      "charlie",
		"archived=false&sort=name":           "Alpha Bravo delta",
		"sort=name&search=A":                 "Alpha Bravo charlie delta",
		"archived=false&search=l&sort=-name": "delta Alpha",
	} {
		if got := p.listNames("/products?" + query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	p.Do("GET", "/products?sort=color", nil).WantProblem(422, "invalid")
	byName := p.Must(http.StatusOK, "GET", "/products?sort=name&limit=1", nil)["next"].(string)
	p.Do("GET", "/products?sort=-name&cursor="+byName, nil).WantProblem(422, "invalid") // it is another walk's
	p.Do("GET", "/products?cursor="+byName, nil).WantProblem(422, "invalid")
}

// proves part of S10
func TestLicensesAreFiltered(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("forever"))
	timed := id(p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{"name": "2",
		"policy": map[string]any{"type": "time", "activation_limit": 9}}))
	other := id(p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Other"}))
	elsewhere := id(p.Must(http.StatusCreated, "POST", "/products/"+other+"/versions", map[string]any{"name": "1",
		"policy": map[string]any{"type": "perpetual"}}))
	p.Must(http.StatusCreated, "POST", "/versions/"+elsewhere+"/licenses", with(servertest.LicenseBody("elsewhere"), "customer", "Hooli"))
	ids := map[string]string{}
	for i, name := range []string{"soon", "later"} {
		ids[name] = id(p.Must(http.StatusCreated, "POST", "/versions/"+timed+"/licenses", with(servertest.LicenseBody(name), "expires",
			fmt.Sprintf("2031-0%d-01T00:00:00Z", i+1))))
	}
	p.Must(http.StatusOK, "POST", "/licenses/"+ids["soon"]+"/suspend", nil)

	for path, want := range map[string]string{
		"/licenses?sort=name":                                       "elsewhere forever later soon",
		"/licenses?sort=name&product=" + product:                    "forever later soon",
		"/licenses?version=" + version:                              "forever",
		"/licenses?status=suspended":                                "soon",
		"/licenses?customer=Hooli":                                  "elsewhere",
		"/licenses?customer=Hoo":                                    "",
		"/licenses?type=time&sort=name":                             "later soon",
		"/licenses?type=time&version=" + version:                    "",
		"/licenses?expires_before=2031-02-01T00:00:00Z":             "soon",
		"/licenses?expires_after=2031-02-01T00:00:00Z":              "later",
		"/licenses?expires_after=2031-01-01T00:00:00Z&sort=-name":   "soon later",
		"/licenses?never_activated=true&status=active&sort=created": "forever elsewhere later",
		"/licenses?search=initech&type=perpetual":                   "forever",
	} {
		if got := p.listNames(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	p.Do("GET", "/licenses?status=", nil).WantProblem(422, "invalid")
	p.Do("GET", "/licenses?limit=", nil).WantProblem(422, "invalid")
	p.Do("GET", "/licenses?status=lost", nil).WantProblem(422, "invalid")
	p.Do("GET", "/licenses?expires_before=soon", nil).WantProblem(422, "invalid")
	p.Do("GET", "/licenses?product="+strings.Repeat("f", 24), nil).WantProblem(404, "not_found")
	if got := w.otherOrganisation().listNames("/licenses"); got != "" {
		t.Errorf("another organisation sees %s", got)
	}
}
