package config

import (
	"net/url"
	"strings"
)

// Traces are configured by OpenTelemetry's own variables, which everybody who runs a collector knows. The exporter reads them itself; this
// file decides whether there is a collector, and refuses what the exporter could not use, because it would only log that.

// tracesEnabled reports whether the variables name a collector.
func tracesEnabled(lookup func(string) (string, bool)) (enabled bool, faults Faults) {
	value := func(name string) string {
		if lookup == nil {
			return ""
		}
		v, _ := lookup(name)
		return v
	}
	fault := func(name, problem, allowed string) {
		faults = append(faults, Fault{Setting: name, Value: value(name), From: "the environment", Problem: problem, Allowed: allowed})
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if value(name) == "" {
			continue
		}
		enabled = true
		if u, err := url.Parse(value(name)); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			fault(name, "is not the URL of a collector", "http://host:port or https://host:port, such as http://localhost:4318")
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if v := value(name); enabled && v != "" && v != "http/protobuf" {
			fault(name, "is not supported", "http/protobuf")
		}
	}
	switch v := value("OTEL_TRACES_EXPORTER"); {
	case v == "none" || strings.EqualFold(value("OTEL_SDK_DISABLED"), "true"):
		return false, nil
	case enabled && v != "" && v != "otlp":
		fault("OTEL_TRACES_EXPORTER", "is not supported", "otlp or none")
	}
	return enabled, faults
}
