package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// openRemote connects to somebody's server. Nothing is asked of it before a page does.
func openRemote(text string, log *slog.Logger) (*backend, error) {
	base, err := serverURL(text)
	if err != nil {
		return nil, err
	}
	b := newBackend(base, http.DefaultTransport.(*http.Transport).Clone(), log)
	b.address = base.Scheme + "://" + base.Host
	return b, nil
}

// serverURL reads the address of a server: https, or http to this machine, where nobody listens in between.
func serverURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		return nil, fmt.Errorf("the address of the server: %w", err)
	}
	switch {
	case u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("the address of the server: %q is not of the form https://host", text)
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("the address of the server must begin with https://; passwords travel there")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
