package apiclient

import (
	"context"
	"net/http"
)

// IfMatch makes an edit or a deletion good only for the record as it was read: tag is the ETag of that answer, or the revision in quotes.
func IfMatch(tag string) RequestEditorFn { return setHeader("If-Match", tag) }

// IfNoneMatch asks for a record only if it is not what one has: else the answer is 304.
func IfNoneMatch(tag string) RequestEditorFn { return setHeader("If-None-Match", tag) }

// IdempotencyKey makes a creation happen once, however often it is sent within 24 hours. It is the caller's own and random: a UUID will do.
func IdempotencyKey(key string) RequestEditorFn { return setHeader("Idempotency-Key", key) }

func setHeader(name, value string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set(name, value)
		return nil
	}
}
