package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Activation is one installation of the program.
type Activation struct {
	ID            string            `json:"id"`
	Name          string            `json:"name,omitempty"`
	CallsUsed     int64             `json:"calls_used"`
	Generation    int64             `json:"generation"`
	LeaseNumber   int64             `json:"lease_number"`
	Created       time.Time         `json:"created"`
	LastSync      time.Time         `json:"last_sync"`
	Closed        *time.Time        `json:"closed,omitempty"`
	CallsCharged  int64             `json:"calls_charged"`
	Reactivations int64             `json:"reactivations"`
	Cloned        *time.Time        `json:"cloned,omitempty"`
	Evidence      []Evidence        `json:"evidence" nullable:"false"`
	ChangedParts  []string          `json:"changed_parts,omitempty"`
	ChangedAt     *time.Time        `json:"changed_at,omitempty"`
	Address       string            `json:"address,omitempty"`
	Statistics    *lease.Statistics `json:"statistics,omitempty"`
}

// Evidence describes one re-activation, or a machine that was refused as another.
type Evidence struct {
	Time         time.Time `json:"time"`
	Generation   int64     `json:"generation"`
	LeaseNumber  int64     `json:"lease_number"`
	Address      string    `json:"address,omitempty"`
	ChangedParts []string  `json:"changed_parts" nullable:"false"`
	Alternation  bool      `json:"alternation"`
	Refused      bool      `json:"refused"`
	Code         string    `json:"code,omitempty" enum:"cloned,fingerprint_changed"`
}

// Reservation is one slot of an entitlement, held by one installation.
type Reservation struct {
	Activation  string    `json:"activation"`
	Entitlement string    `json:"entitlement"`
	Context     string    `json:"context"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
}

// ActivationPathInput names an installation of a license.
type ActivationPathInput struct {
	IDPathInput
	Activation string `path:"activation" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hex digits"`
}

// ActivationBodyInput names an installation of a license, with a body.
type ActivationBodyInput[T any] struct {
	ActivationPathInput
	Body T
}

// UpdateActivationInput holds the members of an installation that the vendor can change.
type UpdateActivationInput struct {
	Name string `json:"name"`
}

// ReservationPathInput names the reservation of an entitlement by an installation.
type ReservationPathInput struct {
	ActivationPathInput
	Entitlement string `path:"entitlement" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" patternDescription:"a name"`
}

func (b ActivationPathInput) key() licensing.ActivationKey {
	return licensing.ActivationKey{License: b.id(), Activation: lease.Hash(b.Activation)}
}

// registerActivations registers what is known of installations, and how the vendor takes back what they hold.
func (a *API) registerActivations() {
	const tag = "activations"
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/activations", id: "listActivations", tag: tag, action: access.ReadLicenses,
		summary: "List the installations of a license, newest first",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Activation]], error) {
		if _, err := a.Catalogue.License(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that the license is there
		}
		found, err := a.Leasing.Activations(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toActivation)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/activations/{activation}/receipt", id: "getReceipt", tag: tag, action: access.ReadLicenses,
		summary: "Download the last signed lease of an installation: the receipt for the usage it confirms",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Two lines, the second of which signs the first (spec/lease.md).",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *ActivationPathInput) (*fileResponse, error) {
		text, err := a.Leasing.Receipt(ctx, who.Organisation(), in.key())
		if err != nil {
			return nil, err
		}
		return &fileResponse{"text/plain; charset=us-ascii", `attachment; filename="` + in.Activation[:12] + `.receipt.txt"`, text}, nil
	})
	addRoute(a, operation{
		method: "PATCH", path: "/licenses/{id}/activations/{activation}", id: "updateActivation", tag: tag, action: access.EditLicenses,
		status: http.StatusNoContent, summary: "Name an installation",
	}, func(ctx context.Context, who access.Identity, in *ActivationBodyInput[UpdateActivationInput]) (*empty, error) {
		return nil, a.Leasing.NameActivation(ctx, who.Organisation(), in.key(), in.Body.Name)
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/activations/{activation}/clear-evidence", id: "clearEvidence", tag: tag,
		action:  access.DeactivateActivations,
		status:  http.StatusNoContent,
		summary: "Clear the clone flag, the re-activations and the changed fingerprint of an installation, so that it can continue",
	}, func(ctx context.Context, who access.Identity, in *ActivationPathInput) (*empty, error) {
		return nil, a.Leasing.ClearCloneEvidence(ctx, who.Organisation(), in.key())
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/activations/{activation}/deactivate", id: "deactivate", tag: tag,
		action: access.DeactivateActivations,
		status: http.StatusNoContent, summary: "Deactivate an installation and release its slots and its place among the machines",
	}, func(ctx context.Context, who access.Identity, in *ActivationPathInput) (*empty, error) {
		return nil, a.Leasing.Deactivate(ctx, who.Organisation(), in.key())
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/reservations", id: "listReservations", tag: tag, action: access.ReadLicenses,
		summary: "List reserved slots",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Reservation]], error) {
		if _, err := a.Catalogue.License(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that the license is there
		}
		found, err := a.Leasing.Reservations(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toReservation)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/licenses/{id}/activations/{activation}/reservations/{entitlement}", id: "releaseReservation", tag: tag,
		action: access.DeactivateActivations, status: http.StatusNoContent,
		summary: "Release a slot held by an installation; the program learns of it with its next sync",
	}, func(ctx context.Context, who access.Identity, in *ReservationPathInput) (*empty, error) {
		return nil, a.Leasing.FreeReservation(ctx, who.Organisation(), in.key(), in.Entitlement)
	})
}

func toActivation(x licensing.Activation) Activation {
	return Activation{
		string(x.Activation), x.Name, x.Counted, x.Head.Generation, x.Head.Number, timestamp(x.Created), timestamp(x.LastSync),
		optionalTimestamp(x.Closed),
		x.Charged, x.ReactivationCount, optionalTimestamp(x.Reactivations.ClonedSince), toEvidence(x.Reactivations), x.LastReport.Changed,
		optionalTimestamp(x.LastReport.ChangedAt), x.LastReport.Address, x.LastReport.Statistics,
	}
}

func toReservation(x licensing.Reservation) Reservation {
	return Reservation{string(x.Activation), x.Entitlement, x.Context, timestamp(x.Since), timestamp(x.Until)}
}

func toEvidence(p licensing.ReactivationHistory) []Evidence {
	list := make([]Evidence, 0, len(p.Evidence))
	for _, e := range p.Evidence {
		list = append(list, Evidence{timestamp(e.Time), e.Shown.Generation, e.Shown.Number, e.Address, nonNilList(e.ChangedParts), e.Alternation,
			e.Refused, string(e.Code)})
	}
	return list
}

// nonNilList is never null on the wire.
func nonNilList(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
