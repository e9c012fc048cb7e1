package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
)

// Waiting is one place in the line for slots of an entitlement.
type Waiting struct {
	Entitlement string     `json:"entitlement"`
	Activation  string     `json:"activation"`
	Position    int64      `json:"position" doc:"From 1."`
	Since       time.Time  `json:"since"`
	Until       time.Time  `json:"until" doc:"When it is passed over, unless it asks again."`
	Expected    *time.Time `json:"expected,omitempty" doc:"When enough of the slots that are held now will have lapsed, if nobody renews or returns one. Absent: fewer are held."`
}

// Queue is all who wait.
type Queue struct {
	Items []Waiting `json:"items" nullable:"false"`
}

// Hold is slots that are kept for somebody.
type Hold struct {
	ID          string    `json:"id"`
	Entitlement string    `json:"entitlement"`
	Slots       int64     `json:"slots"`
	Note        string    `json:"note,omitempty"`
	Activation  string    `json:"activation,omitempty"`
	Part        string    `json:"part,omitempty" doc:"Name of the part of the fingerprint by which the holder is known."`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
}

// Holds is all of a license.
type Holds struct {
	Items []Hold `json:"items" nullable:"false"`
}

// HoldNew is a hold to be made: for an installation, or for whoever has a part.
type HoldNew struct {
	Entitlement string     `json:"entitlement"`
	Slots       int64      `json:"slots,omitempty" minimum:"0" maximum:"4000" doc:"Default: 1. All holds of a license have at most 4000."`
	Note        string     `json:"note,omitempty" doc:"For people: who it is for."`
	Activation  string     `json:"activation,omitempty" doc:"The installation that it is for."`
	Part        *PartValue `json:"part,omitempty" doc:"Or a part of the fingerprint of whom it is for, such as a user's name that the program tells."`
	From        *time.Time `json:"from,omitempty" doc:"Default: now."`
	Until       time.Time  `json:"until"`
}

type HoldPathInput struct {
	IDPathInput
	Hold string `path:"hold" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
}

func toHold(h licensing.Hold) Hold {
	return Hold{string(h.ID), h.Entitlement, h.Slots, h.Note, string(h.Activation), h.Part.Name, timestamp(h.From), timestamp(h.Until)}
}

// registerQueueAndHolds registers who waits for slots, and for whom some are kept.
func (a *API) registerQueueAndHolds() {
	const tag = "activations"
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/queue", id: "queue", tag: tag, action: access.ReadLicenses,
		summary: "List who waits for slots, by entitlement and in order",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Queue], error) {
		all, err := a.Leasing.Queue(ctx, who.Organisation(), in.id())
		q := Queue{Items: []Waiting{}}
		for _, w := range all {
			q.Items = append(q.Items, Waiting{w.Entitlement, string(w.Activation), w.Position, timestamp(w.Since), timestamp(w.Until), optionalTimestamp(w.Expected)})
		}
		return reply(q, err)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/holds", id: "holds", tag: tag, action: access.ReadLicenses,
		summary: "List the slots that are kept for somebody",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Holds], error) {
		all, err := a.Leasing.Holds(ctx, who.Organisation(), in.id())
		h := Holds{Items: []Hold{}}
		for _, one := range all {
			h.Items = append(h.Items, toHold(one))
		}
		return reply(h, err)
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/holds", id: "createHold", tag: tag, action: access.EditLicenses, status: http.StatusCreated,
		summary: "Keep slots for a user or a machine; who has one now keeps it",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[HoldNew]) (*response[Hold], error) {
		b := in.Body
		n := leasing.NewHold{Entitlement: b.Entitlement, Slots: b.Slots, Note: b.Note, Activation: lease.Hash(b.Activation), From: fromOptionalTimestamp(b.From), Until: fromOptionalTimestamp(&b.Until)}
		if b.Part != nil {
			n.Part = licensing.PartValue(*b.Part)
		}
		h, err := a.Leasing.CreateHold(ctx, who.Organisation(), in.id(), n)
		return reply(toHold(h), err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/licenses/{id}/holds/{hold}", id: "deleteHold", tag: tag, action: access.EditLicenses, status: http.StatusNoContent,
		summary: "Let others have what was kept",
	}, func(ctx context.Context, who access.Identity, in *HoldPathInput) (*empty, error) {
		return nil, a.Leasing.DeleteHold(ctx, who.Organisation(), in.id(), license.ID(in.Hold))
	})
}
