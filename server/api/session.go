package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/audit"
)

// Member is a person, as others see them.
type Member struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role" enum:"owner,admin,developer,support,viewer"`
}

// Session is one's own login.
type Session struct {
	Member       Member       `json:"member"`
	Organisation Organisation `json:"organisation"`
	CSRF         string       `json:"csrf_token"`
	Expires      *time.Time   `json:"expires,omitempty"`
	Scope        []Scope      `json:"scope,omitempty" nullable:"false"`
}

// Organisation is a vendor's account.
type Organisation struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// SetupInput makes the first owner.
type SetupInput struct {
	Token        string `json:"token"`
	Organisation string `json:"organisation"`
	Name         string `json:"name"`
	Email        string `json:"email"`
	Password     string `json:"password"`
}

// LoginInput holds the credentials of a person.
type LoginInput struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Code     string `json:"code,omitempty"`
}

// ChangePasswordInput changes one's own.
type ChangePasswordInput struct {
	CurrentPassword string `json:"current_password"`
	NewPassword     string `json:"new_password"`
}

type sessionResponse struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   Session
}

type logoutResponse struct {
	Cookie http.Cookie `header:"Set-Cookie"`
}

// registerSession registers how people get in and out.
func (a *API) registerSession() {
	const tag = "session"
	addRoute(a, operation{
		method: "POST", path: "/setup", id: "setUp", tag: tag, action: access.ActionAnyone, status: http.StatusCreated,
		summary: "Create the organisation and its owner with the one-time token, and log in",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[SetupInput]) (*sessionResponse, error) {
		f := access.SetupInput(in.Body)
		if auditNoteFrom(ctx).serverAction = audit.ActionSetUp; f.IsAdditionalOrganisation() {
			auditNoteFrom(ctx).serverAction = audit.ActionCreateOrganisation
		}
		token, who, err := a.Access.SetUp(ctx, f, clientAddress(ctx))
		return a.newSessionResponse(ctx, token, who, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/session", id: "login", tag: tag, action: access.ActionAnyone, status: http.StatusCreated,
		summary: "Log in",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[LoginInput]) (*sessionResponse, error) {
		auditNoteFrom(ctx).email = in.Body.Email
		token, who, err := a.Access.Login(ctx, in.Body.Email, in.Body.Password, in.Body.Code, clientAddress(ctx))
		return a.newSessionResponse(ctx, token, who, err)
	})
	addRoute(a, operation{
		method: "GET", path: "/session", id: "getSession", tag: tag, action: access.ActionWhoami,
		summary: "Read who is logged in, with the CSRF token or the API token's permissions",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[Session], error) {
		s, err := a.toSession(ctx, who)
		return reply(s, err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/session", id: "logout", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Log out",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*logoutResponse, error) {
		return &logoutResponse{a.newSessionCookie("")}, a.Access.Logout(ctx, who)
	})
	addRoute(a, operation{
		method: "PUT", path: "/session/password", id: "changePassword", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Change your password and end your other sessions",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[ChangePasswordInput]) (*empty, error) {
		return nil, a.Access.ChangePassword(ctx, who, in.Body.CurrentPassword, in.Body.NewPassword, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "GET", path: "/organisation", id: "getOrganisation", tag: "organisation", action: access.ReadCatalogue,
		summary: "Read the organisation",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[Organisation], error) {
		s, err := a.toSession(ctx, who)
		return reply(s.Organisation, err)
	})
}

func (a *API) newSessionResponse(ctx context.Context, token string, who access.Identity, err error) (*sessionResponse, error) {
	if err != nil {
		return nil, err
	}
	auditNoteFrom(ctx).who = who
	s, err := a.toSession(ctx, who)
	if err != nil {
		return nil, err
	}
	return &sessionResponse{a.newSessionCookie(token), s}, nil
}

func (a *API) toSession(ctx context.Context, who access.Identity) (Session, error) {
	org, err := a.Catalogue.Organisation(ctx, who.Organisation())
	if err != nil {
		return Session{}, err
	}
	described := Session{
		Member:       toMember(who.Member),
		Organisation: Organisation{string(org.ID), org.Name, timestamp(org.Created)},
		CSRF:         who.CSRF,
		Expires:      optionalTimestamp(who.Session.Expires),
	}
	if who.Token != nil {
		t := toToken(*who.Token)
		described.Expires, described.Scope = t.Expires, t.Scope
	}
	return described, nil
}
