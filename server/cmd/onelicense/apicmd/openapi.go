package apicmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
)

// document is the part of an OpenAPI document that commands are made from.
type document struct {
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

// operation is one operation of the API.
type operation struct {
	ID          string      `json:"operationId"`
	Summary     string      `json:"summary"`
	Description string      `json:"description"`
	Tags        []string    `json:"tags"`
	Parameters  []parameter `json:"parameters"`
	RequestBody *struct {
		Required bool    `json:"required"`
		Content  content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content content `json:"content"`
	} `json:"responses"`
	Roles  []string `json:"x-roles"`
	Action string   `json:"x-action"`

	method, path string
	document     *document
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Schema      *schema `json:"schema"`
}

// content is a body: its media types and their schemas.
type content map[string]struct {
	Schema *schema `json:"schema"`
}

// mediaType returns the media type that a command uses: JSON if there is a choice.
func (c content) mediaType() string {
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		if isJSON(kind) {
			return kind
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		return kind
	}
	return ""
}

func isJSON(kind string) bool {
	base, _, _ := mime.ParseMediaType(kind)
	return base == "application/json" || strings.HasSuffix(base, "+json")
}

// parseDocument parses a document and returns its operations, grouped by path.
func parseDocument(text []byte) ([]*operation, error) {
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	var all []*operation
	for path, methods := range d.Paths {
		for method, op := range methods {
			if len(op.Tags) == 0 || op.ID == "" {
				return nil, fmt.Errorf("the OpenAPI document has no tag or name for %s %s", method, path)
			}
			op.method, op.path, op.document = strings.ToUpper(method), path, d
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	return all, nil
}

const contentType = "Content-Type"

// parametersIn returns the parameters in one place: path, query or header. Path parameters are in the order of the path.
func (o *operation) parametersIn(place string) []parameter {
	var list []parameter
	for _, p := range o.Parameters {
		if p.In == place && p.Name != contentType { // which is that of the request body
			list = append(list, p)
		}
	}
	if place == "path" {
		slices.SortFunc(list, func(a, b parameter) int {
			return cmp.Compare(strings.Index(o.path, "{"+a.Name+"}"), strings.Index(o.path, "{"+b.Name+"}"))
		})
	}
	return list
}

// bodySchema returns the schema of the JSON object in the request, or nil.
func (o *operation) bodySchema() *schema {
	if o.RequestBody == nil || !isJSON(o.RequestBody.Content.mediaType()) {
		return nil
	}
	s := o.document.resolve(o.RequestBody.Content[o.RequestBody.Content.mediaType()].Schema)
	if !s.hasType("object") {
		return nil
	}
	return s
}

// fileType returns the media type of a file: by its extension, if the operation accepts several.
func (o *operation) fileType(file string) string {
	if base, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(file))); err == nil {
		if _, ok := o.RequestBody.Content[base]; ok {
			return base
		}
	}
	return o.RequestBody.Content.mediaType()
}

// responseSchema returns the schema of the JSON in a successful response, or nil.
func (o *operation) responseSchema() *schema {
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if r := o.Responses[status]; status[0] == '2' && isJSON(r.Content.mediaType()) {
			return o.document.resolve(r.Content[r.Content.mediaType()].Schema)
		}
	}
	return nil
}

// itemSchema returns the schema of one item of a list, or nil if the response is not a page of a list.
func (o *operation) itemSchema() *schema {
	a := o.responseSchema()
	if a == nil || a.Properties["items"] == nil {
		return nil
	}
	return o.document.resolve(o.document.resolve(a.Properties["items"]).Items)
}

// hasPages reports whether the list has further pages.
func (o *operation) hasPages() bool {
	return o.itemSchema() != nil && slices.ContainsFunc(o.parametersIn("query"), func(p parameter) bool { return p.Name == "cursor" })
}

// selfAction is the action of operations that only a member may use, and no token.
const selfAction = "self"

// destructiveVerbs are the beginnings of verbs that cannot be undone.
var destructiveVerbs = []string{"delete", "revoke", "deactivate", "remove", "disable", "release", "replace", "compromise"}

// isDestructive reports whether the command asks for a confirmation.
func (o *operation) isDestructive() bool {
	if o.method == http.MethodDelete && o.ID != "logout" {
		return true
	}
	verb := o.verb()
	return o.method != http.MethodGet &&
		slices.ContainsFunc(destructiveVerbs, func(e string) bool { return verb == e || strings.HasPrefix(verb, e+"-") })
}
