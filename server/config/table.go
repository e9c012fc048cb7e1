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

// settings lists every setting. Kubernetes adds variables that are named after services: ONELICENSE_PORT, ONELICENSE_SERVICE_HOST and the
// like for a service "onelicense". So no setting may be called port or service-…, and unknown variables are ignored.
var settings = []Setting{
	{
		Name: "listen", Default: "127.0.0.1:4000",
		Allowed:     "host:port; port 0 picks a free port, an empty host listens on all addresses",
		Description: "Address and port to listen on.",
		set:         func(s *Settings, text string) error { s.Listen = text; return checkAddress(text) },
	},
	{
		Name: "data", Allowed: "a directory, which is created if missing",
		Description: "Directory of the master key and, with the embedded store, of the database. Required.",
		set: func(s *Settings, text string) error {
			s.Data = text
			if text == "" {
				return errors.New("required")
			}
			return nil
		},
	},
	{
		Name: "mongo", Secret: true, Allowed: "mongodb://… or mongodb+srv://…",
		Description: "Address of the MongoDB database, including its password. Without it, the server uses the embedded store in the " +
			"data directory.",
		set: func(s *Settings, text string) error {
			s.Mongo = text
			if text != "" && !strings.HasPrefix(text, "mongodb://") && !strings.HasPrefix(text, "mongodb+srv://") {
				return errors.New("is not a MongoDB address")
			}
			return nil
		},
	},
	{
		Name: "master-key", Secret: true, Allowed: "32 bytes in base64",
		Description: "Key that encrypts the products' private keys. Without it and master-key-command, the server uses the file " +
			"master.key in the data directory, and creates it at the first start.",
		set: func(s *Settings, text string) (err error) { s.MasterKey, err = parseMasterKey(text); return err },
	},
	{
		Name: "master-key-command", Allowed: "a program and its arguments, separated by spaces; no shell is used",
		Description: "Program that prints the master key to standard output within 30 seconds, in base64 or as 32 raw bytes.",
		set:         func(s *Settings, text string) error { s.MasterKeyCommand = text; return nil },
	},
	{
		Name: "previous-master-key", Secret: true, Allowed: "32 bytes in base64",
		Description: "Master key that is used for decryption only: the key before the current one, or the one after it, while nodes change " +
			"from one to the other.",
		set: func(s *Settings, text string) (err error) {
			s.PreviousMasterKey, err = parseMasterKey(text)
			return err
		},
	},
	{
		Name: "previous-master-key-command", Allowed: "a program and its arguments, separated by spaces; no shell is used",
		Description: "Program that prints the previous master key, like master-key-command.",
		set:         func(s *Settings, text string) error { s.PreviousMasterKeyCommand = text; return nil },
	},
	{
		Name: "public-url", Allowed: "https://host or http://host, without a path",
		Description: "URL at which browsers and programs reach the server. Without it, the address that the server listens on.",
		set:         func(s *Settings, text string) error { s.PublicURL = text; return checkBaseURL(text) },
	},
	{
		Name: "tls-certificate", Allowed: "a PEM file, including intermediate certificates; requires tls-key",
		Description: "Certificate of the server, to serve HTTPS without a proxy. It is reloaded when the file changes.",
		set:         func(s *Settings, text string) error { s.TLSCertificate = text; return nil },
	},
	{
		Name: "tls-key", Allowed: "a PEM file",
		Description: "Private key of the certificate.",
		set:         func(s *Settings, text string) error { s.TLSKey = text; return nil },
	},
	{
		Name: "trusted-proxies", Allowed: "addresses or networks separated by commas, such as 10.0.0.0/8,::1; in the file also a list",
		Description: "Proxies whose X-Forwarded-For header is trusted. Without them, all clients behind a proxy share its address in " +
			"rate limits and in the audit log.",
		set: func(s *Settings, text string) (err error) {
			s.TrustedProxies, err = parseNetworks(text)
			return err
		},
	},
	{
		Name: "sync-rate-address", Default: "500", Allowed: "a number from 1 to 1000000, or none for no limit",
		Description: "Requests per second that programs at one address may send to each server. The default serves 10000 machines behind one " +
			"address that sync every 20 seconds, including all of them at once after an interruption.",
		set: numberOrNone(func(s *Settings) *int { return &s.SyncRateAddress }, 1_000_000),
	},
	{
		Name: "sync-rate-license", Default: "500", Allowed: "a number from 1 to 1000000, or none for no limit",
		Description: "Requests per second that programs may send to each server for one license.",
		set:         numberOrNone(func(s *Settings) *int { return &s.SyncRateLicense }, 1_000_000),
	},
	{
		Name: "sync-rate-burst", Default: "20s", Allowed: "a duration from 0s to 1h",
		Description: "Time over which unused rate accumulates: after a pause of this length, this many seconds' worth of requests " +
			"may be sent at once.",
		set: duration(func(s *Settings) *time.Duration { return &s.SyncRateBurst }, 0, time.Hour),
	},
	{
		Name: "metrics-listen", Allowed: "host:port; empty disables metrics",
		Description: "Address and port that serve /metrics to Prometheus. The port is a separate one because metrics disclose business figures.",
		set: func(s *Settings, text string) error {
			s.MetricsListen = text
			if text == "" {
				return nil
			}
			return checkAddress(text)
		},
	},
	{
		Name: "smtp-host", Allowed: "a host name or an address",
		Description: "Mail server for notifications, invitations and password resets. Without it, no mail is sent.",
		set:         func(s *Settings, text string) error { s.SMTPHost = text; return nil },
	},
	{
		Name: "smtp-port", Default: "587", Allowed: "a number from 1 to 65535",
		Description: "Port of the mail server.",
		set:         number(func(s *Settings) *int { return &s.SMTPPort }, 1, 65535),
	},
	{
		Name: "smtp-tls", Default: "starttls", Allowed: "starttls, tls or none",
		Description: "TLS of the mail connection: after STARTTLS, from the first byte (port 465), or none. Without TLS, smtp-user is refused.",
		set: func(s *Settings, text string) error {
			s.SMTPTLS = text
			if text != "starttls" && text != "tls" && text != "none" {
				return errors.New("is not valid")
			}
			return nil
		},
	},
	{
		Name: "smtp-user", Allowed: "a user name; requires smtp-password",
		Description: "User name for the mail server. Without it, the server does not log in.",
		set:         func(s *Settings, text string) error { s.SMTPUser = text; return nil },
	},
	{
		Name: "smtp-password", Secret: true, Allowed: "a password",
		Description: "Password for the mail server.",
		set:         func(s *Settings, text string) error { s.SMTPPassword = text; return nil },
	},
	{
		Name: "smtp-from", Allowed: "an e-mail address, such as Licenses <licenses@example.com>",
		Description: "Sender of all mail. Required with smtp-host.",
		set:         func(s *Settings, text string) error { s.SMTPFrom = text; return nil },
	},
	{
		Name: "allow-private-addresses", Default: "false", Allowed: "true or false", Boolean: true,
		Description: "Allow webhooks and OIDC providers at private addresses, and webhooks without TLS. Anyone who can configure them can then " +
			"reach your internal network.",
		set: func(s *Settings, text string) error {
			s.AllowPrivateAddresses = text == "true"
			if text != "true" && text != "false" {
				return errors.New("is not valid")
			}
			return nil
		},
	},
	{
		Name: "log-format", Default: "text", Allowed: "text or json",
		Description: "Format of the log on standard error.",
		set: func(s *Settings, text string) error {
			s.LogFormat = text
			if text != "text" && text != "json" {
				return errors.New("is not valid")
			}
			return nil
		},
	},
	{
		Name: "log-level", Default: "info", Allowed: "debug, info, warn or error",
		Description: "Least severity that is logged. At debug, every sync of a program is logged.",
		set: func(s *Settings, text string) error {
			levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
			level, ok := levels[text]
			s.LogLevel = level
			if !ok {
				return errors.New("is not valid")
			}
			return nil
		},
	},
	{
		Name: "read-timeout", Default: "15s", Allowed: "a duration from 100ms to 1h, such as 15s",
		Description: "Time a client has to send a request before the connection is closed.",
		set:         duration(func(s *Settings) *time.Duration { return &s.ReadTimeout }, 100*time.Millisecond, time.Hour),
	},
	{
		Name: "write-timeout", Default: "15s", Allowed: "a duration from 100ms to 1h",
		Description: "Time a client has to receive a response before the connection is closed.",
		set:         duration(func(s *Settings) *time.Duration { return &s.WriteTimeout }, 100*time.Millisecond, time.Hour),
	},
	{
		Name: "idle-timeout", Default: "2m", Allowed: "a duration from 100ms to 24h",
		Description: "Time an idle connection is kept open for the next request. Set it longer than the idle timeout of a proxy in front.",
		set:         duration(func(s *Settings) *time.Duration { return &s.IdleTimeout }, 100*time.Millisecond, 24*time.Hour),
	},
	{
		Name: "stop-delay", Default: "0s", Allowed: "a duration from 0s to 10m",
		Description: "Time between the signal to stop and the end of listening. Meanwhile /readyz answers 503, so that a load balancer " +
			"stops sending requests.",
		set: duration(func(s *Settings) *time.Duration { return &s.StopDelay }, 0, 10*time.Minute),
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
			return nil, fmt.Errorf("contains %q, which is neither an address nor a network", item)
		}
		list = append(list, p)
	}
	return list, nil
}

// duration returns a setter that accepts durations from least to most.
func duration(field func(*Settings) *time.Duration, least, most time.Duration) func(*Settings, string) error {
	return func(s *Settings, text string) error {
		d, err := time.ParseDuration(text)
		*field(s) = d
		switch {
		case err != nil:
			return errors.New("is not a duration")
		case d < least:
			return errors.New("is too short")
		case d > most:
			return errors.New("is too long")
		}
		return nil
	}
}

// number returns a setter that accepts numbers from least to most.
func number(field func(*Settings) *int, least, most int) func(*Settings, string) error {
	return func(s *Settings, text string) error {
		n, err := strconv.Atoi(text)
		*field(s) = n
		switch {
		case err != nil:
			return errors.New("is not a number")
		case n < least:
			return errors.New("is too low")
		case n > most:
			return errors.New("is too high")
		}
		return nil
	}
}

// numberOrNone returns a setter that accepts numbers from 1 to most, and none for no limit, which it stores as 0.
func numberOrNone(field func(*Settings) *int, most int) func(*Settings, string) error {
	parse := number(field, 1, most)
	return func(s *Settings, text string) error {
		if text == "none" {
			*field(s) = 0
			return nil
		}
		return parse(s, text)
	}
}

// CheckPublicURL returns an error that names the setting when text is neither empty nor the base URL of a server.
func CheckPublicURL(text string) error {
	if err := checkBaseURL(text); err != nil {
		return &SettingError{Setting: "public-url", Err: fmt.Errorf("%q %w; use https://host", text, err)}
	}
	return nil
}

func checkBaseURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "" || u.User != nil {
		return errors.New("is not the base URL of a server")
	}
	return nil
}

// parseMasterKey decodes a key of 32 bytes. It returns nil for an empty text.
func parseMasterKey(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, errors.New("is not a master key")
	}
	return key, nil
}
