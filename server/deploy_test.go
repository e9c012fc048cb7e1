package server_test

// The files in deploy/ name settings, ports, users and each other. These tests compare them with the program and with each other.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/onelicense/onelicense/server/config"
)

// object is a part of a YAML document.
type object map[string]any

// at returns the value at a path of names and list indexes; nil when there is none.
func (o object) at(path ...any) any {
	var v any = o
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(object)
			v = m[s]
		case int:
			list, _ := v.([]any)
			if s >= len(list) {
				return nil
			}
			v = list[s]
		}
	}
	return v
}

func (o object) text(path ...any) string { s, _ := o.at(path...).(string); return s }

func documents(t *testing.T, path string) (list []object) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", path))
	if err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, o)
	}
}

// settingsOf returns the settings that the program would read.
func settingsOf(t *testing.T, flags, environment map[string]string) config.Settings {
	t.Helper()
	s, err := config.Read(config.Sources{Flags: flags, Environment: func(name string) (string, bool) {
		v, ok := environment[name]
		return v,
			ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name := range environment {
		if !slices.ContainsFunc(config.Table(), func(s config.Setting) bool { return s.Variable() == name }) {
			t.Errorf("%s is no setting", name)
		}
	}
	return s
}

// imageSettings returns the environment that the image sets.
func imageSettings(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ENV (\w+)=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		environment[m[1]] = m[2]
	}
	if !regexp.MustCompile(`(?m)^USER 65532:65532$`).Match(text) || !bytes.Contains(text, []byte("EXPOSE 4000\n")) {
		t.Error("the image runs as somebody else, or exposes another port")
	}
	return environment
}

// The data directory belongs to the server's user. COPY does not change the owner of a directory that an earlier COPY has created, so with
// one tree for both the directory would stay root's, and the server could not start.
//
// proves part of B13
func TestImageData(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var copied []string
	owned := false
	_, last, _ := strings.Cut(string(text), "\nFROM scratch\n")
	for _, m := range regexp.MustCompile(`(?m)^COPY --from=build (--chown=65532:65532 --chmod=700 )?(\S+) (\S+)$`).FindAllStringSubmatch(last,
		-1) {
		from, to := m[2], m[3]
		if m[1] != "" {
			owned = to == imageSettings(t)["ONELICENSE_DATA"] && strings.Contains(string(text), "mv /image"+to+" "+from+"\n")
			for _, before := range copied {
				if strings.HasPrefix(from, before+"/") {
					t.Errorf("%s is within %s, which was copied before", from, before)
				}
			}
		}
		copied = append(copied, from)
	}
	if !owned {
		t.Error("nobody gives the data directory to the server's user")
	}
}

// proves part of B13
func TestImage(t *testing.T) {
	if s := settingsOf(t, nil, imageSettings(t)); s.Listen != ":4000" || s.Data != "/var/lib/onelicense" {
		t.Errorf("%+v", s)
	}
}

// proves part of B13
func TestCompose(t *testing.T) {
	compose := documents(t, "compose.yaml")[0]
	members, servers := 0, 0
	for name, service := range compose.at("services").(object) {
		s := service.(object)
		switch {
		case strings.HasPrefix(name, "mongo"):
			members++
			if !strings.Contains(compose.text("x-server", "environment", "ONELICENSE_MONGO"), name) {
				t.Errorf("the servers do not know %s", name)
			}
		case strings.HasPrefix(name, "server"):
			servers++
			environment := imageSettings(t)
			for k, v := range s.at("environment").(object) {
				environment[k] = strings.Replace(v.(string), "${PUBLIC_URL:-http://localhost:8080}", "http://localhost:8080", 1)
			}
			settings := settingsOf(t, nil, environment)
			grace, err := time.ParseDuration(s.text("stop_grace_period"))
			if err != nil || grace < settings.StopDelay+10*time.Second {
				t.Errorf("it is killed after %v, before it has stopped: %v", grace, err)
			}
			if got := compose.text("networks", "front", "ipam", "config", 0, "subnet"); len(settings.TrustedProxies) != 1 ||
				settings.TrustedProxies[0].String() != got {
				t.Errorf("it trusts %v, the proxy is in %s", settings.TrustedProxies, got)
			}
		}
	}
	if members != 3 || servers != 3 {
		t.Errorf("%d members, %d servers", members, servers)
	}
	proxy, err := os.ReadFile(filepath.Join("..", "deploy", "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(proxy), "reverse_proxy server1:4000 server2:4000 server3:4000") ||
		!strings.Contains(string(proxy), "health_uri /readyz") {
		t.Error("the proxy knows other servers")
	}
}

// proves part of B13
func TestKubernetes(t *testing.T) {
	kinds := map[string]object{}
	for _, o := range documents(t, filepath.Join("kubernetes", "onelicense.yaml")) {
		kinds[o.text("kind")] = o
		if o.text("metadata", "name") != "onelicense" || o.text("metadata", "labels", "app.kubernetes.io/name") != "onelicense" {
			t.Errorf("%s is called something else", o.text("kind"))
		}
	}
	pods := kinds["Deployment"].at("spec", "template").(object)
	label := pods.text("metadata", "labels", "app.kubernetes.io/name")
	for kind, selector := range map[string][]any{
		"Deployment": {"spec", "selector", "matchLabels"}, "PodDisruptionBudget": {"spec", "selector", "matchLabels"},
		"Service": {"spec", "selector"},
	} {
		if got := kinds[kind].text(append(selector, "app.kubernetes.io/name")...); got != label {
			t.Errorf("%s selects %q, the pods are %q", kind, got, label)
		}
	}
	least, _ := kinds["HorizontalPodAutoscaler"].at("spec", "minReplicas").(int)
	away, _ := kinds["PodDisruptionBudget"].at("spec", "maxUnavailable").(int)
	if away != 1 || least < 2 || kinds["Deployment"].at("spec", "replicas") != nil {
		t.Errorf("of at least %d pods %d may be away, or the Deployment says how many too", least, away)
	}

	// The file of settings, with its secrets where the test can read them.
	const mounted = "/run/secrets/onelicense"
	dir := t.TempDir()
	file := filepath.Join(dir, "onelicense.toml")
	for path, text := range map[string]string{
		filepath.Join(dir, "mongo"):      "mongodb://x",
		filepath.Join(dir, "master-key"): base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n",
		file:                             strings.ReplaceAll(kinds["ConfigMap"].text("data", "onelicense.toml"), mounted, dir),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := settingsOf(t, map[string]string{config.FileSetting: file}, nil)
	if settings.Mongo != "mongodb://x" || len(settings.MasterKey) != 32 {
		t.Errorf("the secrets are not read: %+v", settings)
	}

	container := pods.at("spec", "containers", 0).(object)
	if container.text("args", 2) != "/etc/onelicense/onelicense.toml" {
		t.Errorf("it reads %v", container.at("args"))
	}
	for n, want := range []string{settings.Listen, settings.MetricsListen} {
		port, _ := container.at("ports", n, "containerPort").(int)
		if want != ":"+strconv.Itoa(port) {
			t.Errorf("port %d, but it listens at %s", port, want)
		}
	}
	if got := pods.text("metadata", "annotations", "prometheus.io/port"); ":"+got != settings.MetricsListen {
		t.Errorf("Prometheus asks port %s", got)
	}
	for probe, path := range map[string]string{"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"} {
		if got := container.text(probe, "httpGet", "path"); got != path || container.text(probe, "httpGet", "port") != "http" {
			t.Errorf("%s asks %s", probe, got)
		}
	}
	grace, _ := pods.at("spec", "terminationGracePeriodSeconds").(int)
	if time.Duration(grace)*time.Second < settings.StopDelay+20*time.Second {
		t.Errorf("it is killed after %d s, before it has stopped", grace)
	}
	period, _ := container.at("readinessProbe", "periodSeconds").(int)
	failures, _ := container.at("readinessProbe", "failureThreshold").(int)
	if time.Duration(period*failures)*time.Second >= settings.StopDelay {
		t.Errorf("it stops listening before %d probes every %d s have told", failures, period)
	}
	security := pods.at("spec", "securityContext").(object)
	if security.at("runAsUser") != 65532 || security.at("runAsNonRoot") != true || container.at("securityContext",
		"readOnlyRootFilesystem") != true {
		t.Errorf("it runs as %v", security)
	}
	volumes := map[string]bool{}
	for _, v := range pods.at("spec", "volumes").([]any) {
		volumes[v.(object).text("name")] = true
	}
	for _, m := range container.at("volumeMounts").([]any) {
		if !volumes[m.(object).text("name")] {
			t.Errorf("%v is mounted, and is no volume", m)
		}
	}
}
