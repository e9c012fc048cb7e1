package onelicense

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer limits the server's answer in bytes: the largest revocation list, which may be attached to it, fits.
const maxAnswer = 2 << 20

// Answer is the server's HTTP answer.
type Answer struct {
	Status     int    // HTTP status
	RetryAfter int64  // seconds; 0: none
	Body       string // at most 2 MiB
}

// Transport posts one request to the server. The context carries the timeout of the whole exchange. An error means that there was no
// answer; any HTTP status is an answer.
type Transport interface {
	Post(ctx context.Context, url, body string) (Answer, error)
}

type httpTransport struct{ client http.Client }

// newHTTPTransport posts with a copy of the client that follows no redirect: an answer comes from the configured server or not at all.
func newHTTPTransport(client *http.Client) *httpTransport {
	t := &httpTransport{}
	if client != nil {
		t.client = *client
	} else {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		t.client.Transport = own
	}
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return t
}

func (t *httpTransport) Post(ctx context.Context, address, body string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := t.client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the address, which is in the settings
		}
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	if len(text) > maxAnswer {
		return Answer{}, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return Answer{response.StatusCode, retryAfter(response.Header.Get("Retry-After"), time.Now()), string(text)}, nil
}

// closeIdle closes idle connections that only this client uses.
func (t *httpTransport) closeIdle() { t.client.CloseIdleConnections() }

// retryAfter parses a Retry-After header in either of its forms and returns seconds.
func retryAfter(header string, now time.Time) int64 {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return max(seconds, 0)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(int64(at.Sub(now).Seconds()), 0)
	}
	return 0
}
