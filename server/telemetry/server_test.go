package telemetry_test

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/httpd"
	"github.com/onelicense/onelicense/server/servertest"
	"github.com/onelicense/onelicense/server/telemetry"
	"github.com/onelicense/onelicense/server/telemetry/metrics"
	"github.com/onelicense/onelicense/server/telemetry/traces"
)

// proves part of B13
func TestMetrics(t *testing.T) {
	m := metrics.New(metrics.Build{})
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"),
		Telemetry: telemetry.Telemetry{Metrics: m}, SyncRates: httpd.SyncRates{PerLicense: 1, Burst: 3 * time.Second}}))
	p := w.Owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	d := w.NewDevice(product, version, id)
	d.MustSync()
	p.Must(http.StatusOK, "POST", "/licenses/"+id+"/suspend", nil)
	d.WantRefusal(license.CodeSuspended)
	for d.Sync().Status != http.StatusTooManyRequests { // all of the three that were saved up are spent soon
	}
	w.Anonymous().Do("POST", "/sync", "no request").WantProblem(http.StatusBadRequest, "request_malformed")
	p.Do("GET", "/nothing/"+id, nil).WantProblem(http.StatusNotFound, "no_route")
	p.Must(http.StatusOK, "GET", "/products/"+product, nil)

	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	text := answer.Body.String()
	for _, line := range []string{
		`onelicense_syncs_total{code="ok"} 1`,
		`onelicense_syncs_total{code="request_malformed"} 1`,
		`onelicense_rate_limited_total{by="license"} 1`,
		`onelicense_request_seconds_count{method="POST",route="/api/v1/sync",status="200"} 1`,
		`onelicense_request_seconds_count{method="POST",route="/api/v1/sync",status="429"} 1`,
		`onelicense_request_seconds_count{method="GET",route="/api/v1/products/:id",status="200"} 1`,
		`onelicense_request_seconds_count{method="GET",route="none",status="404"} 1`,
		`onelicense_store_seconds_count{operation="Advance"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, "onelicense_epoch 0\n") || strings.Contains(text, "onelicense_store_failures_total{") ||
		!strings.Contains(text, `onelicense_syncs_total{code="suspended"}`) {
		t.Errorf("wrong:\n%s", text)
	}
	if strings.Contains(text, id) || strings.Contains(text, product) {
		t.Errorf("a sender's words became a series:\n%s", text)
	}
	w.Anonymous().Send("GET", "/metrics", http.Header{}, nil).WantProblem(http.StatusNotFound, "no_route") // the public port shows none
}

// spanCollector is a collector that keeps the spans it receives.
type spanCollector struct {
	*testing.T
	mu    sync.Mutex
	spans map[string]receivedSpan // by name
}

type receivedSpan struct {
	trace, id, parent string
	attributes        map[string]string
}

func (g *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		g.Errorf("%s: %v", r.URL.Path, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, from := range request.ResourceSpans {
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				kept := receivedSpan{hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId),
					map[string]string{}}
				for _, a := range append(s.Attributes, from.Resource.Attributes...) {
					kept.attributes[a.Key] = a.Value.String()
				}
				g.spans[s.Name] = kept
			}
		}
	}
}

// Request, service and store are spans of one trace, which a trusted proxy may have begun.
//
// proves part of B13
func TestTraces(t *testing.T) {
	g := &spanCollector{T: t, spans: map[string]receivedSpan{}}
	stub := httptest.NewServer(g)
	defer stub.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stub.URL)
	tracer, err := traces.Open(t.Context(), "v1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := servertest.Start(t, servertest.WithConfig(server.Config{
		Data: filepath.Join(t.TempDir(), "data"), Telemetry: telemetry.Telemetry{Traces: tracer},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}))
	p := w.Owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	w.NewDevice(product, version, id).MustSync()
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	w.Anonymous().Send("GET", "/livez", http.Header{"Traceparent": {"00-" + theirs + "-00f067aa0ba902b7-01"}}, nil)
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	request, domain, store := g.spans["POST /api/v1/sync"], g.spans["licensing.Sync"], g.spans["store.Advance"]
	if request.id == "" || domain.parent != request.id || store.parent != domain.id || store.trace != request.trace || request.parent != "" {
		t.Errorf("request %v, domain %v, store %v", request, domain, store)
	}
	if !strings.Contains(request.attributes["http.response.status_code"], "200") || !strings.Contains(domain.attributes["onelicense.code"],
		`"ok"`) ||
		!strings.Contains(request.attributes["service.name"], `"onelicense"`) {
		t.Errorf("request %v, domain %v", request.attributes, domain.attributes)
	}
	if got := g.spans["GET /livez"]; got.trace != theirs || got.parent != "00f067aa0ba902b7" {
		t.Errorf("what the proxy began goes on as %v", got)
	}
	for name, s := range g.spans {
		for key, value := range s.attributes {
			if strings.Contains(value, id) || strings.Contains(value, servertest.Password) {
				t.Errorf("%s tells %s = %s", name, key, value)
			}
		}
	}
	if !strings.Contains(w.Log.String(), "trace="+request.trace) {
		t.Errorf("the log does not name traces:\n%s", w.Log)
	}
}

// An untrusted client's trace is not continued, and an unavailable collector delays nothing.
func TestUntrustedTraceParent(t *testing.T) {
	g := &spanCollector{T: t, spans: map[string]receivedSpan{}}
	stub := httptest.NewServer(g)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stub.URL)
	tracer, err := traces.Open(t.Context(), "v1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"),
		Telemetry: telemetry.Telemetry{Traces: tracer}}))
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	w.Anonymous().Send("GET", "/livez", http.Header{"Traceparent": {"00-" + theirs + "-00f067aa0ba902b7-01"}}, nil)
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := g.spans["GET /livez"]; got.id == "" || got.trace == theirs || got.parent != "" {
		t.Errorf("%v", got)
	}
	stub.Close()
	w.Owner().Must(http.StatusOK, "GET", "/session", nil)
}

// The log records of a request contain its id, which the reply contains too.
func TestLogContainsRequestID(t *testing.T) {
	w := servertest.Start(t)
	p := w.Owner()
	w.Clock.Broken.Store(true)
	r := p.Do("GET", "/session", nil)
	w.Clock.Broken.Store(false)
	id := r.Header.Get("X-Request-Id")
	for _, what := range []string{"request failed", "msg=request "} {
		found := false
		for _, line := range strings.Split(w.Log.String(), "\n") {
			found = found || strings.Contains(line, what) && strings.Contains(line, "id="+id)
		}
		if id == "" || !found {
			t.Errorf("no line %q with id=%s in\n%s", what, id, w.Log)
		}
	}
}
