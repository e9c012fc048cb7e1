package apiclient

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Option is a parameter of one call.
type Option func(*parameters)

type parameters struct {
	path   []string
	query  url.Values
	header http.Header
	etag   *string
}

// Path gives the values of the parameters in the operation's path, in order.
func Path(values ...string) Option { return func(p *parameters) { p.path = values } }

// Query sets a parameter of the query: a text, number or boolean, a time.Time, or a list of texts.
func Query(name string, value any) Option {
	var text string
	switch value := value.(type) {
	case time.Time:
		text = value.Format(time.RFC3339Nano)
	case []string:
		text = strings.Join(value, ",")
	default:
		text = fmt.Sprint(value)
	}
	return func(p *parameters) { p.query.Set(name, text) }
}

// IfMatch makes an edit or a deletion valid only for the record as it was read. tag is the ETag of that response; IfRevision takes the
// record's revision instead.
func IfMatch(tag string) Option { return setHeader("If-Match", tag) }

// IfRevision makes an edit or a deletion valid only while the record has this revision.
func IfRevision(revision int64) Option {
	return setHeader("If-Match", fmt.Sprintf("%q", fmt.Sprint(revision)))
}

// IfNoneMatch asks for a record only if it is another one than the caller has; otherwise the error is ErrNotModified.
func IfNoneMatch(tag string) Option { return setHeader("If-None-Match", tag) }

// IdempotencyKey makes a creation happen once, however often it is sent within 24 hours. Choose a new random key, such as a UUID, for each
// thing to create.
func IdempotencyKey(key string) Option { return setHeader("Idempotency-Key", key) }

// ReadETag stores the ETag of the response in *tag.
func ReadETag(tag *string) Option { return func(p *parameters) { p.etag = tag } }

func setHeader(name, value string) Option { return func(p *parameters) { p.header.Set(name, value) } }
