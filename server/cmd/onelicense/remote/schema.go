package remote

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// schema is what JSON may be, as far as commands need it.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        kinds              `json:"type"`
	Format      string             `json:"format"`
	Pattern     string             `json:"pattern"`
	Description string             `json:"description"`
	Enum        []any              `json:"enum"`
	Items       *schema            `json:"items"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Default     any                `json:"default"`
	Additional  json.RawMessage    `json:"additionalProperties"`
}

// kinds are the types of a schema, one or with null.
type kinds []string

// UnmarshalJSON takes one name or several.
func (k *kinds) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(k))
}

// is tells whether values are of a type, be it beside null.
func (s *schema) is(kind string) bool { return slices.Contains(s.Type, kind) }

// dictionary tells whether it is an object of names that the sender chooses.
func (s *schema) dictionary() bool {
	return s.is("object") && len(s.Properties) == 0 && len(s.Additional) > 0 && string(s.Additional) != "false"
}

// names lists the members, sorted.
func (s *schema) names() []string { return slices.Sorted(maps.Keys(s.Properties)) }

// resolve follows a reference. What is said beside it goes with it.
func (d *document) resolve(s *schema) *schema {
	if s == nil {
		return &schema{}
	}
	name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/")
	if !ok || d.Components.Schemas[name] == nil {
		return s
	}
	resolved := *d.Components.Schemas[name]
	if s.Description != "" {
		resolved.Description = s.Description
	}
	return &resolved
}
