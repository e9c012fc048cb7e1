package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/onelicense/onelicense/server/api"
)

// documentedCodes returns the problem codes that each operation of the API description lists.
var documentedCodes = sync.OnceValue(func() map[string][]string {
	text, err := api.GenerateOpenAPI()
	if err != nil {
		panic(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			Codes []string `json:"x-codes"`
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		panic(err)
	}
	codes := map[string][]string{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			codes[strings.ToUpper(method)+" "+path] = o.Codes
		}
	}
	return codes
})

// checkDocumented requires that the operation lists the code of a refusal. It is called for every reply of every test.
func (w *testServer) checkDocumented(method, path string, r reply) {
	w.Helper()
	var p struct{ Code string }
	if r.Status < http.StatusBadRequest || json.Unmarshal(r.Body, &p) != nil {
		return
	}
	path, _, _ = strings.Cut(path, "?")
	for _, route := range w.Routes() {
		if route.Method != method || !routeRegexp(route.Path).MatchString(path) {
			continue
		}
		if name := method + " " + route.Path; !slices.Contains(documentedCodes()[name], p.Code) {
			w.Errorf("%s answers %s, which it does not list", name, p.Code)
		}
		return
	}
}
