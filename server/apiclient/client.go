// Package apiclient is the Go client of the management API. Start with New; Call carries out one operation:
//
//	c, err := apiclient.New("https://licenses.example.com", apiclient.Options{Token: token})
//	…
//	product, err := apiclient.Call(ctx, c, apiclient.CreateProduct, apiclient.CreateProductInput{Name: "CAD"})
//	var p *apiclient.Problem
//	if errors.As(err, &p) && p.Code == "exists" { … }
//
// Items reads a list of any length. Parameters of the path, the query and the header are options of the call. The operations and the types
// are generated from spec/openapi.json.
package apiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// apiPrefix begins every path of the document.
const apiPrefix = "/api/v1"

// Options configure a client.
type Options struct {
	Token     string       // API token; empty: only operations that need no login
	UserAgent string       // User-Agent header; empty: Go's own
	HTTP      *http.Client // nil: one with a timeout of a minute for each request

	// Sleep waits before a request is sent again; nil: by the clock. It must return an error as soon as the context ends.
	Sleep func(context.Context, time.Duration) error
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base    string
	options Options
}

// New returns a client of the server at an address such as https://licenses.example.com. The server_url that programs are configured with,
// which ends with /api/v1 and the fingerprint of a key, is accepted too.
func New(server string, o Options) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("the server's address %q is not of the form https://host", server)
	}
	u.Fragment = ""
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), apiPrefix)
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: time.Minute}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Client{base: u.String(), options: o}, nil
}

// URL returns the address of a path of the document, such as /api/v1/products.
func (c *Client) URL(path string) string { return c.base + path }

// Do sends a request with the client's token, and sends it again where that is safe and the server is unavailable or limits the rate. A
// response that is not a success is returned as a *Problem. Call uses it; call it directly for what Call cannot do.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	if c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	if c.options.UserAgent != "" {
		request.Header.Set("User-Agent", c.options.UserAgent)
	}
	response, err := c.doWithRetry(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	return response, problemOf(request, response)
}

// withoutURL removes the method and the address, which the caller knows, from an error of net/http.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) && !u.Timeout() {
		return u.Err
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
