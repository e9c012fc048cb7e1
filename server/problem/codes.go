package problem

import (
	"maps"
	"net/http"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Codes of the HTTP surfaces, beside those of spec/verdicts.json. The codes of access (sign-in, tokens, roles) are its own and are
// given a status here too, so that this file is the whole map.
const (
	Invalid              license.Code = "invalid"            // a member of the request is wrong; the field is named
	Malformed            license.Code = "malformed"          // the request does not parse
	NotFound             license.Code = "not_found"          // no such record, or not this organisation's
	NoRoute              license.Code = "no_route"           // no such address
	MethodNotAllowed     license.Code = "method_not_allowed" // not with this method
	Exists               license.Code = "exists"             // the name is taken
	EditConflict         license.Code = "edit_conflict"      // the record was changed since it was read
	HasDependents        license.Code = "not_empty"          // the record has others below it
	TooLarge             license.Code = "too_large"          // the body is larger than allowed
	UnsupportedMediaType license.Code = "media_type"         // the body's type is not served
	NotAcceptable        license.Code = "not_acceptable"     // the answer is not to be had in a type that Accept names
	PreconditionFailed   license.Code = "condition_failed"   // the record is not at the revision that If-Match names
	IdempotencyKeyReused license.Code = "idempotency_reused" // the Idempotency-Key was sent with another request
	IdempotencyKeyInUse  license.Code = "idempotency_in_use" // the first request with this Idempotency-Key is not finished
	Unauthenticated      license.Code = "not_authenticated"  // no credentials
	BadSession           license.Code = "bad_session"        // bad credentials
	SessionExpired       license.Code = "session_expired"    // credentials of the past
	BadToken             license.Code = "bad_token"          // bad API token
	TokenExpired         license.Code = "token_expired"      // API token of the past
	OutOfScope           license.Code = "out_of_scope"       // the API token is not for this
	BadCredentials       license.Code = "bad_credentials"    // wrong e-mail or password
	BadSetupToken        license.Code = "bad_setup_token"    // the one-time token is wrong, used or too old
	AlreadySetUp         license.Code = "already_set_up"     // the server has an owner
	Forbidden            license.Code = "forbidden"          // the role does not allow it
	BadLink              license.Code = "bad_link"           // a link that was sent or passed on is wrong, used or too old
	NoMail               license.Code = "no_mail"            // the server sends no mail
	CodeRequired         license.Code = "code_required"      // a second factor is asked for
	BadCode              license.Code = "bad_code"           // wrong or used code of a second factor
	MFARequired          license.Code = "mfa_required"       // the organisation wants a second factor
	MFAEnabled           license.Code = "mfa_enabled"        // there is a second factor
	MFANotEnrolled       license.Code = "mfa_not_begun"      // there is none
	OIDCNotConfigured    license.Code = "oidc_off"           // the organisation has no provider of logins
	OIDCState            license.Code = "oidc_state"         // a login at the provider was not begun here, or is over
	OIDCRefused          license.Code = "oidc_refused"       // the provider, or what it says, is refused
	OIDCUnavailable      license.Code = "oidc_unavailable"   // the provider does not answer
	OIDCUnverified       license.Code = "oidc_unverified"    // the provider has not verified the address
	OIDCUnknownUser      license.Code = "oidc_stranger"      // who comes from the provider is nobody here
	OIDCUnlinked         license.Code = "oidc_unlinked"      // a member who must link the provider first
	OIDCIdentityInUse    license.Code = "oidc_taken"         // the member has another identity, or the identity another member
	LastOwner            license.Code = "last_owner"         // the organisation would be left without an owner
	BadCSRF              license.Code = "bad_csrf"           // the request does not come from our pages
	HeaderTooLarge       license.Code = "header_too_large"   // the header is larger than allowed
	Timeout              license.Code = "timeout"            // the request did not come in time
	Unavailable          license.Code = "unavailable"        // the store is gone
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

// statusByClass is the status of a verdict's class. Signed refusals travel with these too: the client reads the signed document, the status
// is for people and for what stands in between.
var statusByClass = map[license.Class]int{
	license.ClassOK:      http.StatusOK,
	license.ClassFinal:   http.StatusForbidden,
	license.ClassRetryAt: http.StatusTooManyRequests,
	license.ClassRecover: http.StatusConflict,
	license.ClassRequest: http.StatusBadRequest,
	license.ClassFile:    http.StatusUnprocessableEntity, // a certificate, request or signature that was sent to be taken over
}

// Status is the HTTP status of a code.
func Status(code license.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	if status, ok := statusByClass[code.Verdict().Class]; ok {
		return status
	}
	return http.StatusForbidden
}

// Codes lists the codes of the HTTP surfaces, in order.
func Codes() []license.Code { return slices.Sorted(maps.Keys(statuses)) }

func title(status int) string { return http.StatusText(status) }
