// Package problem is how the server says no over HTTP: application/problem+json (RFC 9457) with a stable code.
//
// Of makes a Problem of any error; what it does not know is "internal" outside and belongs whole into the log.
package problem

import (
	"encoding/json"

	"github.com/onelicense/onelicense/license"
)

// MediaType of the document.
const MediaType = "application/problem+json"

// Problem is the document. It is an error too, so that a handler can return it.
type Problem struct {
	Type   string       `json:"type" doc:"Always about:blank: the code tells problems apart."`
	Title  string       `json:"title" doc:"The HTTP status in words."`
	Status int          `json:"status" doc:"The HTTP status."`
	Detail string       `json:"detail" doc:"What went wrong, for people."`
	Code   license.Code `json:"code" doc:"What went wrong, for programs; it never changes its meaning."`
	Errors []FieldError `json:"errors,omitempty" nullable:"false" doc:"The members of the request that are wrong."`

	cause error
}

// FieldError is one member of a request and what is wrong with it.
type FieldError struct {
	Field  string `json:"field" doc:"As in the request, with dots between levels."`
	Detail string `json:"detail"`
}

// New makes a problem of a code; the code decides the status.
func New(code license.Code, detail string) *Problem {
	status := Status(code)
	return &Problem{Type: "about:blank", Title: title(status), Status: status, Detail: detail, Code: code}
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// Unwrap gives what Of was given.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus and ContentType are what the framework of the management API asks of its errors.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is MediaType, whatever was negotiated.
func (p *Problem) ContentType(string) string { return MediaType }

// JSON is the document as it is sent.
func (p *Problem) JSON() []byte {
	document, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers: a bug of ours
	}
	return document
}
