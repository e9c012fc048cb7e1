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

// QueueEntry is one place in the line for slots of an entitlement.
type QueueEntry struct {
	Entitlement string     `json:"entitlement"`
	Activation  string     `json:"activation"`
	Position    int64      `json:"position"`
	Since       time.Time  `json:"since"`
	Until       time.Time  `json:"until"`
	Expected    *time.Time `json:"expected,omitempty"`
}

// Hold is slots that are kept for somebody.
type Hold struct {
	ID          string    `json:"id"`
	Entitlement string    `json:"entitlement"`
	Slots       int64     `json:"slots"`
	Note        string    `json:"note,omitempty"`
	Activation  string    `json:"activation,omitempty"`
	Part        string    `json:"part,omitempty"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
}

// CreateHoldInput is a hold to be made: for an installation, or for whoever has a part.
type CreateHoldInput struct {
	Entitlement string           `json:"entitlement"`
	Slots       int64            `json:"slots,omitempty" minimum:"0" maximum:"4000"`
	Note        string           `json:"note,omitempty"`
	Activation  string           `json:"activation,omitempty"`
	Part        *FingerprintPart `json:"part,omitempty"`
	From        *time.Time       `json:"from,omitempty"`
	Until       time.Time        `json:"until"`
}

// HoldPathInput names a hold of a license.
type HoldPathInput struct {
	IDPathInput
	Hold string `path:"hold" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
}

func toQueueEntry(q leasing.Waiting) QueueEntry {
	return QueueEntry{q.Entitlement, string(q.Activation), q.Position, timestamp(q.Since), timestamp(q.Until), optionalTimestamp(q.Expected)}
}

func toHold(h licensing.Hold) Hold {
	return Hold{string(h.ID), h.Entitlement, h.Slots, h.Note, string(h.Activation), h.Part.Name, timestamp(h.From), timestamp(h.Until)}
}

// registerQueueAndHolds registers who waits for slots, and for whom some are kept.
func (a *API) registerQueueAndHolds() {
	const tag = "activations"
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/queue", id: "listQueue", tag: tag, action: access.ReadLicenses,
		summary: "List the installations waiting for slots, by entitlement and position",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[List[QueueEntry]], error) {
		queue, err := a.Leasing.Queue(ctx, who.Organisation(), in.id())
		return replyList(licensing.Listing[leasing.Waiting]{Items: queue}, err, toQueueEntry)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/holds", id: "listHolds", tag: tag, action: access.ReadLicenses,
		summary: "List the holds of a license: slots kept for a user or machine",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[List[Hold]], error) {
		holds, err := a.Leasing.Holds(ctx, who.Organisation(), in.id())
		return replyList(licensing.Listing[licensing.Hold]{Items: holds}, err, toHold)
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/holds", id: "createHold", tag: tag, action: access.EditLicenses, status: http.StatusCreated,
		summary: "Hold slots for a user or machine; slots in use are not taken away",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[CreateHoldInput]) (*response[Hold], error) {
		b := in.Body
		n := leasing.NewHold{Entitlement: b.Entitlement, Slots: b.Slots, Note: b.Note, Activation: lease.Hash(b.Activation),
			From: fromOptionalTimestamp(b.From), Until: fromOptionalTimestamp(&b.Until)}
		if b.Part != nil {
			n.Part = licensing.PartValue(*b.Part)
		}
		h, err := a.Leasing.CreateHold(ctx, who.Organisation(), in.id(), n)
		return reply(toHold(h), err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/licenses/{id}/holds/{hold}", id: "deleteHold", tag: tag, action: access.EditLicenses,
		status:  http.StatusNoContent,
		summary: "Delete a hold; its slots become available to all",
	}, func(ctx context.Context, who access.Identity, in *HoldPathInput) (*empty, error) {
		return nil, a.Leasing.DeleteHold(ctx, who.Organisation(), in.id(), license.ID(in.Hold))
	})
}
