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

// Facts about the machine and this package: for the statistics and, if the program asks for it, for the fingerprint.

// MachineParts returns parts for Config.Fingerprint that every machine has: host_name, platform, and machine_id where it can be read.
// Nothing of this is used unless the program sets it. The values stay in this process: the server gets hashes under the license's id. The
// map belongs to the caller, who may add to it.
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

// readID returns the trimmed contents of a small file, or nothing if it cannot be read.
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

// platform is the platform in the statistics, like linux/amd64.
const platform = runtime.GOOS + "/" + runtime.GOARCH

const modulePath = "github.com/onelicense/onelicense"

// hostName returns the name and version of this package for the statistics. The version is the one that the program was built with.
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

// fingerprint returns the parts in the order of their names, so that the same machine always sends the same request.
func (c *Config) fingerprint() (parts []abi.FingerprintPart) {
	for _, name := range slices.Sorted(maps.Keys(c.Fingerprint)) {
		parts = append(parts, abi.FingerprintPart{Name: name, Value: c.Fingerprint[name]})
	}
	return parts
}
