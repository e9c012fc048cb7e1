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

// watch is what looks at a running server from outside, as far as the settings want it.
type watch struct {
	metrics *metrics.Metrics // nil: not wanted
	traces  *traces.Tracer   // nil: not wanted
	page    *http.Server     // of the metrics
}

// tracesPatience is how long the last spans may take to be sent.
const tracesPatience = 3 * time.Second

// openWatch opens the port of the metrics, which goes on to the very end: the last numbers are those of the stop.
func openWatch(ctx context.Context, s config.Settings, log *slog.Logger) (w watch, err error) {
	name, commit := built()
	if s.MetricsListen != "" {
		l, err := net.Listen("tcp", s.MetricsListen)
		if err != nil {
			return w, config.Fault{Setting: "metrics-listen", Problem: err.Error()}
		}
		w.metrics = metrics.New(metrics.Build{Version: name, Commit: commit, Go: runtime.Version()})
		pages := http.NewServeMux()
		pages.Handle("GET /metrics", w.metrics.Handler())
		w.page = &http.Server{Handler: pages, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
		log.Info("serving metrics", "at", "http://"+l.Addr().String()+"/metrics")
		go func() { _ = w.page.Serve(l) }() // until close, which is its only end
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
func (w watch) close(log *slog.Logger) {
	if w.traces != nil {
		ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
		defer cancel()
		if err := w.traces.Close(ctx); err != nil {
			log.Warn("the last traces are lost", "error", err)
		}
	}
	if w.page != nil {
		_ = w.page.Close() // its requests are cut short: the process ends
	}
}
