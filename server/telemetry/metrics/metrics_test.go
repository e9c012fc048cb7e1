package metrics

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// scrape returns the metrics as Prometheus reads them.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func newFilled() *Metrics {
	m := New(Build{"v1.2.3", "abc", "go1"})
	m.ObserveRequest("/api/v1/sync", "POST", 200, 3*time.Millisecond)
	m.CountSync("ok")
	m.CountRateLimited("address")
	m.ObserveStore("Advance", 2*time.Millisecond, false)
	m.ObserveStore("Advance", time.Second, true)
	m.SetEpoch(7)
	return m
}

// proves part of B13
func TestMetrics(t *testing.T) {
	text := scrape(t, newFilled())
	for _, line := range []string{
		`onelicense_build_info{commit="abc",go="go1",version="v1.2.3"} 1`,
		`onelicense_request_seconds_count{method="POST",route="/api/v1/sync",status="200"} 1`,
		`onelicense_request_seconds_bucket{method="POST",route="/api/v1/sync",status="200",le="0.0025"} 0`,
		`onelicense_request_seconds_bucket{method="POST",route="/api/v1/sync",status="200",le="0.005"} 1`,
		`onelicense_syncs_total{code="ok"} 1`,
		`onelicense_rate_limited_total{by="address"} 1`,
		`onelicense_store_seconds_count{operation="Advance"} 2`,
		`onelicense_store_failures_total{operation="Advance"} 1`,
		`onelicense_epoch 7`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	if !strings.Contains(text, "go_goroutines ") {
		t.Error("nothing of the process itself")
	}
}

// Every metric that the dashboard and the alerts use exists.
//
// proves part of B13
func TestDashboardUsesExistingMetrics(t *testing.T) {
	there := map[string]bool{}
	for _, line := range strings.Split(scrape(t, newFilled()), "\n") {
		if name, _, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			name, _, _ = strings.Cut(name, "{")
			there[name] = true
		}
	}
	names := regexp.MustCompile(`\b(onelicense|go|process)_[a-z_]+\b`)
	for file, least := range map[string]int{"grafana-dashboard.json": 8, "prometheus-alerts.yaml": 4} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for _, name := range names.FindAllString(string(text), -1) {
			asked[name] = true
			if !there[name] {
				t.Errorf("%s asks for %s, which there is not", file, name)
			}
		}
		if len(asked) < least {
			t.Errorf("%s asks for %d metrics only", file, len(asked))
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
	}
}
