package server

import (
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/server/protocol"
)

// limitedEvery is how often the log says that somebody is held to a rate: under attack a line for each refusal would be an attack too.
const limitedEvery = time.Minute

// limited puts the limits of the settings in front of the domain.
func (s *Server) limited(domain protocol.Service) protocol.Service {
	var said atomic.Int64 // when it was last logged, from begun
	begun := time.Now()
	said.Store(-int64(limitedEvery))
	return protocol.Limited(domain, protocol.Limits{
		Address: s.config.SyncRateAddress, License: s.config.SyncRateLicense, Burst: s.config.SyncRateBurst,
		Refused: func(by string) {
			if s.watch.metrics != nil {
				s.watch.metrics.RateLimited(by)
			}
			now, last := int64(time.Since(begun)), said.Load()
			if now-last >= int64(limitedEvery) && said.CompareAndSwap(last, now) {
				s.config.Log.Warn("programs are held to the rate of sync-rate-"+by+"; behind a proxy, see trusted-proxies", "said_at_most_every", limitedEvery)
			}
		},
	})
}
