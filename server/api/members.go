package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// MemberDetails is a member of the organisation, as colleagues see them.
type MemberDetails struct {
	Member
	EmailVerified bool      `json:"email_verified"`
	Disabled      bool      `json:"disabled"`
	Revision      int64     `json:"revision"`
	Created       time.Time `json:"created"`
}

// UpdateMemberInput changes what it names and leaves the rest.
type UpdateMemberInput struct {
	Revision int64   `json:"revision,omitempty" minimum:"1"`
	Name     *string `json:"name,omitempty"`
	Role     *string `json:"role,omitempty" enum:"owner,admin,developer,support,viewer"`
}

// ActiveSession is one of one's logins.
type ActiveSession struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	AuthMethod string    `json:"auth_method"`
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
}

// SessionPathInput names one of one's sessions.
type SessionPathInput struct {
	Session string `path:"session" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hex digits"`
}

func toMember(m access.Member) Member {
	return Member{string(m.ID), m.Name, m.Email, string(m.Role)}
}

func toMemberDetails(m access.Member) MemberDetails {
	return MemberDetails{Member: toMember(m), EmailVerified: m.Verified, Disabled: m.Disabled, Revision: m.Revision,
		Created: timestamp(m.Created)}
}

// registerMembers registers the routes of people and of their sessions.
func (a *API) registerMembers() {
	const tag = "members"
	addRoute(a, operation{
		method: "GET", path: "/members", id: "listMembers", tag: tag, action: access.ReadMembers,
		summary: "List members, newest first",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[MemberDetails]], error) {
		found, err := a.Access.Members(ctx, who.Organisation(), in.page())
		return replyList(found, err, toMemberDetails)
	})
	addRoute(a, operation{
		method: "GET", path: "/members/{id}", id: "getMember", tag: tag, action: access.ReadMembers,
		summary: "Read a member",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[MemberDetails], error) {
		m, err := a.Access.Member(ctx, who.Organisation(), in.id())
		return reply(toMemberDetails(m), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/members/{id}", id: "updateMember", tag: tag, action: access.EditMembers,
		summary: "Update the name or role of a member",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateMemberInput]) (*response[MemberDetails], error) {
		m, err := a.Access.EditMember(ctx, who, in.id(), in.Body.Revision,
			access.MemberEdit{Name: in.Body.Name, Role: (*access.Role)(in.Body.Role)})
		return reply(toMemberDetails(m), err)
	})
	for _, op := range []operation{
		{path: "/members/{id}/disable", id: "disableMember", summary: "Disable a member: end their sessions and stop their tokens"},
		{path: "/members/{id}/enable", id: "enableMember", summary: "Enable a disabled member"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditMembers
		disabled := op.id == "disableMember"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[MemberDetails], error) {
			m, err := a.Access.EditMember(ctx, who, in.id(), 0, access.MemberEdit{Disabled: &disabled})
			return reply(toMemberDetails(m), err)
		})
	}
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}", id: "removeMember", tag: tag, action: access.EditMembers, status: http.StatusNoContent,
		conditional: true, summary: "Remove a member from the organisation and delete their sessions and tokens",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.RemoveMember(ctx, who, in.id(), ifMatchRevision(ctx))
	})
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}/sessions", id: "endMemberSessions", tag: tag, action: access.EditMembers,
		status:  http.StatusNoContent,
		summary: "End all sessions of a member",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.EndSessions(ctx, who, in.id())
	})
	addRoute(a, operation{
		method: "GET", path: "/sessions", id: "listSessions", tag: "session", action: access.ActionSelf,
		summary: "List your sessions, newest first",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[List[ActiveSession]], error) {
		all, err := a.Access.Sessions(ctx, who)
		return replyList(licensing.Listing[access.Session]{Items: all}, err, func(s access.Session) ActiveSession {
			return ActiveSession{string(s.ID), s.ID == who.Session.ID, string(s.AuthMethod), timestamp(s.Created), timestamp(s.Expires)}
		})
	})
	addRoute(a, operation{
		method: "DELETE", path: "/sessions/{session}", id: "endSession", tag: "session", action: access.ActionSelf, status: http.StatusNoContent,
		summary: "End one of your sessions",
	}, func(ctx context.Context, who access.Identity, in *SessionPathInput) (*empty, error) {
		return nil, a.Access.EndSession(ctx, who, lease.Hash(in.Session))
	})
}
