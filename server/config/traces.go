package config

import (
	"net/url"
	"strings"
)

// Traces are set by OpenTelemetry's own variables, which whoever runs a collector knows. The exporter reads them itself; here it is decided
// whether there is one, and what it could not use is refused, because it would only log it.

// tracesEnabled tells whether traces are wanted.
func tracesEnabled(lookup func(string) (string, bool)) (wanted bool, faults Faults) {
	is := func(name string) string {
		if lookup == nil {
			return ""
		}
		v, _ := lookup(name)
		return v
	}
	fault := func(name, problem, allowed string) {
		faults = append(faults, Fault{Setting: name, Value: is(name), From: "the environment", Problem: problem, Allowed: allowed})
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if is(name) == "" {
			continue
		}
		wanted = true
		if u, err := url.Parse(is(name)); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			fault(name, "is no address of a collector", "http://host:port or https://host:port, such as http://localhost:4318")
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if v := is(name); wanted && v != "" && v != "http/protobuf" {
			fault(name, "is not spoken here", "http/protobuf")
		}
	}
	switch v := is("OTEL_TRACES_EXPORTER"); {
	case v == "none" || strings.EqualFold(is("OTEL_SDK_DISABLED"), "true"):
		return false, nil
	case wanted && v != "" && v != "otlp":
		fault("OTEL_TRACES_EXPORTER", "is not known here", "otlp or none")
	}
	return wanted, faults
}
