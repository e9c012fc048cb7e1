package server

import (
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/server/protocol"
)

// rateLimitLogInterval is how often the log says that somebody is held to a rate: under attack a line for each refusal would be an attack too.
const rateLimitLogInterval = time.Minute

// rateLimited puts the limits of the settings in front of the domain.
func (s *Server) rateLimited(domain protocol.Service) protocol.Service {
	var said atomic.Int64 // when it was last logged, from begun
	begun := time.Now()
	said.Store(-int64(rateLimitLogInterval))
	return protocol.WithRateLimits(domain, protocol.RateLimits{
		PerAddress: s.config.SyncRateAddress, PerLicense: s.config.SyncRateLicense, Burst: s.config.SyncRateBurst,
		OnRefused: func(by string) {
			if s.instrumentation.metrics != nil {
				s.instrumentation.metrics.CountRateLimited(by)
			}
			now, last := int64(time.Since(begun)), said.Load()
			if now-last >= int64(rateLimitLogInterval) && said.CompareAndSwap(last, now) {
				s.config.Log.Warn("programs are held to the rate of sync-rate-"+by+"; behind a proxy, see trusted-proxies", "said_at_most_every", rateLimitLogInterval)
			}
		},
	})
}
