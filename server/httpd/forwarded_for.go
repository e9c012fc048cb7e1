package httpd

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Only trusted proxies are believed about their clients, and of the list that they pass on only the entries that trusted proxies wrote:
// everything further left comes from the client, who can write anything.

// normaliseForwardedFor reduces the header X-Forwarded-For, which c.IP reads when a trusted proxy connects, to the client's address.
func (s *Server) normaliseForwardedFor(c *fiber.Ctx) {
	if len(s.options.TrustedProxies) == 0 {
		return
	}
	remote, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return
	}
	var lines []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) { // proxies append to the line, or add a line
		lines = append(lines, string(line))
	}
	client := clientAddress(remote, strings.Join(lines, ","), s.options.TrustedProxies)
	c.Request().Header.Del(fiber.HeaderXForwardedFor)
	c.Request().Header.Set(fiber.HeaderXForwardedFor, client.String())
}

// clientAddress walks back from the peer of the connection, through as many trusted proxies as there are, and returns the first address
// that is not one. Where a proxy wrote something that is no address, it returns the proxy's own.
func clientAddress(remote netip.Addr, list string, trusted []netip.Prefix) netip.Addr {
	current := remote.Unmap()
	hops := strings.Split(list, ",")
	for _, hop := range slices.Backward(hops) {
		if !slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(current) }) {
			break
		}
		next, ok := parseHop(hop)
		if !ok {
			break
		}
		current = next
	}
	return current
}

// parseHop parses one entry of the list, which some proxies write with a port.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return withPort.Addr().WithZone("").Unmap(), true
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
