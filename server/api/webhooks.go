package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/notify"
)

// EventType says what happened.
type EventType string

// Schema lists them all.
func (EventType) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "What happened; docs/events.md."}
	for _, t := range notify.EventTypes() {
		s.Enum = append(s.Enum, string(t))
	}
	return s
}

// Event is something that happened, as it is also sent to webhooks.
type Event struct {
	ID        string           `json:"id"`
	Type      EventType        `json:"type"`
	Timestamp time.Time        `json:"timestamp"`
	Data      notify.EventData `json:"data"`
}

// Webhook is an address that events are sent to.
type Webhook struct {
	ID             string      `json:"id"`
	Name           string      `json:"name"`
	URL            string      `json:"url"`
	Events         []EventType `json:"events" nullable:"false"`
	Disabled       bool        `json:"disabled"`
	DisabledReason string      `json:"disabled_reason,omitempty"`
	Revision       int64       `json:"revision"`
	Created        time.Time   `json:"created"`
}

// CreateWebhookInput is a webhook to be made.
type CreateWebhookInput struct {
	Name   string      `json:"name,omitempty" maxLength:"200"`
	URL    string      `json:"url" maxLength:"2000"`
	Events []EventType `json:"events" nullable:"false" minItems:"1"`
}

// CreatedWebhook is a webhook with its secret.
type CreatedWebhook struct {
	Webhook
	Secret string `json:"secret"`
}

// UpdateWebhookInput changes what it names and leaves the rest.
type UpdateWebhookInput struct {
	Revision int64        `json:"revision,omitempty" minimum:"1"`
	Name     *string      `json:"name,omitempty" maxLength:"200"`
	URL      *string      `json:"url,omitempty" maxLength:"2000"`
	Events   *[]EventType `json:"events,omitempty" minItems:"1"`
	Disabled *bool        `json:"disabled,omitempty"`
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID          string            `json:"id"`
	Event       string            `json:"event"`
	Type        string            `json:"type"`
	State       notify.State      `json:"state" enum:"pending,delivered,failed"`
	Created     time.Time         `json:"created"`
	NextAttempt *time.Time        `json:"next_attempt,omitempty"`
	Body        string            `json:"body"`
	Attempts    []DeliveryAttempt `json:"attempts" nullable:"false"`
}

// DeliveryAttempt is one request and what came of it.
type DeliveryAttempt struct {
	Time            time.Time `json:"time"`
	DurationMS      int64     `json:"duration_ms"`
	Status          int       `json:"status,omitempty"`
	Error           string    `json:"error,omitempty"`
	ResponseExcerpt string    `json:"response_excerpt,omitempty"`
}

// DeliveryPathInput names one of a webhook's.
type DeliveryPathInput struct {
	IDPathInput
	Delivery string `path:"delivery" pattern:"^[0-9a-f]{24}\\.evt_[0-9a-f]{24,32}$" patternDescription:"the id of a delivery"`
}

func toWebhook(w notify.Webhook) Webhook {
	return Webhook{string(w.ID), w.Name, w.URL, toEventTypes(w.Events), w.Disabled, w.DisabledReason, w.Revision, timestamp(w.Created)}
}

func toEventTypes(list []events.Type) []EventType {
	types := make([]EventType, 0, len(list))
	for _, t := range list {
		types = append(types, EventType(t))
	}
	return types
}

func fromEventTypes(list []EventType) []events.Type {
	types := make([]events.Type, 0, len(list))
	for _, t := range list {
		types = append(types, events.Type(t))
	}
	return types
}

func toDelivery(d notify.Delivery) Delivery {
	described := Delivery{ID: d.ID, Event: d.Event, Type: string(d.Type), State: d.State, Created: timestamp(d.Created),
		NextAttempt: optionalTimestamp(d.NextAttempt), Body: d.Body,
		Attempts: make([]DeliveryAttempt, 0, len(d.Attempts))}
	for _, a := range d.Attempts {
		described.Attempts = append(described.Attempts, DeliveryAttempt{timestamp(a.Time), a.DurationMS, a.Status, a.Error, a.ResponseExcerpt})
	}
	return described
}

// registerEvents registers the routes of what happened.
func (a *API) registerEvents() {
	const tag = "events"
	for _, op := range []operation{
		{path: "/events", id: "listEvents", summary: "List events of the last 90 days (of installations 14 days), newest first"},
		{path: "/licenses/{id}/events", id: "listLicenseEvents",
			summary: "List events of a license of the last 90 days (of its installations 14 days), newest first"},
	} {
		op.method, op.tag, op.action = "GET", tag, access.ReadLicenses
		list := func(ctx context.Context, who access.Identity, of license.ID, in PageInput) (*response[List[Event]], error) {
			found, err := a.Notify.Events(ctx, who.Organisation(), of, in.page())
			return replyList(found, err, func(e notify.Event) Event { return Event{e.ID, EventType(e.Type), e.Timestamp, e.Data} })
		}
		if op.id == "listEvents" {
			addRoute(a, op, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Event]], error) {
				return list(ctx, who, "", *in)
			})
			continue
		}
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Event]], error) {
			if _, err := a.Catalogue.License(ctx, who.Organisation(), in.id()); err != nil {
				return nil, err // an empty list would say that the license is there
			}
			return list(ctx, who, in.id(), in.PageInput)
		})
	}
}

// registerWebhooks registers the routes of webhooks and their deliveries.
func (a *API) registerWebhooks() {
	const tag = "webhooks"
	addRoute(a, operation{
		method: "POST", path: "/webhooks", id: "createWebhook", tag: tag, action: access.ManageWebhooks, status: http.StatusCreated,
		summary: "Create a webhook",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[CreateWebhookInput]) (*response[CreatedWebhook], error) {
		secret, w, err := a.Notify.CreateWebhook(ctx, notify.Webhook{
			Org: who.Organisation(), Name: in.Body.Name, URL: in.Body.URL, Events: fromEventTypes(in.Body.Events),
		})
		return reply(CreatedWebhook{toWebhook(w), secret}, err)
	})
	addRoute(a, operation{
		method: "GET", path: "/webhooks", id: "listWebhooks", tag: tag, action: access.ManageWebhooks,
		summary: "List webhooks, newest first",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Webhook]], error) {
		found, err := a.Notify.Webhooks(ctx, who.Organisation(), in.page())
		return replyList(found, err, toWebhook)
	})
	addRoute(a, operation{
		method: "GET", path: "/webhooks/{id}", id: "getWebhook", tag: tag, action: access.ManageWebhooks,
		summary: "Read a webhook",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Webhook], error) {
		w, err := a.Notify.Webhook(ctx, who.Organisation(), in.id())
		return reply(toWebhook(w), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/webhooks/{id}", id: "updateWebhook", tag: tag, action: access.ManageWebhooks,
		summary: "Update, disable or enable a webhook",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateWebhookInput]) (*response[Webhook], error) {
		w, err := a.Notify.Webhook(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		assignRevision(&w.Revision, in.Body.Revision)
		assign(&w.Name, in.Body.Name)
		assign(&w.URL, in.Body.URL)
		assign(&w.Disabled, in.Body.Disabled)
		if in.Body.Events != nil {
			w.Events = fromEventTypes(*in.Body.Events)
		}
		w, err = a.Notify.UpdateWebhook(ctx, w)
		return reply(toWebhook(w), err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/webhooks/{id}", id: "deleteWebhook", tag: tag, action: access.ManageWebhooks, status: http.StatusNoContent,
		conditional: true, summary: "Delete a webhook; its pending deliveries are not sent",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Notify.DeleteWebhook(ctx, who.Organisation(), in.id(), ifMatchRevision(ctx))
	})
	addRoute(a, operation{
		method: "POST", path: "/webhooks/{id}/secret", id: "rotateWebhookSecret", tag: tag, action: access.ManageWebhooks,
		summary: "Create a new secret; for a day requests are signed with the old one too",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[CreatedWebhook], error) {
		secret, w, err := a.Notify.RotateSecret(ctx, who.Organisation(), in.id())
		return reply(CreatedWebhook{toWebhook(w), secret}, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/webhooks/{id}/test", id: "testWebhook", tag: tag, action: access.ManageWebhooks, status: http.StatusCreated,
		summary: "Send a test event, even to a disabled webhook",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Delivery], error) {
		d, err := a.Notify.TestWebhook(ctx, who.Organisation(), in.id())
		return reply(toDelivery(d), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/webhooks/{id}/deliveries", id: "listDeliveries", tag: tag, action: access.ManageWebhooks,
		summary: "List the deliveries of a webhook of the last 30 days, newest first",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Delivery]], error) {
		if _, err := a.Notify.Webhook(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that the webhook is there
		}
		found, err := a.Notify.Deliveries(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toDelivery)
	})
	addRoute(a, operation{
		method: "GET", path: "/webhooks/{id}/deliveries/{delivery}", id: "getDelivery", tag: tag, action: access.ManageWebhooks,
		summary: "Read a delivery",
	}, func(ctx context.Context, who access.Identity, in *DeliveryPathInput) (*response[Delivery], error) {
		d, err := a.Notify.Delivery(ctx, who.Organisation(), in.id(), in.Delivery)
		return reply(toDelivery(d), err)
	})
	addRoute(a, operation{
		method: "POST", path: "/webhooks/{id}/deliveries/{delivery}/replay", id: "replayDelivery", tag: tag, action: access.ManageWebhooks,
		summary: "Send an event again with the same id",
	}, func(ctx context.Context, who access.Identity, in *DeliveryPathInput) (*response[Delivery], error) {
		d, err := a.Notify.Replay(ctx, who.Organisation(), in.id(), in.Delivery)
		return reply(toDelivery(d), err)
	})
}
