package api_test

import (
	"maps"
)

// Permissions of the routes for invitations, links, two-factor authentication and access settings.
func init() {
	maps.Copy(permissions, map[string]permission{
		"POST /members/{id}/password-link": {"oa", nil},
		"DELETE /members/{id}/mfa":         {"oa", nil},
		"POST /invitations":                {"oa", map[string]any{"email": "", "role": "viewer"}},
		"GET /invitations":                 {"oa", nil},
		"DELETE /invitations/{id}":         {"oa", nil},
		"GET /organisation/access":         {"o", nil},
		"PUT /organisation/access":         {"o", map[string]any{"revision": 9, "require_mfa": false}},

		"GET /oidc/login":    {"", nil},
		"GET /oidc/callback": {"", nil},
		"POST /session/oidc": {"oadsv", nil},

		"POST /accept-invitation":          {"", map[string]any{"token": "", "name": "", "password": ""}},
		"POST /email/verify":               {"", map[string]any{"token": ""}},
		"POST /password/reset-request":     {"", map[string]any{"email": ""}},
		"POST /password/reset":             {"", map[string]any{"token": "", "password": ""}},
		"PUT /session/email":               {"oadsv", map[string]any{"password": "", "email": ""}},
		"POST /session/email/verification": {"oadsv", nil},
		"GET /session/mfa":                 {"oadsv", nil},
		"POST /session/mfa":                {"oadsv", nil},
		"POST /session/mfa/confirm":        {"oadsv", map[string]any{"code": ""}},
		"POST /session/mfa/recovery-codes": {"oadsv", map[string]any{"password": "", "code": ""}},
		"POST /session/mfa/disable":        {"oadsv", map[string]any{"password": "", "code": ""}},
	})
}
