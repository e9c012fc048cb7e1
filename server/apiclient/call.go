package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// Operation is one operation of the API, with the Go types of its request body and of its result. The values of this type are generated;
// their comments name the route and the parameters of the query.
type Operation[In, Out any] struct{ method, path string }

// None is the type of a request without a body, and of a result without one.
type None struct{}

// Raw is a request body that is not JSON.
type Raw struct {
	ContentType string
	Data        []byte
}

// List is one page of a list. Next is the cursor of the next page, and empty on the last; Items reads all pages.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// ErrNotModified is the error of a call with IfNoneMatch whose record is still the one that the caller has.
var ErrNotModified = errors.New("the record has not changed")

// maxResult bounds a JSON response; the longest list page is far below it.
const maxResult = 64 << 20

// Call carries out one operation. The error is a *Problem if the server refuses, ErrNotModified, or says why there is no response.
//
// In is None for an operation without a body, and Raw for one that takes no JSON; a body that may be left out is a pointer, which is then
// nil. Out is None for an operation that returns nothing, and io.ReadCloser, which the caller closes, for one that returns no JSON.
func Call[In, Out any](ctx context.Context, c *Client, op Operation[In, Out], in In, options ...Option) (out Out, err error) {
	p := parameters{query: url.Values{}, header: http.Header{}}
	for _, set := range options {
		set(&p)
	}
	request, err := newRequest(ctx, c, op.method, op.path, in, p)
	if err != nil {
		return out, err
	}
	response, err := c.Do(request)
	if err != nil {
		return out, err
	}
	if stream, ok := any(&out).(*io.ReadCloser); ok && response.StatusCode != http.StatusNotModified {
		*stream = response.Body
		return out, nil
	}
	defer response.Body.Close()
	if p.etag != nil {
		*p.etag = response.Header.Get("ETag")
	}
	if response.StatusCode == http.StatusNotModified {
		return out, ErrNotModified
	}
	if _, ok := any(out).(None); ok {
		return out, nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResult)).Decode(&out); err != nil {
		return out, fmt.Errorf("reading the response of %s %s: %w", op.method, op.path, err)
	}
	return out, nil
}

func newRequest(ctx context.Context, c *Client, method, path string, in any, p parameters) (*http.Request, error) {
	path, err := fillPath(path, p.path)
	if err != nil {
		return nil, err
	}
	address := c.URL(path)
	if len(p.query) > 0 {
		address += "?" + p.query.Encode()
	}
	body, contentType, err := encodeBody(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = p.header
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

// encodeBody returns the bytes of a request body and their media type, which is empty when there is no body.
func encodeBody(in any) (body []byte, contentType string, err error) {
	switch in := in.(type) {
	case None:
		return nil, "", nil
	case Raw:
		return in.Data, in.ContentType, nil
	}
	if body, err = json.Marshal(in); err != nil {
		return nil, "", fmt.Errorf("encoding the request: %w", err)
	}
	if string(body) == "null" { // a pointer to a body that is left out
		return nil, "", nil
	}
	return body, "application/json", nil
}

// fillPath replaces the names in braces by values, in order.
func fillPath(path string, values []string) (string, error) {
	if n := strings.Count(path, "{"); n != len(values) {
		return "", fmt.Errorf("the path %s has %d parameters, not %d", path, n, len(values))
	}
	for _, value := range values {
		if strings.Trim(value, ".") == "" {
			return "", fmt.Errorf("the path %s: %q is not a value of a parameter", path, value)
		}
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		// The value cannot hold a brace: PathEscape writes it as %7B.
		path = before + url.PathEscape(value) + after
	}
	return path, nil
}

// Items returns an iterator over all items of a list, which reads page by page:
//
//	for product, err := range apiclient.Items(ctx, client, apiclient.ListProducts) { … }
//
// After an error it ends.
func Items[T any](ctx context.Context, c *Client, op Operation[None, List[T]], options ...Option) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page := options
		for {
			list, err := Call(ctx, c, op, None{}, page...)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range list.Items {
				if !yield(item, nil) {
					return
				}
			}
			if list.Next == "" {
				return
			}
			page = append(options[:len(options):len(options)], Query("cursor", list.Next))
		}
	}
}
