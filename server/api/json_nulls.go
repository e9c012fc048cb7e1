package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/server/licensing"
)

// rejectNulls refuses null where a schema knows none. The framework takes it for a member that is left out; but who writes it may have
// meant to wipe something out, and would believe that it was done.
func (a *API) rejectNulls(schema *huma.Schema, body []byte) error {
	var v any
	if !bytes.Contains(body, []byte("null")) || json.Unmarshal(body, &v) != nil || v == nil {
		return nil // what does not parse, or is nothing as a whole, is refused as that
	}
	if at, found := a.findNull(schema, v, ""); found {
		return &licensing.Invalid{Field: at, Problem: "is null; leave it out instead"}
	}
	return nil
}

// findNull gives the place of the first member that is null and may not be.
func (a *API) findNull(schema *huma.Schema, v any, at string) (string, bool) {
	if schema != nil && schema.Ref != "" {
		schema = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if schema == nil {
		return "", false
	}
	below := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	switch v := v.(type) {
	case nil:
		return at, !schema.Nullable
	case map[string]any:
		var names []string
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			of := schema.Properties[name]
			if more, ok := schema.AdditionalProperties.(*huma.Schema); of == nil && ok {
				of = more
			}
			if place, found := a.findNull(of, v[name], below(name)); found {
				return place, true
			}
		}
	case []any:
		for i, item := range v {
			if place, found := a.findNull(schema.Items, item, below(strconv.Itoa(i))); found {
				return place, true
			}
		}
	}
	return "", false
}
