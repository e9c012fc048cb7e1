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

// Room is what one request may take; zero values: what the server gives to all.
type Room struct {
	Body int           // bytes
	Time time.Duration // to send the body, and to fetch the answer
}

// patience with large bodies and answers.
const patience = 10 * time.Minute

// roomy is a route with more room.
type roomy struct {
	operation
	path *regexp.Regexp
}

func (a *API) makeRoom(op operation) {
	if op.room == 0 && !op.long {
		return
	}
	pattern := regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(Prefix+op.path), `[0-9a-f]+`)
	a.roomy = append(a.roomy, roomy{op, regexp.MustCompile("^" + pattern + "$")})
}

// Room tells what the request with this header may take.
func (a *API) Room(ctx context.Context, method, path string, header func(string) string) Room {
	for _, r := range a.roomy {
		if method != r.method || !r.path.MatchString(path) {
			continue
		}
		if who, err := a.holder(ctx, header); err == nil && who.May(r.action) == nil {
			return Room{r.room, patience}
		}
	}
	return Room{}
}

// holder is who the credentials in a header belong to.
func (a *API) holder(ctx context.Context, header func(string) string) (access.Identity, error) {
	if scheme, secret, _ := strings.Cut(header("Authorization"), " "); scheme != "" {
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Identity{}, http.ErrNoCookie
		}
		return a.Access.Holder(ctx, strings.TrimSpace(secret))
	}
	cookies, err := http.ParseCookie(header("Cookie"))
	if err != nil {
		return access.Identity{}, err
	}
	for _, c := range cookies {
		if c.Name == a.cookieName() {
			return a.Access.Authenticate(ctx, c.Value)
		}
	}
	return access.Identity{}, http.ErrNoCookie
}
