package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// What the API takes for a body is JSON in UTF-8 that every reader understands alike: the same with its members written again.
func FuzzStrictJSON(f *testing.F) {
	for _, text := range []string{
		`{"name":"x"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "{\"a\":\"\xff\"}", `"\ud800"`, `[1e400]`, `{"a":{"b":[{"c":null,"c":1}]}}`,
		strings.Repeat("[", 2000), "\ufeff{}", `{"a":1}{}`, `01`, "{\"a\":\"\\u0000\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if unmarshalStrict(b, &v) != nil {
			return
		}
		if !json.Valid(b) || !utf8.Valid(b) {
			t.Fatalf("%q is taken", b)
		}
		// A reader that keeps the first of two members and one that keeps the last must see the same, so there are not two.
		var members func(d *json.Decoder) bool
		members = func(d *json.Decoder) bool {
			token, err := d.Token()
			if err != nil {
				return false
			}
			switch token {
			case json.Delim('{'):
				seen := map[string]bool{}
				for d.More() {
					name, err := d.Token()
					if err != nil || seen[name.(string)] {
						return false
					}
					seen[name.(string)] = true
					if !members(d) {
						return false
					}
				}
				_, err = d.Token()
			case json.Delim('['):
				for d.More() {
					if !members(d) {
						return false
					}
				}
				_, err = d.Token()
			}
			return err == nil
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // whether a number fits is the schema's to say
		if !members(d) {
			t.Fatalf("%q says something twice", b)
		}
	})
}
