// Package apiclient is the management API for Go programs: one method for each route, with the types of its requests and answers.
//
// Start with New. An answer that is no success is a *Problem, with its code:
//
//	c, err := apiclient.New("https://licenses.example.com", apiclient.Options{Token: token})
//	…
//	made, err := c.CreateProductWithResponse(ctx, apiclient.ProductNew{Name: "CAD"})
//	var p *apiclient.Problem
//	if errors.As(err, &p) && p.Code == "exists" { … }
//	…
//	made.JSON201.ID
//
// All walks through a list of any length. The methods and types are generated from spec/openapi.json.
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

// apiPrefix of every route; it is a part of the paths in the document.
const apiPrefix = "/api/v1"

// Options are what a client can be given beside the address.
type Options struct {
	Token     string       // an API token; empty: only what is open to everybody
	UserAgent string       // User-Agent
	HTTP      *http.Client // nil: one that gives up on a request after a minute

	// Sleep waits before a request is sent again; nil: by the clock. It ends early, with an error, when the context does.
	Sleep func(context.Context, time.Duration) error
}

// Client speaks to one server. It may be used by several goroutines.
type Client struct {
	*ClientWithResponses
	base    string
	options Options
}

// New makes a client of the server at an address such as https://licenses.example.com. The server_url that programs are configured with,
// with /api/v1 and the fingerprint of a key at its end, means the same.
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
	c := &Client{base: u.String(), options: o}
	c.ClientWithResponses, err = NewClientWithResponses(c.base, WithHTTPClient(c))
	return c, err
}

// URL is the address of a path of the document, such as /api/v1/products.
func (c *Client) URL(path string) string { return c.base + path }

// Do sends a request with the client's token, and again where that is safe and the server asks for it. An answer that is no success is a
// *Problem. The methods of the routes all go through it; it is for requests that none of them makes.
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

// withoutURL leaves out the method and the address, which the caller knows.
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
