package client

import (
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

const defaultTimeout = 10_000 // ms for one exchange with the server

// settings holds a checked Config.
type settings struct {
	abi.Config
	endpoint string // URL that requests are posted to
	pin      string // fingerprint of the root key, upper-case hex; empty: not pinned
	unpinned bool   // a missing pin is allowed
}

// maxPartValue is the largest value of a fingerprint part, in bytes.
const maxPartValue = 1024

// checkConfig checks a Config. The error has the code missing_setting or bad_setting and names the first setting that is wrong.
func checkConfig(c abi.Config) (settings, error) {
	s := settings{Config: c}
	if c.ServerURL == "" {
		return s, license.Refuse(license.CodeMissingSetting, "server_url")
	}
	address, pin, _ := strings.Cut(c.ServerURL, "#")
	host, ok := urlHost(address)
	if !ok {
		return s, license.Refuse(license.CodeBadSetting, "server_url %q is not like https://host/api/v1#fingerprint", c.ServerURL)
	}
	s.pin = strings.ToUpper(pin)
	if pin != "" && !isFingerprint(s.pin) {
		return s, license.Refuse(license.CodeBadSetting, "server_url: %q after the # is not the fingerprint of a key", pin)
	}
	s.endpoint = strings.TrimSuffix(address, "/") + "/sync"
	s.unpinned = c.AllowUnpinned || isLoopback(host)

	for _, id := range []struct {
		name  string
		value license.ID
	}{{"product_id", c.ProductID}, {"version_id", c.VersionID}, {"license_id", c.LicenseID}} {
		switch {
		case id.value == "" && id.name == "license_id" && c.Keyring != "": // licenses come as files
		case id.value == "":
			return s, license.Refuse(license.CodeMissingSetting, "%s", id.name)
		case !id.value.Valid():
			return s, license.Refuse(license.CodeBadSetting, "%s %q is not 24 lower-case hex digits", id.name, string(id.value))
		}
	}
	if c.Timeout < 0 || c.Timeout > 600_000 {
		return s, license.Refuse(license.CodeBadSetting, "timeout %d ms", c.Timeout)
	}
	if c.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if len(c.Fingerprint) > lease.MaxFingerprintParts {
		return s, license.Refuse(license.CodeBadSetting, "fingerprint has %d parts, at most %d are allowed", len(c.Fingerprint),
			lease.MaxFingerprintParts)
	}
	if !(lease.Statistics{Program: c.Program, Platform: c.Platform, Host: c.Host}).Valid() {
		return s, license.Refuse(license.CodeBadSetting, "program, platform and host are at most %d printable ASCII characters",
			lease.MaxStatisticsText)
	}
	seen := map[string]bool{}
	for _, p := range c.Fingerprint {
		if !license.ValidName(p.Name) || len(p.Value) > maxPartValue || seen[p.Name] {
			return s, license.Refuse(license.CodeBadSetting, "fingerprint: the part %.64q is no name, too long or there twice", p.Name)
		}
		seen[p.Name] = true
	}
	return s, nil
}

// fingerprint returns the machine's fingerprint as it is sent to the server for one license.
func (s *settings) fingerprint(id license.ID) (parts []lease.FingerprintPart) {
	for _, p := range s.Fingerprint {
		parts = append(parts, lease.NewFingerprintPart(id, p.Name, p.Value))
	}
	return parts
}

// isFingerprint reports whether s has the form of a key fingerprint: 40 digits for a v4 key, 64 for a v6 key.
func isFingerprint(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789ABCDEF") == ""
}

// urlHost returns the host of an http or https address without user, query or blanks. net/url would add a tenth of a megabyte to the
// module for this one function.
func urlHost(address string) (string, bool) {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	if scheme != "http" && scheme != "https" || strings.ContainsAny(rest, "?@ \\\t\r\n\x00") {
		return "", false
	}
	if inner, ok := strings.CutPrefix(host, "["); ok { // an IPv6 address
		host, _, _ = strings.Cut(inner, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	return host, host != ""
}

// isLoopback reports whether a host name is that of this machine. It goes by the name only: the core resolves nothing.
func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.") && strings.Trim(host, "0123456789.") == ""
}
