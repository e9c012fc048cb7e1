package apiclient

import "encoding/json"

// Nullable is a member that can be absent, null or have a value. In an edit, absent leaves the member as it is and null removes it. The
// zero value is absent.
type Nullable[T any] struct {
	value *T
	isSet bool
}

// Value returns a member that has the value.
func Value[T any](value T) Nullable[T] { return Nullable[T]{&value, true} }

// Null returns a member that is null.
func Null[T any]() Nullable[T] { return Nullable[T]{isSet: true} }

// Get returns the value, and whether there is one.
func (n Nullable[T]) Get() (value T, ok bool) {
	if n.value != nil {
		value = *n.value
	}
	return value, n.value != nil
}

// IsNull reports whether the member is null; it is false for an absent one.
func (n Nullable[T]) IsNull() bool { return n.isSet && n.value == nil }

// IsZero reports whether the member is absent, so that it is left out of JSON.
func (n Nullable[T]) IsZero() bool { return !n.isSet }

// MarshalJSON implements json.Marshaler.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.value) }

// UnmarshalJSON implements json.Unmarshaler.
func (n *Nullable[T]) UnmarshalJSON(text []byte) error {
	*n = Nullable[T]{isSet: true}
	return json.Unmarshal(text, &n.value)
}
