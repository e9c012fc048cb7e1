package server

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// What proxies say of their clients. Only a trusted one is believed, and of the list that it passes on only as much as trusted ones
// wrote: everything further left comes from the client, who can write what he likes.

// normaliseForwardedFor makes the header X-Forwarded-For, which c.IP reads when a trusted proxy asks, name the client alone.
func (s *Server) normaliseForwardedFor(c *fiber.Ctx) {
	if len(s.config.TrustedProxies) == 0 {
		return
	}
	remote, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return
	}
	var lines []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) { // proxies add to the line, or a line
		lines = append(lines, string(line))
	}
	client := clientAddress(remote, strings.Join(lines, ","), s.config.TrustedProxies)
	c.Request().Header.Del(fiber.HeaderXForwardedFor)
	c.Request().Header.Set(fiber.HeaderXForwardedFor, client.String())
}

// clientAddress goes back from the connection's other end, through as many trusted proxies as there are, to the first address that is none.
// Where a proxy wrote something that is no address, the proxy itself is as far as one can see.
func clientAddress(remote netip.Addr, list string, trusted []netip.Prefix) netip.Addr {
	at := remote.Unmap()
	hops := strings.Split(list, ",")
	for _, hop := range slices.Backward(hops) {
		if !slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(at) }) {
			break
		}
		next, ok := parseHop(hop)
		if !ok {
			break
		}
		at = next
	}
	return at
}

// parseHop reads one entry of the list, which some proxies write with a port.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if with, err := netip.ParseAddrPort(hop); err == nil {
		return with.Addr().WithZone("").Unmap(), true
	}
	address, err := netip.ParseAddr(hop)
	return address.WithZone("").Unmap(), err == nil
}

func prefixStrings(list []netip.Prefix) []string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return texts
}
