package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

type bulkResults struct {
	Succeeded, Failed int
	Items             []struct {
		ID    string
		Error *servertest.Problem
	}
}

func (r reply) bulkResults() (d bulkResults) {
	r.TB.Helper()
	if err := json.Unmarshal(r.Body, &d); err != nil || r.Status != http.StatusOK {
		r.TB.Fatalf("%d %s", r.Status, r.Body)
	}
	return d
}

// proves part of S10
func TestBulkCreateLicenses(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/versions/" + version + "/licenses"
	order := map[string]any{"count": 30, "template": servertest.LicenseBody("Seat {n}")}
	first := p.DoWithHeaders(key("k"), "POST", path+"/bulk", order)
	made := first.bulkResults()
	if made.Succeeded != 30 || made.Failed != 0 || len(made.Items) != 30 {
		t.Fatalf("%s", first.Body)
	}
	if got := p.Must(http.StatusOK, "GET", "/licenses/"+made.Items[6].ID, nil)["name"]; got != "Seat 7" {
		t.Errorf("the seventh is called %v", got)
	}
	if again := p.DoWithHeaders(key("k"), "POST", path+"/bulk", order); !bytes.Equal(again.Body, first.Body) {
		t.Errorf("the second answer is another: %s", again.Body)
	}
	// A process died in the middle: some are there, the answer is not.
	p.Must(http.StatusNoContent, "DELETE", "/licenses/"+made.Items[29].ID, nil)
	w.markUnanswered()
	w.Clock.Advance(1e11)
	p.DoWithHeaders(key("k"), "POST", path+"/bulk", order).bulkResults()
	if got := len(p.Must(http.StatusOK, "GET", listPath(path+"?limit=200"), nil)["items"].([]any)); got != 31 {
		t.Errorf("%d licenses, want 31", got)
	}

	p.Do("POST", path+"/bulk", map[string]any{"count": 501, "template": servertest.LicenseBody("x")}).WantProblem(422, "invalid")
	p.Do("POST", path+"/bulk", map[string]any{"count": 0, "template": servertest.LicenseBody("x")}).WantProblem(422, "invalid")
	r := p.Do("POST", path+"/bulk", map[string]any{"count": 2, "template": with(servertest.LicenseBody("x"), "contexts", []string{})})
	if got := r.WantProblem(422, "invalid"); len(got.Errors) != 1 || got.Errors[0].Field != "template.contexts" {
		t.Errorf("names %v", got.Errors)
	}
}

// proves part of S10
func TestBulkSuspendReinstateDelete(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, one := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	two := id(p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", servertest.LicenseBody("Two")))
	gone := strings.Repeat("f", 24)
	ids := map[string]any{"ids": []string{one, gone, two}}
	for _, c := range []struct{ verb, status string }{{"suspend", "suspended"}, {"reinstate", "active"}} {
		d := p.Do("POST", "/bulk/licenses/"+c.verb, ids).bulkResults()
		if d.Succeeded != 2 || d.Failed != 1 || d.Items[1].Error == nil || d.Items[1].Error.Code != "not_found" || d.Items[1].ID != gone ||
			d.Items[0].Error != nil {
			t.Fatalf("%s: %+v", c.verb, d)
		}
		for _, l := range []string{one, two} {
			if got := p.Must(http.StatusOK, "GET", "/licenses/"+l, nil)["status"]; got != c.status {
				t.Errorf("after %s: %v", c.verb, got)
			}
		}
	}
	if d := w.otherOrganisation().Do("POST", "/bulk/licenses/delete", ids).bulkResults(); d.Succeeded != 0 {
		t.Errorf("a stranger deleted %d", d.Succeeded)
	}
	if d := p.Do("POST", "/bulk/licenses/delete", ids).bulkResults(); d.Succeeded != 2 {
		t.Errorf("deleted %+v", d)
	}
	p.Do("GET", "/licenses/"+one, nil).WantProblem(404, "not_found")
	p.Do("POST", "/bulk/licenses/suspend", map[string]any{"ids": []string{}}).WantProblem(422, "invalid")
	p.Do("POST", "/bulk/licenses/suspend", map[string]any{"ids": []string{one, one}}).WantProblem(422, "invalid")
}

// Lines and items of imports have the same strict member names as bodies.
//
// proves part of S10 S24
func TestImportMemberNamesAreCaseSensitive(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/versions/" + version + "/licenses/import?dry_run=true"
	wanted := func(name string, v any) []any { return []any{with(servertest.LicenseBody("Two"), name, v)} }
	p.Must(http.StatusOK, "POST", path, wanted("metadata", map[string]string{"A": "1", "a": "2"}))
	for _, body := range []any{
		wanted("NAME", "Three"), wanted("Metadata", map[string]string{}), wanted("overrides", map[string]any{"Grace": 1}),
		wanted("entitlements", []any{map[string]any{"name": "rendering", "Slots": 1}}), wanted("metadata\u017f", nil),
	} {
		if wrong := p.Do("POST", path, body).WantProblem(422, "invalid"); len(wrong.Errors) != 1 {
			t.Errorf("%v: %+v", body, wrong)
		}
	}
	p.Do("POST", path, "null").WantProblem(400, "malformed")
	p.importCSV(path, "name,contexts,entitlements,overrides\nTwo,ui,rendering,\"{\"\"Grace\"\":1}\"\n").WantProblem(422, "invalid")

	text := string(p.Do("GET", "/export", nil).Body)
	lines := func(text string) reply {
		return p.Send("POST", "/api/v1/import?dry_run=true", http.Header{"Content-Type": {"application/x-ndjson"}, "X-Csrf-Token": {p.CSRF}},
			[]byte(text))
	}
	if r := lines(text); r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	lines(strings.Replace(text, `"customer":`, `"Customer":`, 1)).WantProblem(422, "invalid")
	lines(strings.Replace(text, `{"product":`, `{"Product":`, 1)).WantProblem(422, "invalid")
}

func (p *user) importCSV(path, text string) reply {
	p.w.Helper()
	return p.Send("POST", "/api/v1"+path, http.Header{"Content-Type": {"text/csv"}, "X-Csrf-Token": {p.CSRF}}, []byte(text))
}

// proves part of S10
func TestCSVRoundTrip(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.CreateLicense("time", with(servertest.LicenseBody("=1+1"), "expires", "2031-01-01T00:00:00.5Z", "customer",
		"@Müller, \"Söhne\"\nKG",
		"metadata", map[string]string{"a": "-1", "=x": "'"}, "overrides", map[string]any{"max_machines": 3}, "trial", true))
	for _, name := range []string{"+49", "-x", "'quoted", "'=both", "plain", "a=b"} {
		p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses", with(servertest.LicenseBody(name), "expires",
			"2031-01-01T00:00:00Z"))
	}
	export := p.Do("GET", "/export/licenses.csv?sort=created&version="+version, nil)
	if export.Status != http.StatusOK || export.Header.Get("Content-Type") != "text/csv" {
		t.Fatalf("%d %v", export.Status, export.Header)
	}
	for line := range strings.SplitSeq(string(export.Body), "\r\n") {
		for cell := range strings.SplitSeq(line, ",") {
			if cell = strings.Trim(cell, `"`); cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("a program for sheets would run %q", cell)
			}
		}
	}
	target := id(p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{"name": "2",
		"policy": map[string]any{"type": "time"}}))
	for _, bom := range []string{"", "\uFEFF"} {
		r := p.importCSV("/versions/"+target+"/licenses/import", bom+string(export.Body))
		if r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	var want, got []map[string]any
	if err := json.Unmarshal(p.Do("GET", "/export/licenses.json?sort=created&version="+version, nil).Body, &want); err != nil {
		t.Fatal(err)
	}
	back := p.Do("GET", "/export/licenses.json?sort=created&version="+target, nil).Body
	if err := json.Unmarshal(back, &got); err != nil || len(got) != 14 || len(want) != 7 {
		t.Fatalf("%v, %d and %d licenses", err, len(want), len(got))
	}
	for i := range got {
		for _, own := range []string{"id", "version", "created", "updated"} {
			delete(got[i], own)
			delete(want[i%7], own)
		}
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i%7]) {
			t.Errorf("came back as %v\nwas          %v", got[i], want[i%7])
		}
	}
}

// proves part of S10, part of S24
func TestCSVErrors(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/versions/" + version + "/licenses/import"
	head := "name,contexts,entitlements,expires,allowance\n"
	for name, c := range map[string]struct {
		text   string
		fields string
	}{
		"unknown column": {"name,color\n", "line 1.column 2"},
		"column twice":   {"name,name\n", "line 1.name"},
		"cells missing":  {head + "a,ui\n", "line 2"},
		"open quote":     {head + "\"a,ui,x,,\n", "line 2"},
		"a date":         {head + "a,ui,x,soon,\nb,ui,x,,many\n", "line 2.expires line 3.allowance"},
		"slots":          {head + "a,ui,x:0,,\n", "line 2.entitlements"},
		"no right":       {head + "a,ui,x,,\n\nb,,x,,\n", "line 4.contexts"},
		"over two lines": {head + "\"a\nb\",ui,x,,\nc,ui,!,,\n", "line 4.entitlements.0"},
		"not UTF-8":      {head + "a\xff,ui,x,,\n", "line 2.name"},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.importCSV(path, c.text).WantProblem(422, "invalid")
			var fields []string
			for _, e := range got.Errors {
				fields = append(fields, e.Field)
			}
			if strings.Join(fields, " ") != c.fields {
				t.Errorf("names %q, want %q: %s", fields, c.fields, got.Detail)
			}
		})
	}
	if r := p.importCSV(path+"?dry_run=true", head+"a,ui,x,,\n"); r.Status != http.StatusOK ||
		!strings.Contains(string(r.Body), `"count":1,"ids":[]`) {
		t.Errorf("a dry run: %d %s", r.Status, r.Body)
	}
	p.Do("POST", path, `[{"contexts":["ui"],"entitlements":[{"name":"x"}],"color":1}]`).WantProblem(422, "invalid")
	p.Do("POST", path, `{"a":1}`).WantProblem(400, "malformed")
	p.importCSV("/products", "name\nx\n").WantProblem(415, "unsupported_media_type")
	if got := p.count("/licenses?version=" + version); got != 1 {
		t.Errorf("%d licenses, want the one", got)
	}
}

// Only users who may import get larger body limits, and only on these routes.
//
// proves part of S24
func TestBodyLimitsByRoute(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	_, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	path := "/versions/" + version + "/licenses/import"
	var text strings.Builder
	text.WriteString("name,contexts,entitlements\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "Seat %d %s,ui,x\n", i, strings.Repeat("-", 100))
	}
	if r := p.importCSV(path+"?dry_run=true", text.String()); r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	w.AddMember("", "viewer@acme.test", "viewer")
	viewer := w.login("viewer@acme.test")
	const some, much = 100_000, 8<<20 + 1
	for name, c := range map[string]struct {
		who  *user
		path string
		size int
	}{
		"elsewhere":       {p, "/products", some},
		"below the route": {p, path + "/x", some},
		"with a slash":    {p, path + "/", some},
		"a stranger":      {w.anonymous(), path, some},
		"who may not":     {viewer, path, some},
		"too many bytes":  {p, path, much},
	} {
		t.Run(name, func(t *testing.T) { c.who.announceBody(t, c.path, c.size).WantProblem(413, "too_large") })
	}
}

// announceBody sends the header of a request with a large body, but no body: the reply must not wait for it.
func (p *user) announceBody(t *testing.T, path string, size int) reply {
	t.Helper()
	base, err := url.Parse(p.w.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", base.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cookie := ""
	for _, c := range p.Browser.Jar.Cookies(base) {
		cookie = c.String()
	}
	if _, err := fmt.Fprintf(conn,
		"POST /api/v1%s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nX-CSRF-Token: %s\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n", path,
		cookie, p.CSRF, size); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{servertest.Reply{TB: t, Status: response.StatusCode, Header: response.Header, Body: body}}
}
