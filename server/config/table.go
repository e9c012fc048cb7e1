package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The settings. Kubernetes puts variables of its own beside ours, named after services: ONELICENSE_PORT, ONELICENSE_SERVICE_HOST and the
// like for a service "onelicense". No setting may be called port or service-…, and variables that are no setting are left alone.
var settings = []Setting{
	{
		Name: "listen", Default: "127.0.0.1:4000", Allowed: "host:port; port 0 is a free one, no host is every address",
		Description: "Address and port to listen at.",
		set:         func(s *Settings, text string) error { s.Listen = text; return checkAddress(text) },
	},
	{
		Name: "data", Allowed: "a directory; it is made if there is none",
		Description: "Directory of the master key and, on the embedded store, of the database. It must be given.",
		set: func(s *Settings, text string) error {
			s.Data = text
			if text == "" {
				return errors.New("is missing")
			}
			return nil
		},
	},
	{
		Name: "mongo", Secret: true, Allowed: "mongodb://… or mongodb+srv://…",
		Description: "Address of the database, with its password. Without it, the embedded store in the data directory is used.",
		set: func(s *Settings, text string) error {
			s.Mongo = text
			if text != "" && !strings.HasPrefix(text, "mongodb://") && !strings.HasPrefix(text, "mongodb+srv://") {
				return errors.New("is no address of a MongoDB")
			}
			return nil
		},
	},
	{
		Name: "master-key", Secret: true, Allowed: "32 bytes in base64",
		Description: "Key that seals the products' private keys. Without it and master-key-command, the file master.key in the data directory, which is made there at first.",
		set:         func(s *Settings, text string) (err error) { s.MasterKey, err = parseMasterKey(text); return err },
	},
	{
		Name: "master-key-command", Allowed: "a program and its arguments, with blanks between; no shell reads it",
		Description: "Program that writes the master key to its standard output, in base64 or as its 32 bytes, within half a minute.",
		set:         func(s *Settings, text string) error { s.MasterKeyCommand = text; return nil },
	},
	{
		Name: "other-master-key", Secret: true, Allowed: "32 bytes in base64",
		Description: "Master key that only opens: the one before the present one, or the one after it, while the nodes change from one to the other.",
		set: func(s *Settings, text string) (err error) {
			s.PreviousMasterKey, err = parseMasterKey(text)
			return err
		},
	},
	{
		Name: "other-master-key-command", Allowed: "a program and its arguments, with blanks between; no shell reads it",
		Description: "Program that writes the other master key.",
		set:         func(s *Settings, text string) error { s.PreviousMasterKeyCommand = text; return nil },
	},
	{
		Name: "public-url", Allowed: "https://host or http://host, without a path",
		Description: "How browsers and programs reach the server. Without it, the address that it listens at.",
		set:         func(s *Settings, text string) error { s.PublicURL = text; return CheckPublicURL(text) },
	},
	{
		Name: "tls-certificate", Allowed: "a file in PEM, with the certificates in between; together with tls-key",
		Description: "Certificate of the server, to speak TLS without a proxy. It is read again when the file changes.",
		set:         func(s *Settings, text string) error { s.TLSCertificate = text; return nil },
	},
	{
		Name: "tls-key", Allowed: "a file in PEM",
		Description: "Private key of the certificate.",
		set:         func(s *Settings, text string) error { s.TLSKey = text; return nil },
	},
	{
		Name: "trusted-proxies", Allowed: "addresses or networks, such as 10.0.0.0/8,::1, with commas between them; in the file also a list",
		Description: "Proxies whose X-Forwarded-For is believed. Without them every client that comes through a proxy has the proxy's address, for rate limits and in the audit trail.",
		set: func(s *Settings, text string) (err error) {
			s.TrustedProxies, err = parseNetworks(text)
			return err
		},
	},
	{
		Name: "sync-rate-address", Default: "500", Allowed: "a number from 0 to 1000000; 0: no limit",
		Description: "How many requests per second programs at one address may send, on each server. The default serves 10000 machines behind one address that sync every 20 seconds, and all of them at once after a break.",
		set:         number(func(s *Settings) *int { return &s.SyncRateAddress }, 0, 1_000_000),
	},
	{
		Name: "sync-rate-license", Default: "500", Allowed: "a number from 0 to 1000000; 0: no limit",
		Description: "How many requests per second programs may send for one license, on each server.",
		set:         number(func(s *Settings) *int { return &s.SyncRateLicense }, 0, 1_000_000),
	},
	{
		Name: "sync-rate-burst", Default: "20s", Allowed: "a duration from 0s to 1h",
		Description: "For how long the two rates can be saved up. Who was silent for so long may send as much at once.",
		set:         duration(func(s *Settings) *time.Duration { return &s.SyncRateBurst }, 0, time.Hour),
	},
	{
		Name: "metrics-listen", Allowed: "host:port; empty: no metrics",
		Description: "Address and port at which /metrics is served to Prometheus. It is a port of its own, because the numbers tell how much business is done and the public port is everybody's.",
		set: func(s *Settings, text string) error {
			s.MetricsListen = text
			if text == "" {
				return nil
			}
			return checkAddress(text)
		},
	},
	{
		Name: "smtp-host", Allowed: "a name or an address",
		Description: "The mail server that takes our mail: notices, invitations, new passwords. Without it none is sent.",
		set:         func(s *Settings, text string) error { s.SMTPHost = text; return nil },
	},
	{
		Name: "smtp-port", Default: "587", Allowed: "a number from 1 to 65535",
		Description: "Port of the mail server.",
		set:         number(func(s *Settings) *int { return &s.SMTPPort }, 1, 65535),
	},
	{
		Name: "smtp-tls", Default: "starttls", Allowed: "starttls, tls or none",
		Description: "How the mail server speaks TLS: after STARTTLS, from the first byte (port 465), or not at all. Without TLS there is no login.",
		set: func(s *Settings, text string) error {
			s.SMTPTLS = text
			if text != "starttls" && text != "tls" && text != "none" {
				return errors.New("is none of them")
			}
			return nil
		},
	},
	{
		Name: "smtp-user", Allowed: "a name",
		Description: "Login at the mail server. Without it there is none.",
		set:         func(s *Settings, text string) error { s.SMTPUser = text; return nil },
	},
	{
		Name: "smtp-password", Secret: true, Allowed: "a password",
		Description: "Password at the mail server.",
		set:         func(s *Settings, text string) error { s.SMTPPassword = text; return nil },
	},
	{
		Name: "smtp-from", Allowed: "an address, such as Licenses <licenses@example.com>",
		Description: "Whom our mail is from. It must be given with smtp-host.",
		set:         func(s *Settings, text string) error { s.SMTPFrom = text; return nil },
	},
	{
		Name: "private-addresses", Default: "no", Allowed: "yes or no",
		Description: "Whether webhooks and providers of logins may be at private and local addresses, and webhooks without TLS. Whoever may name them can then reach what this server can reach.",
		set: func(s *Settings, text string) error {
			s.AllowPrivateAddresses = text == "yes"
			if text != "yes" && text != "no" {
				return errors.New("is neither")
			}
			return nil
		},
	},
	{
		Name: "log-format", Default: "text", Allowed: "text or json",
		Description: "How the log on stderr is written.",
		set: func(s *Settings, text string) error {
			s.LogFormat = text
			if text != "text" && text != "json" {
				return errors.New("is neither")
			}
			return nil
		},
	},
	{
		Name: "log-level", Default: "info", Allowed: "debug, info, warn or error",
		Description: "What is logged, and everything above it. At debug, each exchange with a program has a line.",
		set: func(s *Settings, text string) error {
			levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
			level, ok := levels[text]
			s.LogLevel = level
			if !ok {
				return errors.New("is none of them")
			}
			return nil
		},
	},
	{
		Name: "read-timeout", Default: "15s", Allowed: "a duration from 100ms to 1h, such as 15s",
		Description: "How long a client may take to send a request. Then the connection is closed.",
		set:         duration(func(s *Settings) *time.Duration { return &s.ReadTimeout }, 100*time.Millisecond, time.Hour),
	},
	{
		Name: "write-timeout", Default: "15s", Allowed: "a duration from 100ms to 1h",
		Description: "How long a client may take to receive an answer.",
		set:         duration(func(s *Settings) *time.Duration { return &s.WriteTimeout }, 100*time.Millisecond, time.Hour),
	},
	{
		Name: "idle-timeout", Default: "2m", Allowed: "a duration from 100ms to 24h",
		Description: "How long a connection is kept for the next request. Longer than that of a proxy in front.",
		set:         duration(func(s *Settings) *time.Duration { return &s.IdleTimeout }, 100*time.Millisecond, 24*time.Hour),
	},
	{
		Name: "stop-delay", Default: "0s", Allowed: "a duration from 0s to 10m",
		Description: "How long, when it is told to stop, the server goes on while /readyz says 503, so that a balancer stops sending before it stops listening.",
		set:         duration(func(s *Settings) *time.Duration { return &s.StopDelay }, 0, 10*time.Minute),
	},
}

func checkAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("is not of the form host:port")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errors.New("has no port from 0 to 65535")
	}
	return nil
}

func parseNetworks(text string) (list []netip.Prefix, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if address, err := netip.ParseAddr(item); err == nil {
			list = append(list, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(item)
		if err != nil || p != p.Masked() || p.Bits() == 0 {
			return nil, fmt.Errorf("has %q, which is no address and no network", item)
		}
		list = append(list, p)
	}
	return list, nil
}

func duration(of func(*Settings) *time.Duration, least, most time.Duration) func(*Settings, string) error {
	return func(s *Settings, text string) error {
		d, err := time.ParseDuration(text)
		*of(s) = d
		switch {
		case err != nil:
			return errors.New("is no duration")
		case d < least:
			return errors.New("is too short")
		case d > most:
			return errors.New("is too long")
		}
		return nil
	}
}

func number(of func(*Settings) *int, least, most int) func(*Settings, string) error {
	return func(s *Settings, text string) error {
		n, err := strconv.Atoi(text)
		*of(s) = n
		switch {
		case err != nil:
			return errors.New("is no number")
		case n < least:
			return errors.New("is too low")
		case n > most:
			return errors.New("is too high")
		}
		return nil
	}
}

// CheckPublicURL tells what is wrong with a public URL; empty is right.
func CheckPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is not of the form https://host", text)
	}
	return nil
}

// parseMasterKey reads a key of 32 bytes; none is nil.
func parseMasterKey(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, errors.New("is something else")
	}
	return key, nil
}
