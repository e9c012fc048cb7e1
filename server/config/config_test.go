package config

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fixture is a file, an environment and a command line.
type fixture struct {
	*testing.T
	file  string
	env   map[string]string
	flags map[string]string
}

func (w fixture) write(name, text string) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

func (w fixture) read() (Settings, error) {
	w.Helper()
	flags := map[string]string{"data": "d"}
	for name, text := range w.flags {
		flags[name] = text
	}
	if w.file != "" {
		flags[FileSetting] = w.write("settings.toml", w.file)
	}
	return Read(Sources{Flags: flags, Environment: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok }})
}

func TestDefaults(t *testing.T) {
	s, err := fixture{T: t}.read()
	if err != nil {
		t.Fatal(err)
	}
	if s.SyncRateAddress != 500 || s.SyncRateLicense != 500 || s.AllowPrivateAddresses {
		t.Errorf("%+v", s)
	}
	if s.Listen != "127.0.0.1:4000" || s.Data != "d" || s.Mongo != "" || s.ReadTimeout != 15*time.Second {
		t.Errorf("%+v", s)
	}
}

// The word none removes a rate limit, and a boolean of the file has no quotes.
func TestNoneAndBooleans(t *testing.T) {
	w := fixture{T: t, file: "allow-private-addresses = true\nsync-rate-license = 7\n", flags: map[string]string{"sync-rate-address": "none"}}
	s, err := w.read()
	if err != nil || s.SyncRateAddress != 0 || s.SyncRateLicense != 7 || !s.AllowPrivateAddresses {
		t.Errorf("%+v, %v", s, err)
	}
}

// Flags take precedence over the environment, the environment over the file, the file over the defaults.
//
// proves part of S28
func TestSourcePrecedence(t *testing.T) {
	w := fixture{T: t, file: "listen = \"file:1\"\nlog-format = \"json\"\nlog-level = \"warn\"\n# a comment\n",
		env:   map[string]string{"ONELICENSE_LISTEN": "environment:2", "ONELICENSE_LOG_FORMAT": "text", "ONELICENSE_READ_TIMEOUT": ""},
		flags: map[string]string{"listen": "flag:3"}}
	s, err := w.read()
	if err != nil || s.Listen != "flag:3" || s.LogFormat != "text" || s.LogLevel.String() != "WARN" || s.ReadTimeout != 15*time.Second {
		t.Errorf("%+v, %v", s, err)
	}
	w.flags["log-format"], w.flags["listen"] = "", "flag:4" // the default again
	w.env["ONELICENSE_LOG_FORMAT"] = "xml"
	if s, err = w.read(); err != nil || s.LogFormat != "text" {
		t.Errorf("%+v, %v", s, err)
	}
}

// All faults are reported at once, each with the setting's name, its value, its source and the allowed values.
//
// proves S28
func TestAllFaultsAreReported(t *testing.T) {
	w := fixture{T: t, file: "lisen = \"x\"\nsync-rate-address = 0\nread-timeout = true\nidle-timeout = \"1y\"\nmongo = \"pass word\"\n",
		env:   map[string]string{"ONELICENSE_LISTEN": "localhost", "ONELICENSE_STOP_DELAY": "-1s"},
		flags: map[string]string{"data": "", "public-url": "example.com", "log-format": "xml", "log-level": "loud", "write-timeout": "1ms"}}
	_, err := w.read()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	lines := strings.Split(err.Error(), "\n")
	wants := []string{
		`data: required; use a directory, which is created if missing (set by --data, ONELICENSE_DATA, or data in the file)`,
		`idle-timeout: "1y" is not a duration; use a duration from 100ms to 24h (from the file "`,
		`lisen: unknown setting; docs/configuration.md lists them (from the file "`,
		`listen: "localhost" is not of the form host:port; use host:port; port 0 picks a free port, an empty host listens on all addresses ` +
			`(from the environment; set by --listen, ONELICENSE_LISTEN, or listen in the file)`,
		`log-format: "xml" is not valid; use text or json ` +
			`(from the command line; set by --log-format, ONELICENSE_LOG_FORMAT, or log-format in the file)`,
		`log-level: "loud" is not valid; use debug, info, warn or error (`,
		`mongo: the value is not a MongoDB address; use mongodb://… or mongodb+srv://… (from the file "`,
		`public-url: "example.com" is not the base URL of a server; use https://host`,
		`read-timeout: "true" is not a duration; use a duration`,
		`stop-delay: "-1s" is too short; use a duration from 0s to 10m (from the environment; `,
		`sync-rate-address: "0" is too low; use a number from 1 to 1000000, or none for no limit (from the file "`,
		`write-timeout: "1ms" is too short; use`,
	}
	if len(lines) != len(wants) {
		t.Errorf("%d faults, want %d:\n%s", len(lines), len(wants), err)
	}
	for _, want := range wants {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("missing %s in\n%s", want, err)
		}
	}
	if strings.Contains(err.Error(), "pass word") {
		t.Errorf("a secret is shown:\n%s", err)
	}
}

// proves part of S28
func TestInvalidSettingsFile(t *testing.T) {
	for name, c := range map[string]struct{ file, says string }{
		"no TOML":      {"listen: x", "line 1"},
		"twice":        {"data = \"a\"\ndata = \"b\"", "data"},
		"a table":      {"[log]\nformat = \"json\"", "log: unknown setting"},
		"itself":       {"config = \"x\"", "config"},
		"list of ints": {"listen = [1]", "something other than strings"},
	} {
		if _, err := (fixture{T: t, file: c.file}).read(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for name, path := range map[string]string{"missing": filepath.Join(t.TempDir(), "nowhere"), "directory": t.TempDir(),
		"endless": "/dev/zero"} {
		_, err := fixture{T: t, flags: map[string]string{FileSetting: path}}.read()
		if err == nil || !strings.Contains(err.Error(), "--config or ONELICENSE_CONFIG") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// proves part of S28
func TestSettingCombinations(t *testing.T) {
	for name, c := range map[string]struct {
		flags map[string]string
		says  string
	}{
		"certificate without key":  {map[string]string{"tls-certificate": "x"}, "goes with tls-key"},
		"key without certificate":  {map[string]string{"tls-key": "x"}, "goes with tls-key"},
		"certificate that is none": {map[string]string{"tls-certificate": "/dev/null", "tls-key": "/dev/null"}, "a certificate that matches"},
		"mail from nobody":         {map[string]string{"smtp-host": "mail"}, "required with smtp-host"},
		"mail with half a login": {map[string]string{"smtp-host": "mail", "smtp-from": "a@b.test", "smtp-user": "u"},
			"goes with smtp-password"},
		"mail password in the clear": {map[string]string{"smtp-host": "mail", "smtp-from": "a@b.test", "smtp-user": "u", "smtp-password": "p",
			"smtp-tls": "none"}, "unencrypted"},
		"proxies by name":             {map[string]string{"trusted-proxies": "proxy"}, `"proxy", which is neither an address`},
		"proxies everywhere":          {map[string]string{"trusted-proxies": "0.0.0.0/0"}, `"0.0.0.0/0", which is neither an address`},
		"a network with a host in it": {map[string]string{"trusted-proxies": "::1,10.0.0.1/8"}, `"10.0.0.1/8", which is neither an address`},
	} {
		if _, err := (fixture{T: t, flags: c.flags}).read(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	s, err := fixture{T: t, file: `trusted-proxies = ["10.0.0.0/8", "::1"]`}.read()
	if err != nil || len(s.TrustedProxies) != 2 || s.TrustedProxies[1].String() != "::1/128" {
		t.Errorf("%v, %v", s.TrustedProxies, err)
	}
}

// Secrets can be read from files, as containers mount them, and no message contains one.
//
// proves part of S28
func TestSecretsFromFiles(t *testing.T) {
	w := fixture{T: t}
	const uri = "mongodb://u:hush@db/onelicense"
	w.env = map[string]string{"ONELICENSE_MONGO_FILE": w.write("secret", uri+"\n")}
	s, err := w.read()
	if err != nil || s.Mongo != uri {
		t.Errorf("%q, %v", s.Mongo, err)
	}
	w.flags = map[string]string{"mongo": "mongodb://flag"} // the later beats the earlier, whichever way it is given
	if s, err := w.read(); err != nil || s.Mongo != "mongodb://flag" {
		t.Errorf("%q, %v", s.Mongo, err)
	}
	w.env["ONELICENSE_MONGO"], w.flags = "mongodb://env", nil
	if _, err := w.read(); err == nil || !strings.Contains(err.Error(), "given twice") || strings.Contains(err.Error(), "mongodb://env") {
		t.Errorf("twice: %v", err)
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "nowhere"), "empty": w.write("empty", "\n"), "lines": w.write("lines", "hush\nhush\n"),
		"other": w.write("other", "hush"),
	} {
		_, err := fixture{T: t, flags: map[string]string{"mongo-file": path}}.read()
		if err == nil || !strings.Contains(err.Error(), "mongo: ") || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// docs/configuration.md matches the table of settings.
func TestReference(t *testing.T) {
	const begin, end = "<!-- settings:begin -->\n\n", "<!-- settings:end -->"
	path := filepath.Join("..", "..", "docs", "configuration.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s lacks its marks", path)
	}
	want := head + begin + Reference() + end + tail
	if string(text) == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the settings are: go test ./server/config -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What the trace exporter would only log stops the start.
func TestTraces(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		env    map[string]string
		wanted bool
		says   string
	}{
		"not set":      {nil, false, ""},
		"set":          {map[string]string{endpoint: "http://localhost:4318"}, true, ""},
		"for traces":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces"}, true, ""},
		"switched off": {map[string]string{endpoint: "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, false, ""},
		"to nobody":    {map[string]string{endpoint: "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		"no scheme":    {map[string]string{endpoint: "localhost:4318"}, false, endpoint + `: "localhost:4318" is not`},
		"by grpc":      {map[string]string{endpoint: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "use http/protobuf"},
		"by another":   {map[string]string{endpoint: "http://c:1", "OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER"},
	} {
		s, err := fixture{T: t, env: c.env}.read()
		if c.says == "" && (err != nil || s.Traces != c.wanted) {
			t.Errorf("%s: %v, %v", name, s.Traces, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// proves part of S28
func TestMasterKeySourcesAreExclusive(t *testing.T) {
	key := strings.Repeat("A", 43) + "="
	for says, flags := range map[string]map[string]string{
		"conflicts with master-key":          {"master-key": key, "master-key-command": "x"},
		"conflicts with previous-master-key": {"previous-master-key": key, "previous-master-key-command": "x"},
		"32 bytes in base64":                 {"master-key": key[4:]},
	} {
		if _, err := (fixture{T: t, flags: flags}).read(); err == nil || !strings.Contains(err.Error(), says) ||
			strings.Contains(err.Error(), key[4:]) {
			t.Errorf("%v: %v", flags, err)
		}
	}
	if s, err := (fixture{T: t, flags: map[string]string{"master-key": key, "previous-master-key-command": "x y"}}).read(); err != nil ||
		len(s.MasterKey) != 32 {
		t.Errorf("%+v, %v", s, err)
	}
}
