package apicmd

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// flagValue is the value of a flag, described by a schema. It implements pflag.Value and refuses what is not of its type.
//
//	a text, whole number or number      as it is
//	true or false                       as it is, or the flag alone
//	nothing, where that is allowed      null; it also removes a member of a nested record in an edit
//	a list of texts                     a,b or several times
//	a dictionary                        key=value, several times
//	a list of records                   name=rendering,slots=5 or a JSON object, several times
//	anything else                       JSON
type flagValue struct {
	schema   *schema
	document *document
	optional bool // null removes the member
	value    any
	isSet    bool
}

// isRemoval reports whether the member is to be removed, as opposed to set to null.
func (m *flagValue) isRemoval() bool { return m.isSet && m.value == nil && !m.schema.hasType("null") }

// String returns the default that the help shows: nothing is sent for a flag that is not given.
func (m *flagValue) String() string { return "" }

// Type returns the name of the value's type in the help.
func (m *flagValue) Type() string {
	s := m.schema
	switch {
	case s.isDictionary():
		return "key=value"
	case s.hasType("array") && m.recordSchema() != nil:
		return strings.Join(m.recordSchema().memberNames(), "=…,") + "=…"
	case s.hasType("array") && m.elementSchema().isScalar():
		return "a,b"
	case len(s.Enum) > 0:
		return "word"
	case s.Format == "date-time":
		return "time"
	case s.hasType("integer"), s.hasType("number"):
		return "number"
	case s.hasType("boolean"):
		return "bool"
	case s.hasType("string"):
		return "text"
	}
	return "json"
}

func (s *schema) isScalar() bool {
	return s.hasType("string") || s.hasType("integer") || s.hasType("number") || s.hasType("boolean")
}

func (m *flagValue) elementSchema() *schema { return m.document.resolve(m.schema.Items) }

// recordSchema returns the schema of the items of a list of records, or nil.
func (m *flagValue) recordSchema() *schema {
	if e := m.elementSchema(); e.hasType("object") && len(e.Properties) > 0 {
		return e
	}
	return nil
}

// Set parses one value; for lists and dictionaries it adds to earlier values.
func (m *flagValue) Set(text string) error {
	s := m.schema
	m.isSet = true
	if text == "null" && (s.hasType("null") || m.optional) {
		m.value = nil
		return nil
	}
	switch {
	case s.isDictionary():
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form KEY=VALUE", text)
		}
		all, _ := m.value.(map[string]any)
		if all == nil {
			all = map[string]any{}
		}
		all[key] = value
		m.value = all
		return nil
	case s.hasType("array") && (m.recordSchema() != nil || m.elementSchema().isScalar()):
		more, err := m.parseElements(text)
		if err != nil {
			return err
		}
		all, _ := m.value.([]any)
		m.value = append(append([]any{}, all...), more...)
		return nil
	}
	value, err := parseValue(s, text)
	m.value = value
	return err
}

// parseElements parses one occurrence of a list's flag. An empty one is an empty list, or adds nothing.
func (m *flagValue) parseElements(text string) ([]any, error) {
	record := m.recordSchema()
	switch {
	case text == "":
		return nil, nil
	case strings.HasPrefix(text, "["):
		var list []any
		err := decodeJSON(text, &list)
		return list, err
	case record == nil:
		var list []any
		for part := range strings.SplitSeq(text, ",") {
			value, err := parseValue(m.elementSchema(), part)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case strings.HasPrefix(text, "{"):
		var one map[string]any
		err := decodeJSON(text, &one)
		return []any{one}, err
	}
	one := map[string]any{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		of := record.Properties[name]
		if !ok || of == nil {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE with one of the names %s", part, strings.Join(record.memberNames(), ", "))
		}
		parsed, err := parseValue(m.document.resolve(of), value)
		if err != nil {
			return nil, err
		}
		one[name] = parsed
	}
	return []any{one}, nil
}

// parseValue parses one value of a schema.
func parseValue(s *schema, text string) (any, error) {
	switch {
	case text == "null" && s.hasType("null"):
		return nil, nil
	case len(s.Enum) > 0:
		for _, allowed := range s.Enum {
			if fmt.Sprint(allowed) == text {
				return allowed, nil
			}
		}
		return nil, fmt.Errorf("%q is not valid; use one of %s", text, joinWords(s.Enum))
	case s.hasType("integer"):
		if _, ok := new(big.Int).SetString(text, 10); !ok {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return json.Number(text), nil
	case s.hasType("number"):
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return json.Number(text), nil
	case s.hasType("boolean"):
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not valid; use true or false", text)
		}
		return b, nil
	case s.hasType("string"):
		return text, nil
	}
	var value any
	err := decodeJSON(text, &value)
	return value, err
}

// decodeJSON decodes one JSON text and keeps numbers as written.
func decodeJSON(text string, to any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%q is not valid JSON of the expected type: %w", text, err)
	}
	if d.More() {
		return fmt.Errorf("%q contains more than one JSON value", text)
	}
	return nil
}

func joinWords(list []any) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}
