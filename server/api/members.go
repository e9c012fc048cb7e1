package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Person is a member of the organisation, as colleagues see them.
type Person struct {
	Member
	EmailVerified bool      `json:"email_verified" doc:"Mail to the address reaches the person."`
	Disabled      bool      `json:"disabled"`
	Revision      int64     `json:"revision"`
	Created       time.Time `json:"created"`
}

// PersonEdit changes what it names and leaves the rest.
type PersonEdit struct {
	Revision int64   `json:"revision,omitempty" minimum:"1" doc:"Of the person as it was read; needed unless If-Match names it. Refused with edit_conflict when it has changed since."`
	Name     *string `json:"name,omitempty"`
	Role     *string `json:"role,omitempty" enum:"owner,admin,developer,support,viewer" doc:"Owners are made and changed by owners alone."`
}

// OpenSession is one of one's logins.
type OpenSession struct {
	ID      string    `json:"id"`
	Current bool      `json:"current" doc:"The one that asks."`
	Via     string    `json:"via" doc:"How one proved to be it."`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// SessionPathInput names one of one's sessions.
type SessionPathInput struct {
	Session string `path:"session" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hex digits"`
}

func toMember(m access.Member) Member {
	return Member{string(m.ID), m.Name, m.Email, string(m.Role)}
}

func toMemberDetails(m access.Member) Person {
	return Person{Member: toMember(m), EmailVerified: m.Verified, Disabled: m.Disabled, Revision: m.Revision, Created: timestamp(m.Created)}
}

// registerMembers registers the routes of people and of their sessions.
func (a *API) registerMembers() {
	const tag = "members"
	addRoute(a, operation{
		method: "GET", path: "/members", id: "members", tag: tag, action: access.ReadMembers,
		summary: "List the people of one's organisation, newest first",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Person]], error) {
		found, err := a.Access.Members(ctx, who.Organisation(), in.page())
		return replyList(found, err, toMemberDetails)
	})
	addRoute(a, operation{
		method: "GET", path: "/members/{id}", id: "member", tag: tag, action: access.ReadMembers,
		summary: "Read a person",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Person], error) {
		m, err := a.Access.Member(ctx, who.Organisation(), in.id())
		return reply(toMemberDetails(m), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/members/{id}", id: "editMember", tag: tag, action: access.EditMembers,
		summary: "Edit a person's name and role",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[PersonEdit]) (*response[Person], error) {
		m, err := a.Access.EditMember(ctx, who, in.id(), in.Body.Revision, access.MemberEdit{Name: in.Body.Name, Role: (*access.Role)(in.Body.Role)})
		return reply(toMemberDetails(m), err)
	})
	for _, op := range []operation{
		{path: "/members/{id}/disable", id: "disableMember", summary: "Shut a person out: sessions end, tokens stop"},
		{path: "/members/{id}/enable", id: "enableMember", summary: "Let a person in again"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditMembers
		disabled := op.id == "disableMember"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Person], error) {
			m, err := a.Access.EditMember(ctx, who, in.id(), 0, access.MemberEdit{Disabled: &disabled})
			return reply(toMemberDetails(m), err)
		})
	}
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}", id: "removeMember", tag: tag, action: access.EditMembers, status: http.StatusNoContent,
		conditional: true, summary: "Take a person out of the organisation, with sessions and tokens",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.RemoveMember(ctx, who, in.id(), ifMatchRevision(ctx))
	})
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}/sessions", id: "endMemberSessions", tag: tag, action: access.EditMembers, status: http.StatusNoContent,
		summary: "End all sessions of a person",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.EndSessions(ctx, who, in.id())
	})
	addRoute(a, operation{
		method: "GET", path: "/sessions", id: "sessions", tag: "session", action: access.ActionSelf,
		summary: "List one's sessions, newest first",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[List[OpenSession]], error) {
		all, err := a.Access.Sessions(ctx, who)
		return replyList(licensing.Listing[access.Session]{Items: all}, err, func(s access.Session) OpenSession {
			return OpenSession{string(s.ID), s.ID == who.Session.ID, string(s.AuthMethod), timestamp(s.Created), timestamp(s.Expires)}
		})
	})
	addRoute(a, operation{
		method: "DELETE", path: "/sessions/{session}", id: "endSession", tag: "session", action: access.ActionSelf, status: http.StatusNoContent,
		summary: "End one of one's sessions",
	}, func(ctx context.Context, who access.Identity, in *SessionPathInput) (*empty, error) {
		return nil, a.Access.EndSession(ctx, who, lease.Hash(in.Session))
	})
}
