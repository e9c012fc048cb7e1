package apicmd

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/apiclient"
	"github.com/onelicense/onelicense/spec"
)

// passwordVariable can hold the password of the member in --as, if standard input is needed for something else.
const passwordVariable = "ONELICENSE_PASSWORD"

// codeVariable can hold the code of a second factor. A code is valid once, so it is used only when the server asks for it.
const (
	codeVariable = "ONELICENSE_CODE"
	codeRequired = "code_required"
)

// sessionTransport sends requests in a member's session, which lasts for one command and is never stored.
type sessionTransport struct {
	cookie, csrf string
	next         http.RoundTripper
}

// RoundTrip implements http.RoundTripper. It keeps the cookie that the login sets.
func (s *sessionTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.cookie != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Cookie", s.cookie)
		r.Header.Set("X-CSRF-Token", s.csrf)
	}
	response, err := s.next.RoundTrip(r)
	if err == nil && s.cookie == "" && response.StatusCode == http.StatusCreated {
		s.cookie, _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
	}
	return response, err
}

// loginAsPerson logs in the member of --as, for operations that no token may use. The function that it returns logs out.
func (s *Settings) loginAsPerson(cmd *cobra.Command, t serverTarget) (*apiclient.Client, func() error, error) {
	session := &sessionTransport{next: s.transport()}
	client, err := s.newClient(serverTarget{URL: t.URL}, session)
	if err != nil {
		return nil, nil, err
	}
	login := apiclient.LoginInput{Email: s.as, Password: os.Getenv(passwordVariable)}
	if login.Password == "" {
		if login.Password, err = readSecret(cmd, "Password of "+s.as+": ", passwordVariable); err != nil {
			return nil, nil, err
		}
	}
	who, err := apiclient.Call(cmd.Context(), client, apiclient.Login, login)
	var p *apiclient.Problem
	if errors.As(err, &p) && p.Code == codeRequired {
		code := os.Getenv(codeVariable)
		if code == "" {
			if !terminalFD(cmd.InOrStdin()) {
				return nil, nil, HintedError{
					err,
					"set " + codeVariable + " to the code, or run the command in a terminal, which asks for it",
				}
			}
			if code, err = readSecret(cmd, "Code of the second factor: ", codeVariable); err != nil {
				return nil, nil, err
			}
		}
		login.Code = &code
		who, err = apiclient.Call(cmd.Context(), client, apiclient.Login, login)
	}
	if err != nil {
		return nil, nil, err
	}
	session.csrf = who.CSRFToken
	logout := func() error {
		_, err := apiclient.Call(context.WithoutCancel(cmd.Context()), client, apiclient.Logout, apiclient.None{})
		var p *apiclient.Problem
		if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
			return nil // the command itself ended the session
		}
		return err
	}
	return client, logout, nil
}

// createToken creates a token for this machine with all permissions of the member in --as, and returns its secret.
func (s *Settings) createToken(cmd *cobra.Command, t serverTarget) (secret string, err error) {
	client, logout, err := s.loginAsPerson(cmd, t)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, logout()) }()
	who, err := whoami(cmd.Context(), client)
	if err != nil {
		return "", err
	}
	scope, err := scopesOf(string(who.Member.Role))
	if err != nil {
		return "", err
	}
	host, _ := os.Hostname()
	token, err := apiclient.Call(cmd.Context(), client, apiclient.CreateToken,
		apiclient.CreateTokenInput{Name: "onelicense on " + cmp.Or(host, "a machine"), Scope: scope})
	return token.Secret, err
}

func whoami(ctx context.Context, client *apiclient.Client) (apiclient.Session, error) {
	return apiclient.Call(ctx, client, apiclient.GetSession, apiclient.None{})
}

// scopesOf returns the actions that the role allows and a token can have.
func scopesOf(role string) ([]apiclient.Scope, error) {
	operations, err := parseDocument(spec.OpenAPI)
	if err != nil {
		return nil, err
	}
	var all []apiclient.Scope
	for _, op := range operations {
		scope := apiclient.Scope(op.Action)
		if slices.Contains(apiclient.ScopeValues, scope) && slices.Contains(op.Roles, role) && !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all, nil
}
