package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// Invitation lets somebody become a member.
type Invitation struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Role      string    `json:"role" enum:"owner,admin,developer,support,viewer"`
	InvitedBy string    `json:"invited_by"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
}

// InviteMemberInput is an invitation to be made.
type InviteMemberInput struct {
	Email string `json:"email"`
	Role  string `json:"role" enum:"owner,admin,developer,support,viewer"`
}

// CreatedInvitation is a new invitation.
type CreatedInvitation struct {
	Invitation
	Link string `json:"link,omitempty"`
}

// AcceptInvitationInput makes a member of whoever was invited.
type AcceptInvitationInput struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// ChangeEmailInput changes one's own.
type ChangeEmailInput struct {
	Password string `json:"password"`
	Email    string `json:"email"`
}

// RequestPasswordResetInput asks for a link to set a new password.
type RequestPasswordResetInput struct {
	Email string `json:"email"`
}

// VerifyEmailInput holds the token of a verification link.
type VerifyEmailInput struct {
	Token string `json:"token"`
}

// ResetPasswordInput is set by who has a link.
type ResetPasswordInput struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

// OneTimeLink is one to be passed on.
type OneTimeLink struct {
	Link string `json:"link,omitempty"`
}

func toInvitation(i access.Invitation) Invitation {
	return Invitation{string(i.ID), i.Email, string(i.Role), string(i.InvitedBy), timestamp(i.Created), timestamp(i.Expires)}
}

// registerInvitations registers what is done by links that were sent or passed on.
func (a *API) registerInvitations() {
	const tag = "members"
	addRoute(a, operation{
		method: "POST", path: "/invitations", id: "inviteMember", tag: tag, action: access.EditMembers, status: http.StatusCreated,
		summary: "Invite a person to become a member; the invitation is valid for a week",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[InviteMemberInput]) (*response[CreatedInvitation], error) {
		org, err := a.Catalogue.Organisation(ctx, who.Organisation())
		if err != nil {
			return nil, err
		}
		i, link, err := a.Access.Invite(ctx, who, org.Name, in.Body.Email, access.Role(in.Body.Role))
		auditNoteFrom(ctx).newRecord = toInvitation(i)
		return reply(CreatedInvitation{toInvitation(i), link}, err)
	})
	addRoute(a, operation{
		method: "GET", path: "/invitations", id: "listInvitations", tag: tag, action: access.EditMembers,
		summary: "List pending invitations, newest first",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Invitation]], error) {
		found, err := a.Access.Invitations(ctx, who.Organisation(), in.page())
		return replyList(found, err, toInvitation)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/invitations/{id}", id: "revokeInvitation", tag: tag, action: access.EditMembers, status: http.StatusNoContent,
		summary: "Revoke an invitation",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.RevokeInvitation(ctx, who.Organisation(), in.id())
	})
	addRoute(a, operation{
		method: "POST", path: "/accept-invitation", id: "acceptInvitation", tag: tag, action: access.ActionAnyone, status: http.StatusCreated,
		summary: "Accept an invitation: become a member and log in",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[AcceptInvitationInput]) (*sessionResponse, error) {
		token, who, err := a.Access.AcceptInvitation(ctx, in.Body.Token, in.Body.Name, in.Body.Password, clientAddress(ctx))
		return a.newSessionResponse(ctx, token, who, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/members/{id}/password-link", id: "createPasswordLink", tag: tag, action: access.EditMembers,
		summary: "Create a link with which a member sets a new password",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[OneTimeLink], error) {
		link, err := a.Access.CreateResetLink(ctx, who, in.id())
		return reply(OneTimeLink{link}, err)
	})
	a.registerEmailAndPassword()
}

// registerEmailAndPassword are about one's own e-mail address and password.
func (a *API) registerEmailAndPassword() {
	const tag = "session"
	addRoute(a, operation{
		method: "PUT", path: "/session/email", id: "changeEmail", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Change your e-mail address",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[ChangeEmailInput]) (*empty, error) {
		return nil, a.Access.ChangeEmail(ctx, who, in.Body.Password, in.Body.Email, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "POST", path: "/session/email/verification", id: "sendEmailVerification", tag: tag, action: access.ActionSelf,
		status:  http.StatusNoContent,
		summary: "Mail a link to verify your e-mail address",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*empty, error) {
		return nil, a.Access.SendVerification(ctx, who)
	})
	addRoute(a, operation{
		method: "POST", path: "/email/verify", id: "verifyEmail", tag: tag, action: access.ActionAnyone, status: http.StatusNoContent,
		summary: "Verify an e-mail address with the link mailed to it",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[VerifyEmailInput]) (*empty, error) {
		m, err := a.Access.VerifyEmail(ctx, in.Body.Token, clientAddress(ctx))
		return noteLinkOwner(ctx, m, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/password/reset-request", id: "requestPasswordReset", tag: tag, action: access.ActionAnyone,
		status:  http.StatusAccepted,
		summary: "Request a link to reset a password; the response is the same for unknown addresses",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[RequestPasswordResetInput]) (*empty, error) {
		auditNoteFrom(ctx).email = in.Body.Email
		return nil, a.Access.RequestPasswordReset(ctx, in.Body.Email, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "POST", path: "/password/reset", id: "resetPassword", tag: tag, action: access.ActionAnyone, status: http.StatusNoContent,
		summary: "Reset a password with a link and end all sessions",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[ResetPasswordInput]) (*empty, error) {
		m, err := a.Access.ResetPassword(ctx, in.Body.Token, in.Body.Password, clientAddress(ctx))
		return noteLinkOwner(ctx, m, err)
	})
}

// noteLinkOwner notes whose link it was: they have no session, and it was they who did it.
func noteLinkOwner(ctx context.Context, m access.Member, err error) (*empty, error) {
	if err == nil {
		auditNoteFrom(ctx).who = access.Identity{Member: m}
	}
	return nil, err
}
