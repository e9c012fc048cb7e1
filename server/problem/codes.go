package problem

import (
	"maps"
	"net/http"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// The codes of the HTTP surfaces, in addition to those of spec/verdicts.json. They include the codes of access (sign-in, tokens, roles), so
// that this file maps all codes to a status.
const (
	Invalid              license.Code = "invalid"                // a member of the request is invalid; the field is named
	Malformed            license.Code = "malformed"              // the request cannot be parsed
	NotFound             license.Code = "not_found"              // no such record, or not this organisation's
	NoRoute              license.Code = "no_route"               // no such route
	MethodNotAllowed     license.Code = "method_not_allowed"     // the route does not allow the method
	Exists               license.Code = "exists"                 // the name is taken
	EditConflict         license.Code = "edit_conflict"          // the record was changed since it was read
	HasDependents        license.Code = "has_dependents"         // the record has dependent records
	TooLarge             license.Code = "too_large"              // the body is larger than allowed
	UnsupportedMediaType license.Code = "unsupported_media_type" // the content type is not supported
	NotAcceptable        license.Code = "not_acceptable"         // the answer is not available in a type that Accept allows
	PreconditionFailed   license.Code = "precondition_failed"    // the record is not at the revision that If-Match names
	IdempotencyKeyReused license.Code = "idempotency_reused"     // the Idempotency-Key was sent with another request
	IdempotencyKeyInUse  license.Code = "idempotency_in_use"     // the first request with this Idempotency-Key is not finished
	Unauthenticated      license.Code = "not_authenticated"      // no credentials
	BadSession           license.Code = "bad_session"            // bad credentials
	SessionExpired       license.Code = "session_expired"        // expired session
	BadToken             license.Code = "bad_token"              // bad API token
	TokenExpired         license.Code = "token_expired"          // expired API token
	OutOfScope           license.Code = "out_of_scope"           // the API token lacks the scope
	BadCredentials       license.Code = "bad_credentials"        // wrong e-mail or password
	BadSetupToken        license.Code = "bad_setup_token"        // the one-time token is wrong, used or expired
	AlreadySetUp         license.Code = "already_set_up"         // the server has an owner
	Forbidden            license.Code = "forbidden"              // the role does not allow it
	BadLink              license.Code = "bad_link"               // a one-time link is wrong, used or expired
	NoMail               license.Code = "mail_not_configured"    // the server sends no mail
	CodeRequired         license.Code = "code_required"          // a code of the second factor is required
	BadCode              license.Code = "bad_code"               // wrong or used code of the second factor
	MFARequired          license.Code = "mfa_required"           // the organisation requires a second factor
	MFAEnabled           license.Code = "mfa_enabled"            // a second factor is set up already
	MFANotEnrolled       license.Code = "mfa_not_enrolled"       // no second factor is being set up
	OIDCNotConfigured    license.Code = "oidc_not_configured"    // the organisation has no OIDC provider
	OIDCState            license.Code = "oidc_state"             // the OIDC login was not started here or has expired
	OIDCRefused          license.Code = "oidc_refused"           // the OIDC provider or its token is refused
	OIDCUnavailable      license.Code = "oidc_unavailable"       // the OIDC provider does not respond
	OIDCUnverified       license.Code = "oidc_unverified"        // the provider has not verified the address
	OIDCUnknownUser      license.Code = "oidc_not_a_member"      // the provider's user is no member
	OIDCUnlinked         license.Code = "oidc_unlinked"          // the member has to link the identity first
	OIDCIdentityInUse    license.Code = "oidc_identity_in_use"   // the member or the identity is linked to another one
	LastOwner            license.Code = "last_owner"             // the organisation would be left without an owner
	BadCSRF              license.Code = "bad_csrf"               // the request does not come from the server's pages
	HeaderTooLarge       license.Code = "header_too_large"       // the header is larger than allowed
	Timeout              license.Code = "timeout"                // the request was not received in time
	Unavailable          license.Code = "unavailable"            // the store is unavailable
)

var statuses = map[license.Code]int{
	Invalid:              http.StatusUnprocessableEntity,
	Malformed:            http.StatusBadRequest,
	NotFound:             http.StatusNotFound,
	NoRoute:              http.StatusNotFound,
	MethodNotAllowed:     http.StatusMethodNotAllowed,
	Exists:               http.StatusConflict,
	EditConflict:         http.StatusConflict,
	HasDependents:        http.StatusConflict,
	TooLarge:             http.StatusRequestEntityTooLarge,
	UnsupportedMediaType: http.StatusUnsupportedMediaType,
	NotAcceptable:        http.StatusNotAcceptable,
	PreconditionFailed:   http.StatusPreconditionFailed,
	IdempotencyKeyReused: http.StatusUnprocessableEntity,
	IdempotencyKeyInUse:  http.StatusConflict,
	Unauthenticated:      http.StatusUnauthorized,
	BadSession:           http.StatusUnauthorized,
	SessionExpired:       http.StatusUnauthorized,
	BadToken:             http.StatusUnauthorized,
	TokenExpired:         http.StatusUnauthorized,
	OutOfScope:           http.StatusForbidden,
	BadCredentials:       http.StatusUnauthorized,
	BadSetupToken:        http.StatusForbidden,
	AlreadySetUp:         http.StatusConflict,
	Forbidden:            http.StatusForbidden,
	BadLink:              http.StatusForbidden,
	NoMail:               http.StatusConflict,
	CodeRequired:         http.StatusUnauthorized,
	BadCode:              http.StatusUnauthorized,
	MFARequired:          http.StatusForbidden,
	MFAEnabled:           http.StatusConflict,
	MFANotEnrolled:       http.StatusConflict,
	OIDCNotConfigured:    http.StatusNotFound,
	OIDCState:            http.StatusForbidden,
	OIDCRefused:          http.StatusForbidden,
	OIDCUnavailable:      http.StatusServiceUnavailable,
	OIDCUnverified:       http.StatusForbidden,
	OIDCUnknownUser:      http.StatusForbidden,
	OIDCUnlinked:         http.StatusForbidden,
	OIDCIdentityInUse:    http.StatusForbidden,
	LastOwner:            http.StatusConflict,
	BadCSRF:              http.StatusForbidden,
	HeaderTooLarge:       http.StatusRequestHeaderFieldsTooLarge,
	Timeout:              http.StatusRequestTimeout,
	Unavailable:          http.StatusServiceUnavailable,

	licensing.CodeKeyPendingExists: http.StatusConflict,
	licensing.CodeKeyInUse:         http.StatusConflict,
	licensing.CodeKeyWrongState:    http.StatusConflict,
	licensing.CodeKeyMissing:       http.StatusConflict,
	licensing.CodeNothingToChange:  http.StatusConflict,
	licensing.CodeRootInUse:        http.StatusConflict,
	licensing.CodeNoStatement:      http.StatusNotFound,

	license.CodeUnknownProduct: http.StatusNotFound,
	license.CodeWrongRoot:      http.StatusUnprocessableEntity,
	license.CodeInternal:       http.StatusInternalServerError,
}

// statusByClass maps the class of a verdict to the HTTP status. Signed refusals are sent with these too: the client reads the signed
// document, the status is for people and intermediaries.
var statusByClass = map[license.Class]int{
	license.ClassOK:      http.StatusOK,
	license.ClassFinal:   http.StatusForbidden,
	license.ClassRetryAt: http.StatusTooManyRequests,
	license.ClassRecover: http.StatusConflict,
	license.ClassRequest: http.StatusBadRequest,
	license.ClassFile:    http.StatusUnprocessableEntity, // a certificate, request or signature that was sent to be taken over
}

// Status returns the HTTP status of a code.
func Status(code license.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	if status, ok := statusByClass[code.Verdict().Class]; ok {
		return status
	}
	return http.StatusForbidden
}

// Codes returns the codes of the HTTP surfaces in alphabetical order.
func Codes() []license.Code { return slices.Sorted(maps.Keys(statuses)) }

func title(status int) string { return http.StatusText(status) }
