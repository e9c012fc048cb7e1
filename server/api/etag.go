package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Every answer that is one record with a revision has an ETag: the revision, and after a hyphen a hash of the very bytes. If-None-Match
// looks at all of it, for a license that is used changes without being edited. If-Match looks at the revision alone, for an edit is in
// nobody's way but another edit's.

// precondition is the If-Match of a request.
type precondition struct {
	isGiven  bool
	revision int64 // 0: any
}

var errRevisionMismatch = problem.New(problem.PreconditionFailed, "the record is not at the revision in If-Match; read it again")

// parseIfMatch reads the header. What is not one of our tags meets no record.
func parseIfMatch(header string) (precondition, error) {
	header = strings.TrimSpace(header)
	switch {
	case header == "":
		return precondition{}, nil
	case header == "*":
		return precondition{isGiven: true}, nil
	case len(header) < 2 || header[0] != '"' || strings.IndexByte(header[1:], '"') != len(header)-2:
		return precondition{}, &licensing.Invalid{Field: "If-Match", Problem: `is neither * nor one ETag in its quotes, such as "3"`}
	}
	number, _, _ := strings.Cut(strings.Trim(header, `"`), "-")
	revision, err := strconv.ParseInt(number, 10, 64)
	if err != nil || revision < 1 {
		return precondition{}, errRevisionMismatch
	}
	return precondition{isGiven: true, revision: revision}, nil
}

// applyTo puts the condition into an edit, which names its revision in the body too: either is enough, and both must agree.
func (c precondition) applyTo(revision *int64) error {
	switch {
	case revision == nil:
		return nil
	case *revision == 0 && !c.isGiven:
		return &licensing.Invalid{Field: "revision", Problem: "is missing: name the revision that the edit was made from, here or in If-Match"}
	case *revision == 0:
		*revision = c.revision
	case c.revision != 0 && c.revision != *revision:
		return errRevisionMismatch
	}
	return nil
}

// translateError says of a record that has changed what the request's own words were about.
func (c precondition) translateError(err error) error {
	if c.isGiven && errors.Is(err, licensing.ErrStale) {
		return errRevisionMismatch
	}
	return err
}

// call holds the parts of a request beside its typed input, and of its answer beside the typed output.
type call struct {
	ifMatch  precondition
	revision int64 // of the record that is answered
}

// callFromContext gives a request's call; a request that came through no door has an empty one.
func callFromContext(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey).(*call); ok {
		return c
	}
	return &call{}
}

// ifMatchRevision is the revision that a deletion names; 0: any.
func ifMatchRevision(ctx context.Context) int64 { return callFromContext(ctx).ifMatch.revision }

// revisionField finds the member revision in the body of a handler's input or output; nil when there is none.
func revisionField(v reflect.Value) *int64 {
	body := v.FieldByName("Body")
	if body.Kind() != reflect.Struct {
		return nil
	}
	field := body.FieldByName("Revision")
	if !field.IsValid() || field.Kind() != reflect.Int64 {
		return nil
	}
	revision, _ := field.Addr().Interface().(*int64)
	return revision
}

func hasRevision[T any]() bool { return revisionField(reflect.ValueOf(new(T)).Elem()) != nil }

// setETag adds the ETag to an answer that is whole, and leaves out of it what the client has.
func (c *call) setETag(hc huma.Context) {
	response := humafiber.Unwrap(hc).Response()
	if c.revision == 0 || response.StatusCode() >= http.StatusMultipleChoices {
		return
	}
	sum := sha256.Sum256(response.Body())
	tag := fmt.Sprintf(`"%d-%s"`, c.revision, hex.EncodeToString(sum[:8]))
	hc.SetHeader("ETag", tag)
	if isSafeMethod(hc.Method()) && matchesETag(hc.Header("If-None-Match"), tag) {
		response.ResetBody()
		response.Header.Del("Content-Type")
		response.SetStatusCode(http.StatusNotModified)
	}
}

// matchesETag tells whether the client has what the tag stands for.
func matchesETag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}

// describeConditionalHeaders writes the three headers into the document.
func describeConditionalHeaders(o *huma.Operation, tagged, conditional bool) {
	text := &huma.Schema{Type: huma.TypeString}
	if tagged {
		status := strconv.Itoa(max(o.DefaultStatus, http.StatusOK))
		if o.Responses == nil {
			o.Responses = map[string]*huma.Response{}
		}
		o.Responses[status] = &huma.Response{Headers: map[string]*huma.Param{
			"ETag": {Schema: text, Description: "Revision of the record, a hyphen, and a hash of the response."},
		}}
		if o.Method == http.MethodGet {
			o.Parameters = append(o.Parameters, &huma.Param{Name: "If-None-Match", In: "header", Schema: text,
				Description: "ETags of responses already known; the response is 304 if one of them is current."})
			o.Responses[strconv.Itoa(
				http.StatusNotModified)] = &huma.Response{Description: "Not modified: the response is one of those in If-None-Match."}
		}
	}
	if conditional {
		o.Parameters = append(o.Parameters, &huma.Param{Name: "If-Match", In: "header", Schema: text,
			Description: "ETag of the record as it was read, or its revision in quotes, or *. " +
				"The request is refused with precondition_failed if the record was edited since."})
	}
}
