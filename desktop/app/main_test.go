package app

import (
	"log/slog"
	"reflect"
)

var quiet = slog.New(slog.DiscardHandler)

func methodsOf(v any) []string {
	var names []string
	for m := range reflect.TypeOf(v).Methods() {
		names = append(names, m.Name)
	}
	return names
}
