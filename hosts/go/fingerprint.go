package onelicense

import (
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/wasm/abi"
)

// What is known of the machine and of this package: for the statistics, and, if the program wants it there, for the fingerprint.

// MachineParts are parts for Config.Fingerprint that every machine has: host_name, platform, and machine_id where it can be read. The
// values stay in this process: the server gets hashes under the license's id. Nothing of this is used unless the program says so. The map
// is the caller's, who may add to it.
func MachineParts() map[string]string {
	return machineParts("/etc/machine-id", "/var/lib/dbus/machine-id")
}

func machineParts(ids ...string) map[string]string {
	parts := map[string]string{"platform": platform}
	if name, err := os.Hostname(); err == nil {
		parts["host_name"] = name
	}
	for _, path := range ids {
		if id := readID(path); id != "" {
			parts["machine_id"] = id
			break
		}
	}
	return parts
}

// readID is empty where there is none.
func readID(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// platform is what the statistics call it, like linux/amd64.
const platform = runtime.GOOS + "/" + runtime.GOARCH

const modulePath = "github.com/onelicense/onelicense"

// hostName is what the statistics call this package: its version is the one that the program was built with.
func hostName() string {
	info, _ := debug.ReadBuildInfo()
	return "go/" + moduleVersion(info)
}

func moduleVersion(info *debug.BuildInfo) string {
	version := ""
	if info != nil {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path != modulePath {
				continue
			}
			if m.Replace != nil {
				m = m.Replace
			}
			version = strings.TrimPrefix(m.Version, "v")
		}
	}
	if version == "" || version == "(devel)" {
		return "devel"
	}
	return version[:min(len(version), 60)]
}

// fingerprint in the order of names, so that a request does not depend on that of a map.
func (c *Config) fingerprint() (parts []abi.FingerprintPart) {
	for _, name := range slices.Sorted(maps.Keys(c.Fingerprint)) {
		parts = append(parts, abi.FingerprintPart{Name: name, Value: c.Fingerprint[name]})
	}
	return parts
}
