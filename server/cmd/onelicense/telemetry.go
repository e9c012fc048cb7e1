package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/telemetry"
	"github.com/onelicense/onelicense/server/telemetry/metrics"
	"github.com/onelicense/onelicense/server/telemetry/traces"
)

// exporters are the metrics and traces that the settings enable.
type exporters struct {
	telemetry.Telemetry
	metricsServer *http.Server // nil: no metrics
}

// tracesTimeout bounds how long sending the last spans may take.
const tracesTimeout = 3 * time.Second

// openTelemetry starts what the settings enable. The metrics are served until close, after the server has stopped, so that the last values
// can be scraped.
func openTelemetry(ctx context.Context, s config.Settings, log *slog.Logger) (e exporters, err error) {
	name, commit := buildInfo()
	if s.MetricsListen != "" {
		l, err := net.Listen("tcp", s.MetricsListen)
		if err != nil {
			return e, config.Fault{Setting: "metrics-listen", Problem: err.Error()}
		}
		e.Metrics = metrics.New(metrics.Build{Version: name, Commit: commit, Go: runtime.Version()})
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", e.Metrics.Handler())
		served := &http.Server{
			Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		log.Info("serving metrics", "url", "http://"+l.Addr().String()+"/metrics")
		e.metricsServer = served
		go func() { _ = served.Serve(l) }() // until close
	}
	if s.Traces {
		if e.Traces, err = traces.Open(ctx, name, log); err != nil {
			e.close(log)
			return e, err
		}
		log.Info("sending traces")
	}
	return e, nil
}

// close sends the last spans and stops serving the metrics.
func (e exporters) close(log *slog.Logger) {
	if e.Traces != nil {
		ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
		defer cancel()
		if err := e.Traces.Close(ctx); err != nil {
			log.Warn("the last spans were lost", "error", err)
		}
	}
	if e.metricsServer != nil {
		_ = e.metricsServer.Close() // interrupts requests: the process ends
	}
}
