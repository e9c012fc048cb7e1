package onelicense

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// proves C17
func TestStatisticsSentOnlyIfPolicyAsks(t *testing.T) {
	for _, asks := range []bool{true, false} {
		v := newFakeServer(t)
		v.settings.Statistics = asks
		cfg := v.config(t)
		cfg.Program = "4.2"
		c := must(t, cfg)
		for _, numbers := range []map[string]int64{{"documents": 2}, {"failures": 0, "documents": 3}} {
			if err := c.Statistics(numbers); err != nil {
				t.Fatal(err)
			}
		}
		many := map[string]int64{}
		for i := range int64(17) {
			many[fmt.Sprint("n", i)] = i
		}
		for _, wrong := range []map[string]int64{{"a b": 1}, {"a": 1 << 53}, many} {
			wantCode(t, c.Statistics(wrong), license.CodeBadCall)
		}
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked := v.requests()
		told := asked[len(asked)-1].Statistics
		switch {
		case !asks && told != nil:
			t.Errorf("told %+v", told)
		case !asks:
		case told == nil || told.Program != "4.2" || told.Platform != platform || told.Host != hostName() ||
			!strings.HasPrefix(told.Host, "go/") ||
			!slices.Equal(told.Numbers, []lease.NamedNumber{{Name: "documents", Value: 3}, {Name: "failures", Value: 0}}):
			t.Errorf("told %+v", told)
		}
		if err := c.Statistics(nil); err != nil {
			t.Error(err)
		}
	}
}

func TestModuleVersion(t *testing.T) {
	replaced := &debug.Module{Path: modulePath, Version: "v1.0.0", Replace: &debug.Module{Path: "../onelicense"}}
	for want, info := range map[string]*debug.BuildInfo{
		"1.2.3": {Main: debug.Module{Path: "example.com/app", Version: "v9.9.9"},
			Deps: []*debug.Module{{Path: "example.com/x"}, {Path: modulePath, Version: "v1.2.3"}}},
		"0.1.0":                 {Main: debug.Module{Path: modulePath, Version: "v0.1.0"}},
		"devel":                 {Main: debug.Module{Path: modulePath, Version: "(devel)"}},
		"devel ":                {Deps: []*debug.Module{replaced}},
		"devel  ":               nil,
		strings.Repeat("1", 60): {Main: debug.Module{Path: modulePath, Version: "v" + strings.Repeat("1", 99)}},
	} {
		if got := moduleVersion(info); got != strings.TrimSpace(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFingerprintIsHashedAndOptIn(t *testing.T) {
	v := newFakeServer(t)
	must(t, v.config(t))
	if told := v.requests()[0].Fingerprint; told != nil {
		t.Errorf("told %v, which nobody asked for", told)
	}
	cfg := v.config(t)
	cfg.LicenseID = second
	cfg.Fingerprint = MachineParts()
	cfg.Fingerprint["dongle"] = "serial 7"
	must(t, cfg)
	var names []string
	for _, part := range v.requests()[1].Fingerprint {
		names = append(names, part.Name)
		if len(part.Hash) != 32 {
			t.Errorf("%+v", part)
		}
	}
	if !slices.Equal(names, slices.Sorted(maps.Keys(cfg.Fingerprint))) {
		t.Errorf("told %v", names)
	}
	if strings.Contains(v.texts[1], "serial 7") {
		t.Error("the server learns a value")
	}
	many := map[string]string{}
	for i := range 17 {
		many[fmt.Sprint("n", i)] = ""
	}
	for _, wrong := range []map[string]string{{"a b": "7"}, {"a": strings.Repeat("x", 1025)}, many} {
		cfg := v.config(t)
		cfg.Fingerprint = wrong
		_, err := New(t.Context(), cfg)
		wantCode(t, err, license.CodeBadSetting)
	}
	cfg = v.config(t)
	cfg.Program = "vier\n"
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeBadSetting)
}

func TestMachineParts(t *testing.T) {
	dir := t.TempDir()
	missing, empty, id := filepath.Join(dir, "missing"), filepath.Join(dir, "empty"), filepath.Join(dir, "id")
	for path, text := range map[string]string{empty: "\n", id: "4c4c4544\n" + strings.Repeat("x", 300)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	parts := machineParts(missing, dir, empty, id)
	if parts["host_name"] != host || parts["platform"] != platform || !strings.HasPrefix(parts["machine_id"], "4c4c4544\n") ||
		len(parts["machine_id"]) != 256 {
		t.Errorf("got %q", parts)
	}
	if _, ok := machineParts(missing)["machine_id"]; ok {
		t.Error("an id from nowhere")
	}
}
