package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// Few routes take or give more than a page's worth. They say so in their operation (room, long), and nothing else gets it: the server asks
// Room after a request's header and before its body, and only who may take the route's action is given more than everybody else. So a
// stranger cannot make the server read more than the limit of all routes, wherever it is sent.

// RequestLimits holds the limits of one request; zero values stand for the server's own.
type RequestLimits struct {
	MaxBodyBytes int           // bytes
	Timeout      time.Duration // to send the body, and to fetch the answer
}

// largeTransferTimeout with large bodies and answers.
const largeTransferTimeout = 10 * time.Minute

// limitedRoute is a route with more room.
type limitedRoute struct {
	operation
	path *regexp.Regexp
}

func (a *API) setRequestLimits(op operation) {
	if op.bodyLimit == 0 && !op.streaming {
		return
	}
	pattern := regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(Prefix+op.path), `[0-9a-f]+`)
	a.limitedRoutes = append(a.limitedRoutes, limitedRoute{op, regexp.MustCompile("^" + pattern + "$")})
}

// RequestLimits tells what the request with this header may take.
func (a *API) RequestLimits(ctx context.Context, method, path string, header func(string) string) RequestLimits {
	for _, r := range a.limitedRoutes {
		if method != r.method || !r.path.MatchString(path) {
			continue
		}
		if who, err := a.identityFromHeader(ctx, header); err == nil && who.May(r.action) == nil {
			return RequestLimits{r.bodyLimit, largeTransferTimeout}
		}
	}
	return RequestLimits{}
}

// identityFromHeader returns the identity that the credentials in a header belong to.
func (a *API) identityFromHeader(ctx context.Context, header func(string) string) (access.Identity, error) {
	if scheme, secret, _ := strings.Cut(header("Authorization"), " "); scheme != "" {
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Identity{}, http.ErrNoCookie
		}
		return a.Access.LookupToken(ctx, strings.TrimSpace(secret))
	}
	cookies, err := http.ParseCookie(header("Cookie"))
	if err != nil {
		return access.Identity{}, err
	}
	for _, c := range cookies {
		if c.Name == a.sessionCookieName() {
			return a.Access.Authenticate(ctx, c.Value)
		}
	}
	return access.Identity{}, http.ErrNoCookie
}
