package apicmd

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// schema is the part of a JSON schema that commands need.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        schemaTypes        `json:"type"`
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

// schemaTypes are the types of a schema; nullable values have "null" too.
type schemaTypes []string

// UnmarshalJSON accepts one name or a list.
func (k *schemaTypes) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*k = schemaTypes{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(k))
}

// hasType reports whether values can be of a type.
func (s *schema) hasType(kind string) bool { return slices.Contains(s.Type, kind) }

// isDictionary reports whether the schema is an object with keys of the sender's choice.
func (s *schema) isDictionary() bool {
	return s.hasType("object") && len(s.Properties) == 0 && len(s.Additional) > 0 && string(s.Additional) != "false"
}

// memberNames returns the names of the members, sorted.
func (s *schema) memberNames() []string { return slices.Sorted(maps.Keys(s.Properties)) }

// resolve follows a reference. The description beside it overrides that of its target.
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
