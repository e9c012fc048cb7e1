package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/problem"
)

// The framework makes its own errors while it reads a request. They come through these two hooks, so that they too have a stable code; the
// value that was wrong is left out, for it may be a password.
func init() {
	huma.ValidateStrictCasing = true // Go's decoder takes members in any case
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return frameworkProblem(status, message, errs)
	}
	huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
		return frameworkProblem(status, message, errs)
	}
}

// codeByStatus maps the HTTP statuses of the framework's own refusals to problem codes.
var codeByStatus = map[int]license.Code{
	http.StatusBadRequest:            problem.Malformed,
	http.StatusRequestTimeout:        problem.Timeout,
	http.StatusRequestEntityTooLarge: problem.TooLarge,
	http.StatusUnsupportedMediaType:  problem.UnsupportedMediaType,
	http.StatusUnprocessableEntity:   problem.Invalid,
	http.StatusNotAcceptable:         problem.NotAcceptable,
}

func frameworkProblem(status int, message string, errs []error) *problem.Problem {
	code, ok := codeByStatus[status]
	if !ok {
		return problem.New(license.CodeInternal, "the server failed; its log says why")
	}
	p := problem.New(code, message)
	var details []string
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			continue
		}
		wrong := problem.FieldError{Field: errorField(d), Detail: d.Message}
		p.Errors = append(p.Errors, wrong)
		details = append(details, strings.TrimPrefix(wrong.Field+": "+wrong.Detail, ": "))
	}
	if len(details) > 0 {
		p.Detail = strings.Join(details, "; ")
	}
	return p
}

// listIndex is the place of an item as the framework writes it.
var listIndex = regexp.MustCompile(`\[(\d+)\]`)

// errorField returns the member that a detail is about, in the request's own words: without the part of the request, and also for a
// member that is missing.
func errorField(d *huma.ErrorDetail) string {
	_, at, _ := strings.Cut(d.Location, ".")
	at = listIndex.ReplaceAllString(at, ".$1") // as the domain writes it
	var missing string
	for _, form := range []string{"expected required property %s to be present", outOfRangePrefix + "%s", repeatedPrefix + "%s",
		notUTF8Prefix + "%s"} {
		if n, _ := fmt.Sscanf(d.Message, form, &missing); n == 1 {
			return strings.TrimPrefix(at+"."+missing, ".")
		}
	}
	return at
}

// toProblem makes the answer to an error, and logs one that is our own fault.
func (a *API) toProblem(ctx context.Context, err error) error {
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		return err // it is an answer already
	}
	var denied *access.Error
	if !errors.As(err, &denied) {
		p := problem.FromError(err)
		if p.Status >= http.StatusInternalServerError {
			a.Log.ErrorContext(ctx, "a request failed", "error", err)
		}
		return p
	}
	p := problem.New(license.Code(denied.Code), denied.Detail)
	if denied.RetryAfter == 0 {
		return p
	}
	seconds := int(math.Ceil(denied.RetryAfter.Seconds()))
	return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// writeProblem sends a refusal from before a handler.
func (a *API) writeProblem(hc huma.Context, err error) {
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		for name, values := range headers.GetHeaders() {
			hc.SetHeader(name, values[0])
		}
	}
	p := problem.FromError(err)
	hc.SetHeader("Content-Type", problem.MediaType)
	hc.SetStatus(p.Status)
	_, _ = humafiber.Unwrap(hc).Write(p.JSON())
}

// acceptsMediaType tells whether a body of the media type is for the operation.
func (op operation) acceptsMediaType(kind string) bool {
	if len(op.mediaTypes) == 0 {
		return kind == "application/json"
	}
	return slices.Contains(op.mediaTypes, kind)
}

func unsupportedMediaType(op operation) error {
	if len(op.mediaTypes) == 0 {
		return problem.New(problem.UnsupportedMediaType, "the body must be JSON, sent as Content-Type: application/json")
	}
	return problem.New(problem.UnsupportedMediaType, "the body must be sent with a Content-Type out of "+strings.Join(op.mediaTypes, ", "))
}
