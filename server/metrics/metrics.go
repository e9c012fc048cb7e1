// Package metrics counts what the server does, in the form that Prometheus reads.
//
// Start with New. Handler shows the numbers; the rest is called by what does the work. Labels take values of ours only, never a sender's:
// each value is a time series for as long as the process lives.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers of one server.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	syncs    *prometheus.CounterVec
	limited  *prometheus.CounterVec
	store    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	epoch    prometheus.Gauge
}

// The buckets reach from what a machine does at its best to what a client waits at most.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	storeBuckets   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// Build says what runs.
type Build struct{ Version, Commit, Go string }

// New makes the numbers, all at zero.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onelicense_request_seconds", Buckets: requestBuckets,
			Help: "How long requests took, by route, method and status.",
		}, []string{"route", "method", "status"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_syncs_total",
			Help: "Exchanges with programs, by verdict: ok for a lease, or else the code of the refusal.",
		}, []string{"code"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_rate_limited_total",
			Help: "Requests of programs that were refused for their rate, by what is limited.",
		}, []string{"by"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "onelicense_store_seconds", Buckets: storeBuckets,
			Help: "How long the store took, by operation.",
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onelicense_store_failures_total",
			Help: "Operations of the store that failed, by operation. A refusal is none.",
		}, []string{"operation"}),
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onelicense_epoch",
			Help: "The server's epoch, as this node last read it; it rises when the store was rolled back. 0: not read yet.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "onelicense_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.syncs, m.limited, m.store, m.failures, m.epoch, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler shows the numbers to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// ObserveRequest counts one request. The route is one of those that are registered, or a word of ours.
func (m *Metrics) ObserveRequest(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// CountSync counts one exchange by its verdict.
func (m *Metrics) CountSync(code string) { m.syncs.WithLabelValues(code).Inc() }

// CountRateLimited counts a request that was refused for its rate: of an "address" or for a "license".
func (m *Metrics) CountRateLimited(by string) { m.limited.WithLabelValues(by).Inc() }

// ObserveStore counts an operation of the store.
func (m *Metrics) ObserveStore(operation string, took time.Duration, failed bool) {
	m.store.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.failures.WithLabelValues(operation).Inc()
	}
}

// SetEpoch keeps what the store last said.
func (m *Metrics) SetEpoch(value int64) { m.epoch.Set(float64(value)) }
