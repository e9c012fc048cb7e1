package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// openRemote returns a backend for a remote server. No request is sent before a page makes one.
func openRemote(text string, log *slog.Logger) (*backend, error) {
	base, err := serverURL(text)
	if err != nil {
		return nil, err
	}
	b := newBackend(base, http.DefaultTransport.(*http.Transport).Clone(), log)
	b.address = base.Scheme + "://" + base.Host
	return b, nil
}

// serverURL parses the address of a server: https, or http on this machine, where no traffic can be intercepted.
func serverURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	switch {
	case u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("server address %q is not of the form https://host", text)
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("server address %q must begin with https://, since passwords are sent to it", text)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
