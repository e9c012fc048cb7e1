package api

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/problem"
)

// newDocument is the head of the OpenAPI document.
func newDocument() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "One License", Version: "1",
			Description: "Names are snake_case, times RFC 3339 in UTC, durations whole milliseconds. Unknown members are refused. " +
				"Every error is application/problem+json with a stable code. Every request but GET that has a session needs the header " +
				csrfHeader + ".",
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"session": {Type: "apiKey", In: "cookie", Name: sessionCookie,
					Description: "Made by a login. Where the server is reached by TLS, __Host- stands before its name."},
				"token": {Type: "http", Scheme: "bearer",
					Description: "An API token, within its scope (x-action). It wins over a session, and needs no CSRF token."},
			},
		},
	}
}

// completeDocument adds what the types of the handlers do not say: the codes of problems, and the routes that package protocol serves
// without this framework.
func completeDocument(d *huma.OpenAPI) {
	describeMembers(d)
	var codes []any
	for _, code := range append(problem.Codes(), license.CodeRateLimited) {
		codes = append(codes, string(code))
	}
	failure := d.Components.Schemas.Map()["Problem"]
	failure.Extensions = map[string]any{"x-codes": codes}

	failed := &huma.Response{
		Description: "Error",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
	}
	text := func(kind, about string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: huma.TypeString, Description: about}}}
	}
	d.AddOperation(&huma.Operation{
		OperationID: "sync", Method: http.MethodPost, Path: Prefix + "/sync", Tags: []string{"client"},
		Summary: "Exchange a signed request for a lease: activate, report usage, reserve, release, say goodbye",
		Description: "Activates, reports usage, reserves, releases and deactivates (spec/lease.md). " +
			"The device's own signature is the credential.",
		RequestBody: &huma.RequestBody{Required: true,
			Content: text("text/plain", fmt.Sprintf("A signed request: two lines, at most %d bytes.", lease.MaxRequest))},
		Responses: map[string]*huma.Response{
			"200": {Description: "A signed lease; the keyring follows when the client's is another.",
				Content: text("text/plain", "Two or three lines.")},
			"4XX": {Description: "A signed refusal, as text/plain; or, when the request does not parse, an unsigned problem.",
				Content: map[string]*huma.MediaType{
					"text/plain":      {Schema: &huma.Schema{Type: huma.TypeString, Description: "Two lines."}},
					problem.MediaType: failed.Content[problem.MediaType],
				}},
			"default": failed,
		},
	})
	d.AddOperation(&huma.Operation{
		OperationID: "getRevocations", Method: http.MethodGet, Path: Prefix + "/products/{id}/revocations", Tags: []string{"client"},
		Summary: "Download the product's newest revocation list, signed",
		Parameters: []*huma.Param{{
			Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{24}$"},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The newest statement, signed (spec/lease.md), as it is kept beside license files.",
				Content: text("text/plain", "Two lines.")},
			"default": failed,
		},
	})
	d.AddOperation(&huma.Operation{
		OperationID: "getPublicKeys", Method: http.MethodGet, Path: Prefix + "/products/{id}/public-keys", Tags: []string{"client"},
		Summary: "Download the public keys of a product",
		Parameters: []*huma.Param{{
			Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{24}$"},
		}},
		Responses: map[string]*huma.Response{
			"200":     {Description: "An OpenPGP certificate, armored.", Content: text("application/pgp-keys", "ASCII armor.")},
			"default": failed,
		},
	})
}
