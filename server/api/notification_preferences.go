package api

import (
	"context"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
)

// NoticeChoice is what is told by mail.
type NoticeChoice struct {
	Events []EventType `json:"events" nullable:"false"`
	Chosen bool        `json:"chosen" doc:"False: it is what is usual."`
}

// NoticeEdit chooses what is told by mail.
type NoticeEdit struct {
	Events []EventType `json:"events" nullable:"false" doc:"Empty: nothing."`
}

// registerNotificationPreferences registers the routes of what is told by mail: to oneself, and to owners and admins who have chosen nothing.
func (a *API) registerNotificationPreferences() {
	const tag = "notices"
	for _, of := range []struct {
		path, name, whom string
		action           access.Action
	}{
		{"/session/notices", "MyNotices", "oneself", access.ActionSelf},
		{"/organisation/notices", "OrganisationNotices", "owners and admins who have chosen nothing", access.ManageWebhooks},
	} {
		member := func(who access.Identity) license.ID {
			if of.action == access.ActionSelf {
				return who.Member.ID
			}
			return ""
		}
		read := func(ctx context.Context, who access.Identity) (*response[NoticeChoice], error) {
			c, err := a.Notify.Preferences(ctx, who.Organisation(), member(who))
			return reply(NoticeChoice{toEventTypes(c.Events), c.IsCustom}, err)
		}
		addRoute(a, operation{
			method: "GET", path: of.path, id: "read" + of.name, tag: tag, action: of.action, summary: "Which events are mailed to " + of.whom,
		}, func(ctx context.Context, who access.Identity, _ *empty) (*response[NoticeChoice], error) {
			return read(ctx, who)
		})
		addRoute(a, operation{
			method: "PUT", path: of.path, id: "choose" + of.name, tag: tag, action: of.action, summary: "Choose which events are mailed to " + of.whom,
		}, func(ctx context.Context, who access.Identity, in *bodyInput[NoticeEdit]) (*response[NoticeChoice], error) {
			if err := a.Notify.SetPreferences(ctx, who.Organisation(), member(who), fromEventTypes(in.Body.Events)); err != nil {
				return nil, err
			}
			auditNoteFrom(ctx).newRecord = in.Body
			return read(ctx, who)
		})
		addRoute(a, operation{
			method: "DELETE", path: of.path, id: "reset" + of.name, tag: tag, action: of.action, status: http.StatusNoContent,
			summary: "Have the usual events mailed to " + of.whom + " again",
		}, func(ctx context.Context, who access.Identity, _ *empty) (*empty, error) {
			return nil, a.Notify.SetPreferences(ctx, who.Organisation(), member(who), nil)
		})
	}
}
