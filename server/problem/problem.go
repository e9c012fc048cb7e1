// Package problem makes the error documents of the server's HTTP surfaces: application/problem+json (RFC 9457) with a stable code.
//
// FromError returns a Problem for any error. Unknown errors are "internal" to the client, and belong in the log as a whole.
package problem

import (
	"encoding/json"

	"github.com/onelicense/onelicense/license"
)

// MediaType is the content type of problem documents.
const MediaType = "application/problem+json"

// Problem is a problem document. It implements error, so that a handler can return it.
type Problem struct {
	Type   string       `json:"type" doc:"Always about:blank: the code tells problems apart."`
	Title  string       `json:"title" doc:"The HTTP status in words."`
	Status int          `json:"status" doc:"The HTTP status."`
	Detail string       `json:"detail" doc:"What went wrong, for people."`
	Code   license.Code `json:"code" doc:"What went wrong, for programs; it never changes its meaning."`
	Errors []FieldError `json:"errors,omitempty" nullable:"false" doc:"The members of the request that are wrong."`

	cause error
}

// FieldError names an invalid member of a request.
type FieldError struct {
	Field  string `json:"field" doc:"As in the request, with dots between levels."`
	Detail string `json:"detail"`
}

// New returns a problem with the HTTP status of the code.
func New(code license.Code, detail string) *Problem {
	status := Status(code)
	return &Problem{Type: "about:blank", Title: title(status), Status: status, Detail: detail, Code: code}
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// Unwrap returns the error that FromError was given.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus returns the HTTP status, as the framework of the management API expects.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns MediaType, whatever was negotiated.
func (p *Problem) ContentType(string) string { return MediaType }

// JSON returns the document as it is sent.
func (p *Problem) JSON() []byte {
	document, err := json.Marshal(p)
	if err != nil {
		panic(err) // cannot fail: it has only strings and numbers
	}
	return document
}
