package notify

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Vendors choose the addresses that the server sends requests to. These requests must not reach the server's own network: so the address is
// checked when it is dialled, after the name was resolved, and redirects are not followed.

// receiverTimeout bounds a request, from the first packet to the end of the response.
const receiverTimeout = 15 * time.Second

// NewClient returns an HTTP client that reaches public addresses only, unless private ones are allowed.
func NewClient(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: receiverTimeout}
	if !allowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return checkPublicAddress(address) }
	}
	return &http.Client{
		Timeout: receiverTimeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			Proxy:                  nil, // a proxy would resolve the name by itself
			TLSHandshakeTimeout:    receiverTimeout,
			MaxResponseHeaderBytes: 16 * 1024,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errNotPublic = errors.New("is not a public address")

// checkPublicAddress returns an error for every address that is not public.
func checkPublicAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := at.Addr().Unmap(); !isPublic(ip) {
		return fmt.Errorf("%s %w", ip, errNotPublic)
	}
	return nil
}

// globalUnicast is the allocated part of IPv6. The rest is local, leads to another address by translation, or is unused.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// nonPublicNetworks are further networks that are not the public internet, or lead to another address by translation, after the registries
// of IANA (RFC 6890). What the methods of netip.Addr know is not repeated. The last IPv4 network looks public, and is a cloud's internal
// service on each of its machines.
var nonPublicNetworks = func() (all []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4",
		"168.63.129.16/32",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" || ip.Is6() && !globalUnicast.Contains(ip) {
		return false
	}
	for _, p := range nonPublicNetworks {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
