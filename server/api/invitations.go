package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// Invitation lets somebody become a member.
type Invitation struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Role    string    `json:"role" enum:"owner,admin,developer,support,viewer"`
	By      string    `json:"by" doc:"The member who invites."`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until"`
}

// InvitationNew is an invitation to be made.
type InvitationNew struct {
	Email string `json:"email"`
	Role  string `json:"role" enum:"owner,admin,developer,support,viewer" doc:"Owners are invited by owners alone."`
}

// InvitationMade is a new invitation.
type InvitationMade struct {
	Invitation
	Link string `json:"link,omitempty" doc:"To be passed on; it is shown here and never again. Absent where the server has mailed it."`
}

// Acceptance makes a member of whoever was invited.
type Acceptance struct {
	Token    string `json:"token" doc:"From the link."`
	Name     string `json:"name"`
	Password string `json:"password" doc:"12 characters or more."`
}

// Email changes one's own.
type Email struct {
	Password string `json:"password"`
	Email    string `json:"email" doc:"The new one. It counts as not verified until the link that is mailed there is opened."`
}

// Forgotten asks for a link to set a new password.
type Forgotten struct {
	Email string `json:"email"`
}

// LinkToken is what a link holds.
type LinkToken struct {
	Token string `json:"token" doc:"From the link."`
}

// NewPassword is set by who has a link.
type NewPassword struct {
	Token    string `json:"token" doc:"From the link."`
	Password string `json:"password" doc:"12 characters or more."`
}

// Link is one to be passed on.
type Link struct {
	Link string `json:"link,omitempty" doc:"Absent where the server has mailed it."`
}

func toInvitation(i access.Invitation) Invitation {
	return Invitation{string(i.ID), i.Email, string(i.Role), string(i.InvitedBy), timestamp(i.Created), timestamp(i.Expires)}
}

// registerInvitations registers what is done by links that were sent or passed on.
func (a *API) registerInvitations() {
	const tag = "members"
	addRoute(a, operation{
		method: "POST", path: "/invitations", id: "invite", tag: tag, action: access.EditMembers, status: http.StatusCreated,
		summary: "Invite a person, for a week",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[InvitationNew]) (*response[InvitationMade], error) {
		org, err := a.Catalogue.Organisation(ctx, who.Organisation())
		if err != nil {
			return nil, err
		}
		i, link, err := a.Access.Invite(ctx, who, org.Name, in.Body.Email, access.Role(in.Body.Role))
		auditNoteFrom(ctx).newRecord = toInvitation(i)
		return reply(InvitationMade{toInvitation(i), link}, err)
	})
	addRoute(a, operation{
		method: "GET", path: "/invitations", id: "invitations", tag: tag, action: access.EditMembers,
		summary: "List the invitations that were not accepted yet, newest first",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Invitation]], error) {
		found, err := a.Access.Invitations(ctx, who.Organisation(), in.page())
		return replyList(found, err, toInvitation)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/invitations/{id}", id: "revokeInvitation", tag: tag, action: access.EditMembers, status: http.StatusNoContent,
		summary: "Take an invitation back",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.RevokeInvitation(ctx, who.Organisation(), in.id())
	})
	addRoute(a, operation{
		method: "POST", path: "/join", id: "acceptInvitation", tag: tag, action: access.ActionAnyone, status: http.StatusCreated,
		summary: "Become a member, and log in",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[Acceptance]) (*sessionResponse, error) {
		token, who, err := a.Access.AcceptInvitation(ctx, in.Body.Token, in.Body.Name, in.Body.Password, clientAddress(ctx))
		return a.newSessionResponse(ctx, token, who, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/members/{id}/password", id: "memberPassword", tag: tag, action: access.EditMembers,
		summary: "Make a link by which a person sets a new password",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Link], error) {
		link, err := a.Access.CreateResetLink(ctx, who, in.id())
		return reply(Link{link}, err)
	})
	a.registerEmailAndPassword()
}

// registerEmailAndPassword are about one's own e-mail address and password.
func (a *API) registerEmailAndPassword() {
	const tag = "session"
	addRoute(a, operation{
		method: "PUT", path: "/session/email", id: "changeEmail", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Change one's e-mail address",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[Email]) (*empty, error) {
		return nil, a.Access.ChangeEmail(ctx, who, in.Body.Password, in.Body.Email, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "POST", path: "/session/email/verification", id: "sendVerification", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Mail a link that proves one's e-mail address",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*empty, error) {
		return nil, a.Access.SendVerification(ctx, who)
	})
	addRoute(a, operation{
		method: "POST", path: "/verification", id: "verifyEmail", tag: tag, action: access.ActionAnyone, status: http.StatusNoContent,
		summary: "Prove an e-mail address with the link that was mailed there",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[LinkToken]) (*empty, error) {
		m, err := a.Access.VerifyEmail(ctx, in.Body.Token, clientAddress(ctx))
		return noteLinkOwner(ctx, m, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/password/forgotten", id: "forgottenPassword", tag: tag, action: access.ActionAnyone, status: http.StatusAccepted,
		summary: "Ask for a link to set a new password; the answer does not tell whether the address is known",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[Forgotten]) (*empty, error) {
		auditNoteFrom(ctx).email = in.Body.Email
		return nil, a.Access.RequestPasswordReset(ctx, in.Body.Email, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "POST", path: "/password/reset", id: "resetPassword", tag: tag, action: access.ActionAnyone, status: http.StatusNoContent,
		summary: "Set a new password with a link, which ends all sessions",
	}, func(ctx context.Context, _ access.Identity, in *bodyInput[NewPassword]) (*empty, error) {
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
