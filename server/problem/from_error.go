package problem

import (
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// sentinels are the errors that mean the same wherever they come from.
var sentinels = []struct {
	err    error
	code   license.Code
	detail string
}{
	{licensing.ErrNotFound, NotFound, "there is no such record"},
	{licensing.ErrExists, Exists, "a record with this name exists"},
	{licensing.ErrStale, EditConflict, "the record was changed since it was read; read it again"},
	{licensing.ErrUnavailable, Unavailable, "the store is unavailable; try again in a few seconds"},
	{licensing.ErrInUse, HasDependents, "the record has others below it; delete these first"},
}

// FromError makes a problem of an error. One that it does not know becomes "internal", without a word of it: log it.
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
			return New(s.code, s.detail)
		}
	}
	return New(license.CodeInternal, "the server failed; its log says why")
}
