// Package spec is the folder of specifications. Programs get from it what they read while they run.
package spec

import _ "embed"

// OpenAPI is the description of the HTTP API.
//
//go:embed openapi.json
var OpenAPI []byte

// Verdicts is the table of verdicts: their codes, and what each means.
//
//go:embed verdicts.json
var Verdicts []byte
