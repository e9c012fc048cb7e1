package onelicense

import (
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Verdict is an answer of the client core: a row of spec/verdicts.md with its evidence.
type Verdict = abi.Verdict

// Status is the state of a client, for people and diagnostics.
type Status = abi.Status

// License is a verified license file.
type License = abi.License

// Receipt proves that the server has accepted these counts of this activation, in answer to this request.
type Receipt = abi.Receipt

// Error is a refusal: the whole verdict, with code, class, message, detail, what to do, license, context and entitlement.
// AllowContinue says whether the program may continue all the same.
type Error struct{ Verdict }

// Error returns code, message and detail. They hold no secret.
func (e *Error) Error() string { return formatVerdict(e.Verdict) }

// CodeOf returns the code of the first *Error in err's chain: ok if err is nil, internal if there is none.
func CodeOf(err error) license.Code {
	if err == nil {
		return license.CodeOK
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Code
	}
	return license.CodeInternal
}

func newError(code license.Code, format string, args ...any) *Error {
	return &Error{abi.Describe(code, fmt.Sprintf(format, args...))}
}

// errorOf returns the verdict as an error, or nil if it grants what was asked.
func errorOf(v Verdict) error {
	if v.OK {
		return nil
	}
	return &Error{v}
}

func formatVerdict(v Verdict) string {
	s := fmt.Sprintf("onelicense: %s: %s", v.Code, v.Message)
	if v.Detail != "" {
		s += " (" + v.Detail + ")"
	}
	return s
}
