package server

import (
	"context"
	"log/slog"

	"github.com/onelicense/onelicense/server/traces"
)

// identified is a log in which everything that is logged for a request has its id, and its trace's.
type identified struct{ slog.Handler }

type requestKey struct{}

func (h identified) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestKey{}).(string); ok {
		r.AddAttrs(slog.String("id", id))
	}
	if trace := traces.ID(ctx); trace != "" {
		r.AddAttrs(slog.String("trace", trace))
	}
	return h.Handler.Handle(ctx, r)
}

func (h identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attrs)}
}

func (h identified) WithGroup(name string) slog.Handler { return identified{h.Handler.WithGroup(name)} }
