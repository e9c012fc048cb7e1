package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Version is one release line of a product, with the default policy of its licenses.
type Version struct {
	ID          string            `json:"id"`
	Product     string            `json:"product"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Archived    bool              `json:"archived"`
	Released    *time.Time        `json:"released,omitempty"`
	Policy      Policy            `json:"policy"`
	Metadata    map[string]string `json:"metadata"`
	Revision    int64             `json:"revision"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// Policy is how licenses behave. Durations are milliseconds.
type Policy struct {
	Type                 lease.PolicyType            `json:"type" enum:"calls,time,time_and_calls,perpetual"`
	Trigger              lease.Trigger               `json:"trigger" enum:"every_call,interval"`
	Interval             int64                       `json:"interval"`
	MaxRetries           int                         `json:"max_retries"`
	Grace                int64                       `json:"grace"`
	ActivationDelay      int64                       `json:"activation_delay"`
	ActivationLimit      int64                       `json:"activation_limit"`
	MaxMachines          int64                       `json:"max_machines"`
	TrialOnce            bool                        `json:"trial_once,omitempty"`
	MoveLimit            int64                       `json:"move_limit,omitempty"`
	ClockTolerance       int64                       `json:"clock_tolerance"`
	JournalEvery         int64                       `json:"journal_every"`
	Prepaid              int64                       `json:"prepaid"`
	Period               licensing.PeriodKind        `json:"period,omitempty" enum:"day,week,month,year,fixed"`
	PeriodLength         int64                       `json:"period_length,omitempty"`
	MaxBorrow            int64                       `json:"max_borrow"`
	Statistics           bool                        `json:"statistics"`
	FingerprintAction    licensing.FingerprintAction `json:"fingerprint_action,omitempty" enum:"report,refuse"`
	FingerprintTolerance int64                       `json:"fingerprint_tolerance,omitempty"`
	Queue                int64                       `json:"queue,omitempty"`
	CloneAction          licensing.CloneAction       `json:"clone_action" enum:"refuse,suspend,report"`
	CloneLimit           int64                       `json:"clone_limit"`
}

// PolicyNew is a policy as it is written: what is left out is 0, or has the default that its text names.
type PolicyNew struct {
	Type                 lease.PolicyType            `json:"type" enum:"calls,time,time_and_calls,perpetual" doc:"What limits a license."`
	Trigger              lease.Trigger               `json:"trigger,omitempty" enum:"every_call,interval" doc:"When usage is synced. Default: interval."`
	Interval             int64                       `json:"interval,omitempty" doc:"Between two syncs; with every_call between heartbeats. Default: an hour, or a minute with every_call."`
	MaxRetries           int                         `json:"max_retries,omitempty" doc:"Failed syncs in a row before the grace begins; 0: none."`
	Grace                int64                       `json:"grace,omitempty" doc:"How long the program may go on after the retries."`
	ActivationDelay      int64                       `json:"activation_delay,omitempty" doc:"How long a program waits after an activation."`
	ActivationLimit      *int64                      `json:"activation_limit,omitempty" doc:"New activations in each interval; 0: none is allowed. Default: 10."`
	MaxMachines          int64                       `json:"max_machines,omitempty" doc:"Activated installations at a time; 0: no limit."`
	TrialOnce            bool                        `json:"trial_once,omitempty" doc:"Each customer, by record, tries the product once."`
	MoveLimit            int64                       `json:"move_limit,omitempty" doc:"How often another installation may take a place that one has given up itself, in at least 30 days; 0: no limit."`
	ClockTolerance       int64                       `json:"clock_tolerance,omitempty" doc:"How far a clock may be behind the latest signed time."`
	JournalEvery         int64                       `json:"journal_every,omitempty" doc:"Counts between two journal writes. Default: 100."`
	Prepaid              int64                       `json:"prepaid,omitempty" doc:"Calls that each lease grants ahead, charged when granted; what is not used lapses. 0: calls are charged when they are reported."`
	Period               licensing.PeriodKind        `json:"period,omitempty" enum:"day,week,month,year,fixed" doc:"The allowance is for each of them, by the calendar in UTC, or one after another from the license's creation on. Absent: it is for the whole life."`
	PeriodLength         int64                       `json:"period_length,omitempty" doc:"Of fixed periods."`
	MaxBorrow            int64                       `json:"max_borrow,omitempty" doc:"How long a slot may be borrowed to work offline; 0: not at all."`
	Statistics           bool                        `json:"statistics,omitempty" doc:"Programs report version, platform and numbers of their own with each sync."`
	FingerprintAction    licensing.FingerprintAction `json:"fingerprint_action,omitempty" enum:"report,refuse" doc:"What is done about a machine of which more parts have changed than the tolerance allows. Default: report."`
	FingerprintTolerance int64                       `json:"fingerprint_tolerance,omitempty" doc:"How many parts of a machine may change from one sync to the next."`
	Queue                int64                       `json:"queue,omitempty" doc:"How long who was denied a slot keeps its place in line without asking again; 0: there is no line."`
	CloneAction          licensing.CloneAction       `json:"clone_action,omitempty" enum:"refuse,suspend,report" doc:"What is done about two holders of one activation: refuse the newcomer, refuse both, or only report. Default: refuse."`
	CloneLimit           int64                       `json:"clone_limit,omitempty" doc:"How often two holders must have taken turns to be called clones. Default: 2."`
}

// CreateVersionInput is a version to be made.
type CreateVersionInput struct {
	Name        string            `json:"name" doc:"Unique within the product."`
	Description string            `json:"description,omitempty"`
	Released    *time.Time        `json:"released,omitempty" doc:"Licenses of other versions whose maintenance lasts until then are good for this one too."`
	Policy      PolicyNew         `json:"policy"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// UpdateVersionInput changes what it names and leaves the rest.
type UpdateVersionInput struct {
	Revision    int64               `json:"revision,omitempty" minimum:"1" doc:"Of the version as it was read; needed unless If-Match names it."`
	Name        *string             `json:"name,omitempty"`
	Description *string             `json:"description,omitempty"`
	Released    Nullable[time.Time] `json:"released,omitempty" doc:"null: no license but its own is good for it."`
	Policy      *PolicyNew          `json:"policy,omitempty" doc:"Replaces all of it; the type stays. Programs get it with their next sync."`
	Metadata    *map[string]string  `json:"metadata,omitempty" doc:"Replaces all of it."`
}

func toVersion(v licensing.Version) Version {
	p := v.Policy
	return Version{
		ID: string(v.ID), Product: string(v.Product), Name: v.Name, Description: v.Description, Archived: v.Archived, Released: optionalTimestamp(v.Released),
		Policy: Policy{
			p.Type, p.Trigger, p.Interval, p.MaxRetries, p.Grace, p.ActivationDelay, p.ActivationLimit, p.MaxMachines, p.TrialOnce, p.MoveLimit, p.ClockTolerance, p.JournalEvery,
			p.Prepaid, p.Period, p.PeriodLength, p.MaxBorrow, p.Statistics, p.FingerprintAction, p.FingerprintTolerance, p.Queue, p.CloneAction, p.CloneLimit,
		},
		Metadata: nonNilMap(v.Metadata), Revision: v.Revision, Created: timestamp(v.Created), Updated: timestamp(v.Updated),
	}
}

// defaultActivationLimit is what the pages begin with too. 0 would be a version that nobody can activate, and that somebody must mean.
const defaultActivationLimit = 10

func (p PolicyNew) policy() licensing.Policy {
	activations := int64(defaultActivationLimit)
	if p.ActivationLimit != nil {
		activations = *p.ActivationLimit
	}
	return Policy{
		p.Type, p.Trigger, p.Interval, p.MaxRetries, p.Grace, p.ActivationDelay, activations, p.MaxMachines, p.TrialOnce, p.MoveLimit, p.ClockTolerance, p.JournalEvery,
		p.Prepaid, p.Period, p.PeriodLength, p.MaxBorrow, p.Statistics, p.FingerprintAction, p.FingerprintTolerance, p.Queue, p.CloneAction, p.CloneLimit,
	}.policy()
}

func (p Policy) policy() licensing.Policy {
	return licensing.Policy{
		Settings: lease.Settings{
			Type: p.Type, Trigger: p.Trigger, Interval: p.Interval, MaxRetries: p.MaxRetries, Grace: p.Grace,
			ActivationDelay: p.ActivationDelay, ClockTolerance: p.ClockTolerance, JournalEvery: p.JournalEvery,
			Prepaid: p.Prepaid, Statistics: p.Statistics,
		},
		ActivationLimit: p.ActivationLimit, MaxMachines: p.MaxMachines, TrialOnce: p.TrialOnce, MoveLimit: p.MoveLimit,
		Period: p.Period, PeriodLength: p.PeriodLength, MaxBorrow: p.MaxBorrow,
		FingerprintAction: p.FingerprintAction, FingerprintTolerance: p.FingerprintTolerance, Queue: p.Queue, CloneAction: p.CloneAction, CloneLimit: p.CloneLimit,
	}
}

// registerVersions registers the routes of versions.
func (a *API) registerVersions() {
	const tag = "versions"
	addRoute(a, operation{
		method: "POST", path: "/products/{id}/versions", id: "createVersion", tag: tag, action: access.EditCatalogue, status: http.StatusCreated,
		summary: "Create a version of a product",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[CreateVersionInput]) (*response[Version], error) {
		v, err := a.Catalogue.CreateVersion(ctx, licensing.Version{
			Record:  licensing.Record{Organisation: who.Organisation(), Metadata: in.Body.Metadata},
			Product: in.id(), Name: in.Body.Name, Description: in.Body.Description, Released: fromOptionalTimestamp(in.Body.Released), Policy: in.Body.Policy.policy(),
		})
		return reply(toVersion(v), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/products/{id}/versions", id: "listVersions", tag: tag, action: access.ReadCatalogue,
		summary: "List the versions of a product",
	}, func(ctx context.Context, who access.Identity, in *IDArchivableListInput) (*response[List[Version]], error) {
		if _, err := a.Catalogue.Product(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that it is there
		}
		found, err := a.Catalogue.Versions(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toVersion)
	})
	addRoute(a, operation{
		method: "GET", path: "/versions/{id}", id: "getVersion", tag: tag, action: access.ReadCatalogue,
		summary: "Read a version",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Version], error) {
		v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
		return reply(toVersion(v), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/versions/{id}", id: "updateVersion", tag: tag, action: access.EditCatalogue,
		summary: "Update a version",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateVersionInput]) (*response[Version], error) {
		v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		assignRevision(&v.Revision, in.Body.Revision)
		assign(&v.Name, in.Body.Name)
		assign(&v.Description, in.Body.Description)
		assign(&v.Metadata, in.Body.Metadata)
		if in.Body.Released.IsGiven {
			v.Released = fromOptionalTimestamp(in.Body.Released.Value)
		}
		if in.Body.Policy != nil {
			v.Policy = in.Body.Policy.policy()
		}
		v, err = a.Catalogue.UpdateVersion(ctx, v)
		return reply(toVersion(v), err)
	})
	for _, op := range []operation{
		{path: "/versions/{id}/archive", id: "archiveVersion", summary: "Archive a version (its licenses stop working)"},
		{path: "/versions/{id}/unarchive", id: "unarchiveVersion", summary: "Unarchive a version"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditCatalogue
		archived := op.id == "archiveVersion"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Version], error) {
			v, err := retryOnConflict(func() (licensing.Version, error) {
				v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
				if err != nil || v.Archived == archived {
					return v, err
				}
				v.Archived = archived
				return a.Catalogue.UpdateVersion(ctx, v)
			})
			return reply(toVersion(v), err)
		})
	}
	addRoute(a, operation{
		method: "DELETE", path: "/versions/{id}", id: "deleteVersion", tag: tag, action: access.DeleteCatalogue, status: http.StatusNoContent,
		conditional: true, summary: "Delete a version without licenses",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Catalogue.DeleteVersion(ctx, who.Organisation(), in.id(), ifMatchRevision(ctx))
	})
}
