package api

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
)

// Usage holds a license's usage, and what its limits leave.
type Usage struct {
	CallsUsed      int64        `json:"calls_used"`
	Allowance      *int64       `json:"allowance"`
	Period         *Period      `json:"period,omitempty"`
	Machines       int64        `json:"machines"`
	Activations    *LimitWindow `json:"activations,omitempty"`
	Transfers      *LimitWindow `json:"transfers,omitempty"`
	LastActivation *time.Time   `json:"last_activation,omitempty"`
	LastSync       *time.Time   `json:"last_sync,omitempty"`
}

// Period holds the usage in one period of the allowance.
type Period struct {
	From      time.Time  `json:"from"`
	Until     *time.Time `json:"until,omitempty"`
	CallsUsed int64      `json:"calls_used"`
}

// LimitWindow holds the state of a limit in its present window.
type LimitWindow struct {
	Count int64     `json:"count"`
	Limit *int64    `json:"limit"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// registerUsage registers what was used.
func (a *API) registerUsage() {
	const tag = "usage"
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/usage", id: "getUsage", tag: tag, action: access.ReadLicenses,
		summary: "Read the usage of a license",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Usage], error) {
		u, err := a.Leasing.Usage(ctx, who.Organisation(), in.id())
		return reply(toUsage(u), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/usage/periods", id: "listUsagePeriods", tag: tag, action: access.ReadLicenses,
		summary: "List the usage of past periods, newest first",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Period]], error) {
		found, err := a.Leasing.Periods(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toPeriod)
	})
}

func toPeriod(p licensing.Period) Period { return Period{From: timestamp(p.From), CallsUsed: p.Used} }

func toUsage(u leasing.Usage) Usage {
	described := Usage{
		CallsUsed: u.Used, Allowance: unlimitedAsNull(u.License.Allowance), Machines: u.Machines,
		LastActivation: optionalTimestamp(u.LastActivation), LastSync: optionalTimestamp(u.LastSync),
	}
	if u.Until != 0 {
		described.Period = &Period{timestamp(u.Period), optionalTimestamp(u.Until), u.Used - u.UsedBeforePeriod}
	}
	if u.WindowCount > 0 {
		described.Activations = &LimitWindow{u.WindowCount, limitValue(u.Policy.ActivationLimit), timestamp(u.WindowFrom),
			timestamp(u.ActivationsUntil())}
	}
	if u.Moves > 0 {
		described.Transfers = &LimitWindow{u.Moves, limitValue(u.Policy.TransferLimit), timestamp(u.MovesFrom), timestamp(u.MovesUntil())}
	}
	return described
}
