package api

import (
	"context"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
)

// NotificationPreferences lists the events that are sent by e-mail.
type NotificationPreferences struct {
	Events   []EventType `json:"events" nullable:"false"`
	IsCustom bool        `json:"is_custom"`
}

// UpdateNotificationsInput chooses what is told by mail.
type UpdateNotificationsInput struct {
	Events []EventType `json:"events" nullable:"false"`
}

// registerNotificationPreferences registers the routes that choose which events are mailed: to the caller, and to the owners and admins of
// the organisation who have not chosen for themselves.
func (a *API) registerNotificationPreferences() {
	const tag = "notifications"
	for _, of := range []struct {
		path, name, read, choose, reset string
		action                          access.Action
	}{
		{
			"/session/notifications", "MyNotifications", "Read which events are mailed to you", "Choose which events are mailed to you",
			"Reset your e-mail notifications to the default", access.ActionSelf,
		},
		{
			"/organisation/notifications", "OrganisationNotifications",
			"Read which events are mailed to owners and admins without a choice of their own",
			"Choose which events are mailed to owners and admins without a choice of their own",
			"Reset the organisation's e-mail notifications to the default", access.ManageWebhooks,
		},
	} {
		member := func(who access.Identity) license.ID {
			if of.action == access.ActionSelf {
				return who.Member.ID
			}
			return ""
		}
		read := func(ctx context.Context, who access.Identity) (*response[NotificationPreferences], error) {
			c, err := a.Notify.Preferences(ctx, who.Organisation(), member(who))
			return reply(NotificationPreferences{toEventTypes(c.Events), c.IsCustom}, err)
		}
		addRoute(a, operation{
			method: "GET", path: of.path, id: "get" + of.name, tag: tag, action: of.action, summary: of.read,
		}, func(ctx context.Context, who access.Identity, _ *empty) (*response[NotificationPreferences], error) {
			return read(ctx, who)
		})
		addRoute(a, operation{
			method: "PUT", path: of.path, id: "update" + of.name, tag: tag, action: of.action, summary: of.choose,
		}, func(ctx context.Context, who access.Identity, in *bodyInput[UpdateNotificationsInput]) (*response[NotificationPreferences], error) {
			if err := a.Notify.SetPreferences(ctx, who.Organisation(), member(who), fromEventTypes(in.Body.Events)); err != nil {
				return nil, err
			}
			auditNoteFrom(ctx).newRecord = in.Body
			return read(ctx, who)
		})
		addRoute(a, operation{
			method: "DELETE", path: of.path, id: "reset" + of.name, tag: tag, action: of.action, status: http.StatusNoContent, summary: of.reset,
		}, func(ctx context.Context, who access.Identity, _ *empty) (*empty, error) {
			return nil, a.Notify.SetPreferences(ctx, who.Organisation(), member(who), nil)
		})
	}
}
