// Package metrics collects a server's metrics and serves them to Prometheus.
//
// Start with New. Handler serves the metrics; the other methods record what happens. Labels never take a client's values: each value is a
// time series for as long as the process lives.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the metrics of one server. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	syncs    *prometheus.CounterVec
	limited  *prometheus.CounterVec
	store    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	epoch    prometheus.Gauge
}

// The buckets, in seconds, reach from the fastest that a machine does to the longest that a client waits.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	storeBuckets   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// Build identifies the running program.
type Build struct{ Version, Commit, Go string }

// New returns metrics that are all zero.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onelicense_request_seconds", Buckets: requestBuckets,
			Help: "Duration of requests, by route, method and status.",
		}, []string{"route", "method", "status"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_syncs_total",
			Help: "Syncs of programs, by verdict: ok for a lease, or else the code of the refusal.",
		}, []string{"code"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_rate_limited_total",
			Help: "Syncs refused by a rate limit, by what is limited: address or license.",
		}, []string{"by"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onelicense_store_seconds", Buckets: storeBuckets,
			Help: "Duration of store operations, by operation.",
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_store_failures_total",
			Help: "Store operations that failed, by operation. Refusals do not count.",
		}, []string{"operation"}),
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onelicense_epoch",
			Help: "Epoch as this node last read it; it rises when the store was rolled back. 0: not read yet.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "onelicense_build_info", Help: "Version of the running program; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.syncs, m.limited, m.store, m.failures, m.epoch, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// ObserveRequest records one request. The route is a registered pattern, or "none".
func (m *Metrics) ObserveRequest(route, method string, status int, duration time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(duration.Seconds())
}

// CountSync counts one sync by its verdict.
func (m *Metrics) CountSync(code string) { m.syncs.WithLabelValues(code).Inc() }

// CountRateLimited counts a sync that a rate limit refused, by "address" or "license".
func (m *Metrics) CountRateLimited(by string) { m.limited.WithLabelValues(by).Inc() }

// ObserveStore records an operation of the store.
func (m *Metrics) ObserveStore(operation string, duration time.Duration, failed bool) {
	m.store.WithLabelValues(operation).Observe(duration.Seconds())
	if failed {
		m.failures.WithLabelValues(operation).Inc()
	}
}

// SetEpoch records the epoch that the store returned.
func (m *Metrics) SetEpoch(value int64) { m.epoch.Set(float64(value)) }
