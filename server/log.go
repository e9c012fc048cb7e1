package server

import (
	"context"
	"log/slog"

	"github.com/onelicense/onelicense/server/traces"
)

// requestIDHandler is a log in which everything that is logged for a request has its id, and its trace's.
type requestIDHandler struct{ slog.Handler }

type requestIDKey struct{}

func (h requestIDHandler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		r.AddAttrs(slog.String("id", id))
	}
	if trace := traces.TraceID(ctx); trace != "" {
		r.AddAttrs(slog.String("trace", trace))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestIDHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestIDHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestIDHandler) WithGroup(name string) slog.Handler {
	return requestIDHandler{h.Handler.WithGroup(name)}
}
