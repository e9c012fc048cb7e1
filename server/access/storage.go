package access

import (
	"encoding/json"
	"fmt"

	"github.com/onelicense/onelicense/server/licensing"
)

// What needs no table of its own is kept as entries, whose bodies are JSON.

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers: a bug of ours
	}
	return b
}

func decode[T any](e licensing.Entry) (v T, err error) {
	if err = json.Unmarshal(e.Body, &v); err != nil {
		err = fmt.Errorf("reading the %s %s: %w", e.Kind, e.ID, err)
	}
	return v, err
}

// convertListing makes a list of records of one of entries.
func convertListing[T any](found licensing.Listing[licensing.Entry], err error, read func(licensing.Entry) (T, error)) (licensing.Listing[T], error) {
	l := licensing.Listing[T]{Items: []T{}, Next: found.Next}
	for i := 0; err == nil && i < len(found.Items); i++ {
		var item T
		item, err = read(found.Items[i])
		l.Items = append(l.Items, item)
	}
	return l, err
}
