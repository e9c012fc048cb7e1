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

// maxDepth of a body. Nothing that is asked for is half as deep.
const maxDepth = 32

// Go's decoder is generous: of two members with one name it takes the last, and it puts a question mark in the place of what is no
// character. Two readers of one body could so see different things; here each is an error that names the member.

// The beginnings of messages that a member's name follows.
const (
	wrongType   = "out of range: " // the schema lets it through and Go's type does not hold it, such as 1e300 for a whole number
	repeated    = "repeated: "
	noCharacter = "not UTF-8, or half a surrogate pair: "
)

// level is an object or list that is open.
type level struct {
	seen map[string]bool // of an object
	name string          // of the member or item that is being read
	at   int             // of a list
	key  bool            // the next text is a member's name
}

// strict checks what the decoder lets pass. The text may still be no JSON.
func strict(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var open []level
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
		if top >= 0 && !open[top].key && open[top].seen == nil && token != json.Delim(']') {
			open[top].name = strconv.Itoa(open[top].at)
			open[top].at++
		}
		switch t := token.(type) {
		case json.Delim:
			if t == ']' || t == '}' {
				open = open[:top]
				break
			}
			if len(open) == maxDepth {
				return fmt.Errorf("deeper than %d levels", maxDepth)
			}
			l := level{}
			if t == '{' {
				l = level{seen: map[string]bool{}, key: true}
			}
			open = append(open, l)
			continue
		case string:
			isKey := top >= 0 && open[top].key
			if isKey {
				open[top].name = strings.ToValidUTF8(t, "?")
			}
			if damaged(raw, t) {
				return errors.New(noCharacter + path())
			}
			if isKey {
				if open[top].seen[t] {
					return errors.New(repeated + path())
				}
				open[top].seen[t], open[top].key = true, false
				continue
			}
		}
		if top = len(open) - 1; top >= 0 && open[top].seen != nil {
			open[top].key = true // the member has its value
		}
	}
}

// damaged tells whether the decoder put something in the place of what was written.
func damaged(raw []byte, text string) bool {
	if !utf8.Valid(raw) {
		return true
	}
	const placeholder = "\uFFFD"
	return strings.Contains(text, placeholder) && !bytes.Contains(raw, []byte(placeholder)) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
}

// unmarshal reads a body. The framework does it twice: into what a schema can be held to, and then into the handler's type.
func unmarshal(b []byte, v any) error {
	if _, first := v.(*any); first {
		if err := strict(b); err != nil {
			return err
		}
	}
	err := json.Unmarshal(b, v)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return errors.New(wrongType + mistyped.Field)
	}
	return err
}

var readsItself = reflect.TypeFor[json.Unmarshaler]()

// exact refuses members whose names are a type's own but for their case, which the decoder takes for those. The text has been read into the
// type.
func exact(text []byte, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(readsItself) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := exact(item, t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct, reflect.Map:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			of, known := memberOfType(t, name)
			if !known {
				return fmt.Errorf("unknown field %q", name)
			}
			if err := exact(members[name], of); err != nil {
				return err
			}
		}
	}
	return nil
}

// memberOfType is the type of a member of an object that is read into t.
func memberOfType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tagged, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tagged == "" {
			if of, ok := memberOfType(f.Type, name); ok {
				return of, true
			}
		} else if tagged == name {
			return f.Type, true
		}
	}
	return nil, false
}
