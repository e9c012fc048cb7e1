package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/apiclient"
	"github.com/onelicense/onelicense/spec"
)

// passwordVariable holds the password of the person in --as, where standard input is needed for something else.
const passwordVariable = "ONELICENSE_PASSWORD"

// codeVariable holds the code of a second factor. It is good once, so it is asked for only where the server wants it.
const (
	codeVariable = "ONELICENSE_CODE"
	codeRequired = "code_required"
)

// sessionTransport is a person's login, kept for one command line and never written down.
type sessionTransport struct {
	cookie, csrf string
	next         http.RoundTripper
}

// RoundTrip sends a request as the person.
func (s *sessionTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.cookie != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Cookie", s.cookie)
		r.Header.Set("X-CSRF-Token", s.csrf)
	}
	return s.next.RoundTrip(r)
}

// loginAsPerson logs in the person of --as, for what no token may do.
func (s *Settings) loginAsPerson(cmd *cobra.Command, t serverTarget) (*apiclient.Client, func() error, error) {
	session := &sessionTransport{next: s.transport()}
	client, err := s.newClient(serverTarget{URL: t.URL}, session)
	if err != nil {
		return nil, nil, err
	}
	login := apiclient.Login{Email: s.as, Password: os.Getenv(passwordVariable)}
	if login.Password == "" {
		if login.Password, err = readSecret(cmd, "Password of "+s.as+": ", passwordVariable); err != nil {
			return nil, nil, err
		}
	}
	answer, err := client.LoginWithResponse(cmd.Context(), login)
	var p *apiclient.Problem
	if errors.As(err, &p) && p.Code == codeRequired {
		code := os.Getenv(codeVariable)
		if code == "" {
			if !terminalFD(cmd.InOrStdin()) {
				return nil, nil, HintedError{err, "give the code in " + codeVariable + ", or call from a terminal, which asks for it"}
			}
			if code, err = readSecret(cmd, "Code of the second factor: ", codeVariable); err != nil {
				return nil, nil, err
			}
		}
		login.Code = &code
		answer, err = client.LoginWithResponse(cmd.Context(), login)
	}
	if err != nil {
		return nil, nil, err
	}
	who, err := wantResponse(answer.JSON201, answer)
	if err != nil {
		return nil, nil, err
	}
	cookie, _, _ := strings.Cut(answer.HTTPResponse.Header.Get("Set-Cookie"), ";")
	session.cookie, session.csrf = cookie, who.CsrfToken
	leave := func() error {
		_, err := client.LogoutWithResponse(context.WithoutCancel(cmd.Context()))
		var p *apiclient.Problem
		if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
			return nil // the call itself ended the session
		}
		return err
	}
	return client, leave, nil
}

// createToken makes a token for this machine, which may do all that the person may.
func (s *Settings) createToken(cmd *cobra.Command, t serverTarget) (secret string, err error) {
	client, leave, err := s.loginAsPerson(cmd, t)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, leave()) }()
	who, err := whoami(cmd.Context(), client)
	if err != nil {
		return "", err
	}
	scope, err := scopesOf(string(who.Member.Role))
	if err != nil {
		return "", err
	}
	host, _ := os.Hostname()
	made, err := client.CreateTokenWithResponse(cmd.Context(), apiclient.TokenNew{Name: "onelicense on " + cmp.Or(host, "a machine"), Scope: scope})
	if err != nil {
		return "", err
	}
	token, err := wantResponse(made.JSON201, made)
	if err != nil {
		return "", err
	}
	return token.Secret, nil
}

func whoami(ctx context.Context, client *apiclient.Client) (*apiclient.Session, error) {
	answer, err := client.SessionWithResponse(ctx)
	if err != nil {
		return nil, err
	}
	return wantResponse(answer.JSON200, answer)
}

// wantResponse is the body of an answer, if it has the one that it should have.
func wantResponse[T any](body *T, answer interface{ Status() string }) (*T, error) {
	if body == nil {
		return nil, fmt.Errorf("the server answers %s, but not as this API does", answer.Status())
	}
	return body, nil
}

// scopesOf are the actions that a role allows and a token can be given.
func scopesOf(role string) ([]apiclient.TokenNewScope, error) {
	operations, err := parseDocument(spec.OpenAPI)
	if err != nil {
		return nil, err
	}
	var all []apiclient.TokenNewScope
	for _, op := range operations {
		if scope := apiclient.TokenNewScope(op.Action); scope.Valid() && slices.Contains(op.Roles, role) && !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all, nil
}
