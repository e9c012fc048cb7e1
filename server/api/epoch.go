package api

import (
	"context"
	"net/http"

	"github.com/onelicense/onelicense/server/access"
)

// epoch registers how an owner ends the wait after a restore. The epoch is the whole server's.
func (a *API) epoch() {
	add(a, operation{
		method: "POST", path: "/epoch/settle", id: "settleEpoch", tag: "server", action: access.SettleEpoch, status: http.StatusNoContent,
		summary: "Say that no lease from before the last restore is outstanding: what was frozen since is granted again",
	}, func(ctx context.Context, _ access.Identity, _ *none) (*none, error) {
		return nil, a.Licensing.SettleEpoch(ctx)
	})
}
