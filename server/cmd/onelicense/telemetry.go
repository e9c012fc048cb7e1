package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/metrics"
	"github.com/onelicense/onelicense/server/traces"
)

// telemetry is what looks at a running server from outside, as far as the settings want it.
type telemetry struct {
	metrics *metrics.Metrics // nil: not wanted
	traces  *traces.Tracer   // nil: not wanted
	server  *http.Server     // of the metrics
}

// tracesTimeout is how long the last spans may take to be sent.
const tracesTimeout = 3 * time.Second

// openTelemetry opens the port of the metrics, which goes on to the very end: the last numbers are those of the stop.
func openTelemetry(ctx context.Context, s config.Settings, log *slog.Logger) (w telemetry, err error) {
	name, commit := buildInfo()
	if s.MetricsListen != "" {
		l, err := net.Listen("tcp", s.MetricsListen)
		if err != nil {
			return w, config.Fault{Setting: "metrics-listen", Problem: err.Error()}
		}
		w.metrics = metrics.New(metrics.Build{Version: name, Commit: commit, Go: runtime.Version()})
		pages := http.NewServeMux()
		pages.Handle("GET /metrics", w.metrics.Handler())
		w.server = &http.Server{Handler: pages, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
		log.Info("serving metrics", "at", "http://"+l.Addr().String()+"/metrics")
		go func() { _ = w.server.Serve(l) }() // until close, which is its only end
	}
	if s.Traces {
		if w.traces, err = traces.Open(ctx, name, log); err != nil {
			w.close(log)
			return w, err
		}
		log.Info("sending traces")
	}
	return w, nil
}

// close sends the last spans, if somebody takes them.
func (w telemetry) close(log *slog.Logger) {
	if w.traces != nil {
		ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
		defer cancel()
		if err := w.traces.Close(ctx); err != nil {
			log.Warn("the last traces are lost", "error", err)
		}
	}
	if w.server != nil {
		_ = w.server.Close() // its requests are cut short: the process ends
	}
}
