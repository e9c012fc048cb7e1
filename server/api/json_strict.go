package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth of a body. Nothing that is asked for is half as deep.
const maxJSONDepth = 32

// Go's decoder is generous: of two members with one name it takes the last, and it puts a question mark in the place of what is no
// character. Two readers of one body could so see different things; here each is an error that names the member.

// The beginnings of messages that a member's name follows.
const (
	outOfRangePrefix = "out of range: " // the schema lets it through and Go's type does not hold it, such as 1e300 for a whole number
	repeatedPrefix   = "repeated: "
	notUTF8Prefix    = "not UTF-8, or half a surrogate pair: "
)

// jsonLevel is an object or list that is open.
type jsonLevel struct {
	seen       map[string]bool // of an object
	name       string          // of the member or item that is being read
	index      int             // of a list
	expectsKey bool            // the next text is a member's name
}

// checkStrictJSON checks what the decoder lets pass. The text may still be no JSON.
func checkStrictJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var open []jsonLevel
	path := func() string {
		var names []string
		for _, l := range open {
			names = append(names, l.name)
		}
		return strings.Join(names, ".")
	}
	from := int64(0)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		raw := b[from:d.InputOffset()]
		from = d.InputOffset()
		top := len(open) - 1
		if top >= 0 && !open[top].expectsKey && open[top].seen == nil && token != json.Delim(']') {
			open[top].name = strconv.Itoa(open[top].index)
			open[top].index++
		}
		switch t := token.(type) {
		case json.Delim:
			if t == ']' || t == '}' {
				open = open[:top]
				break
			}
			if len(open) == maxJSONDepth {
				return fmt.Errorf("deeper than %d levels", maxJSONDepth)
			}
			l := jsonLevel{}
			if t == '{' {
				l = jsonLevel{seen: map[string]bool{}, expectsKey: true}
			}
			open = append(open, l)
			continue
		case string:
			isKey := top >= 0 && open[top].expectsKey
			if isKey {
				open[top].name = strings.ToValidUTF8(t, "?")
			}
			if hasReplacedCharacters(raw, t) {
				return errors.New(notUTF8Prefix + path())
			}
			if isKey {
				if open[top].seen[t] {
					return errors.New(repeatedPrefix + path())
				}
				open[top].seen[t], open[top].expectsKey = true, false
				continue
			}
		}
		if top = len(open) - 1; top >= 0 && open[top].seen != nil {
			open[top].expectsKey = true // the member has its value
		}
	}
}

// hasReplacedCharacters tells whether the decoder put something in the place of what was written.
func hasReplacedCharacters(raw []byte, text string) bool {
	if !utf8.Valid(raw) {
		return true
	}
	const placeholder = "\uFFFD"
	return strings.Contains(text, placeholder) && !bytes.Contains(raw, []byte(placeholder)) &&
		!bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
}

// unmarshalStrict reads a body. The framework does it twice: into what a schema can be held to, and then into the handler's type.
func unmarshalStrict(b []byte, v any) error {
	if _, first := v.(*any); first {
		if err := checkStrictJSON(b); err != nil {
			return err
		}
	}
	err := json.Unmarshal(b, v)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return errors.New(outOfRangePrefix + mistyped.Field)
	}
	return err
}

var unmarshalerType = reflect.TypeFor[json.Unmarshaler]()

// checkMemberNames refuses members whose names are a type's own but for their case, which the decoder takes for those. The text has been
// read into the type.
func checkMemberNames(text []byte, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshalerType) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := checkMemberNames(item, t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct, reflect.Map:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			of, known := memberType(t, name)
			if !known {
				return fmt.Errorf("unknown field %q", name)
			}
			if err := checkMemberNames(members[name], of); err != nil {
				return err
			}
		}
	}
	return nil
}

// memberType is the type of a member of an object that is read into t.
func memberType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tagged, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tagged == "" {
			if of, ok := memberType(f.Type, name); ok {
				return of, true
			}
		} else if tagged == name {
			return f.Type, true
		}
	}
	return nil, false
}
