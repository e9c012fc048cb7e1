package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/problem"
)

// extraErrors are the codes that do not follow from what an operation is.
var extraErrors = func() map[string][]license.Code {
	own := map[string][]license.Code{}
	for _, group := range []struct {
		ids   string
		codes []license.Code
	}{
		{"setUp", []license.Code{problem.BadSetupToken, problem.AlreadySetUp, problem.BadLink, license.CodeRateLimited}},
		{"login", []license.Code{problem.BadCredentials, problem.CodeRequired, problem.BadCode, license.CodeRateLimited}},
		{"changePassword changeEmail", []license.Code{license.CodeRateLimited, problem.Exists}},
		{"acceptInvitation verifyEmail resetPassword", []license.Code{problem.BadLink, problem.Exists, license.CodeRateLimited}},
		{"requestPasswordReset sendEmailVerification", []license.Code{problem.NoMail, license.CodeRateLimited}},
		{"enrolMFA confirmMFA disableMFA createRecoveryCodes",
			[]license.Code{problem.MFAEnabled, problem.MFANotEnrolled, problem.BadCode, problem.CodeRequired, license.CodeRateLimited}},
		{"oidcLogin linkIdentity oidcCallback", []license.Code{problem.OIDCNotConfigured, problem.OIDCUnavailable, license.CodeRateLimited}},
		{"oidcCallback", []license.Code{problem.OIDCState, problem.OIDCRefused, problem.OIDCUnverified, problem.OIDCUnknownUser,
			problem.OIDCUnlinked, problem.OIDCIdentityInUse,
			problem.CodeRequired, problem.BadCode}},
		{"updateMember removeMember disableMember", []license.Code{problem.LastOwner}},
		{"listLicenses", []license.Code{problem.NotFound}},
		{"importOrganisation", []license.Code{problem.HasDependents}},
		{"createProduct", []license.Code{"keyring_invalid", "root_in_use"}},
		{"addKey importCertificate cancelKeyRequest compromiseKey promoteKey retireKey",
			[]license.Code{"key_missing", "key_in_use", "key_wrong_state", "key_pending_exists", "keyring_invalid", "nothing_to_change",
				"root_in_use", "wrong_root"}},
		{"getLicenseFile", []license.Code{"key_missing"}},
		{"attachLicenseSignature", []license.Code{"key_missing", "key_expired", "key_unknown", "signature_encoding", "signature_format",
			"signature_future",
			"signature_invalid", "signature_type"}},
	} {
		for _, id := range strings.Fields(group.ids) {
			own[id] = append(own[id], group.codes...)
		}
	}
	return own
}()

// possibleErrors lists the codes of the problems that an operation can answer with. The tests hold each refusal that they meet to this
// list.
func (op operation) possibleErrors(edits, hasBody bool) []license.Code {
	codes := append([]license.Code{license.CodeInternal, problem.Unavailable, problem.Invalid, problem.NotAcceptable}, extraErrors[op.id]...)
	add := func(when bool, more ...license.Code) {
		if when {
			codes = append(codes, more...)
		}
	}
	known := op.action != access.ActionAnyone
	add(known, problem.Unauthenticated, problem.BadSession, problem.SessionExpired, problem.BadToken, problem.TokenExpired, problem.Forbidden,
		problem.OutOfScope,
		problem.MFARequired)
	add(known && !isSafeMethod(op.method), problem.BadCSRF)
	add(strings.Contains(op.path, "{"), problem.NotFound)
	add(true, problem.UnsupportedMediaType, problem.TooLarge) // a body that nobody asked for is looked at too
	add(hasBody, problem.Malformed)
	add(!isSafeMethod(op.method), problem.PreconditionFailed)
	add(edits || op.conditional || !isSafeMethod(op.method) && strings.Contains(op.path, "{"), problem.EditConflict)
	add(op.takesIdempotencyKey(), problem.IdempotencyKeyReused, problem.IdempotencyKeyInUse)
	add(op.status == http.StatusCreated || op.method == http.MethodPatch, problem.Exists)
	add(op.method == http.MethodDelete, problem.HasDependents)
	slices.Sort(codes)
	return slices.Compact(codes)
}

// describeErrors writes them into the document, and the form that every refusal has.
func describeErrors(o *huma.Operation, codes []license.Code) {
	if o.Extensions == nil {
		o.Extensions = map[string]any{}
	}
	o.Extensions["x-codes"] = codes
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses["default"] = &huma.Response{
		Description: "Error",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
	}
}
