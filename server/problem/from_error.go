package problem

import (
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// sentinels maps the errors of stores to codes.
var sentinels = []struct {
	err    error
	code   license.Code
	detail string // of an error that does not name its record
	remedy string
}{
	{licensing.ErrNotFound, NotFound, "record not found", ""},
	{licensing.ErrExists, Exists, "a record with this name exists", ""},
	{licensing.ErrStale, EditConflict, "the record was changed since it was read", "; read it again and repeat the edit"},
	{licensing.ErrUnavailable, Unavailable, "the store is unavailable", "; retry in a few seconds"},
	{licensing.ErrInUse, HasDependents, "the record has dependent records", "; delete these first"},
}

// FromError returns the problem for an error. An unknown error becomes "internal" without its text: log it.
func FromError(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	p = fromError(err)
	p.cause = err
	return p
}

func fromError(err error) *Problem {
	var invalid *licensing.Invalid
	if errors.As(err, &invalid) {
		p := New(Invalid, invalid.Error())
		p.Errors = []FieldError{{invalid.Field, invalid.Problem}}
		return p
	}
	var conflict *licensing.Conflict
	if errors.As(err, &conflict) {
		return New(conflict.Code, conflict.Detail)
	}
	var refused *license.Error
	if errors.As(err, &refused) {
		return New(refused.Code, refused.Error())
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			detail := s.detail
			if named := (*licensing.RecordError)(nil); errors.As(err, &named) {
				detail = named.Error()
			}
			return New(s.code, detail+s.remedy)
		}
	}
	return New(license.CodeInternal, "internal error; see the server log")
}
