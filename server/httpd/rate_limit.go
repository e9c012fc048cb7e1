package httpd

import (
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/server/protocol"
)

// SyncRates limits the requests of programs. Each node counts for itself.
type SyncRates struct {
	PerAddress int           // requests per second from one address; 0: not set, no limit
	PerLicense int           // requests per second for one license; 0: not set, no limit
	Burst      time.Duration // how long unused rate accumulates
}

// rateLimitLogInterval is the least time between two log records about rate limits: under attack, one for each refusal would be an attack
// of its own.
const rateLimitLogInterval = time.Minute

// rateLimited returns a service that applies the rate limits before the given one.
func (s *Server) rateLimited(service protocol.Service) protocol.Service {
	start := time.Now()
	var lastLogged atomic.Int64 // nanoseconds since start
	lastLogged.Store(-int64(rateLimitLogInterval))
	return protocol.WithRateLimits(service, protocol.RateLimits{
		PerAddress: s.options.SyncRates.PerAddress, PerLicense: s.options.SyncRates.PerLicense, Burst: s.options.SyncRates.Burst,
		OnRefused: func(by string) {
			s.options.Telemetry.RateLimited(by)
			now, last := int64(time.Since(start)), lastLogged.Load()
			if now-last >= int64(rateLimitLogInterval) && lastLogged.CompareAndSwap(last, now) {
				s.options.Log.Warn("programs exceed the rate limit sync-rate-"+by+"; behind a proxy, set trusted-proxies",
					"logged_at_most_every", rateLimitLogInterval)
			}
		},
	})
}
