package apiclient

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// How long a client persists: a server that restarts is back within seconds; who is told to wait for longer should decide that themselves.
const (
	maxAttempts = 4
	firstDelay  = 500 * time.Millisecond
	maxDelay    = 30 * time.Second
)

// doWithRetry sends a request, and again while the server says that it is away or asked too often.
func (c *Client) doWithRetry(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	for attempt := 1; ; attempt++ {
		response, err := c.options.HTTP.Do(request)
		if err != nil || attempt == maxAttempts || !mayRetry(request, response.StatusCode) {
			return response, err
		}
		wait := retryDelay(response.Header.Get("Retry-After"), attempt)
		if wait > maxDelay {
			return response, nil
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxProblemSize)) // so that the connection can be used again
		_ = response.Body.Close()
		if request.GetBody != nil {
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		if err := c.options.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// mayRetry tells whether the same request may be sent once more: it does the same when it is done twice, and its body is at hand.
func mayRetry(request *http.Request, status int) bool {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return false
	}
	if request.Body != nil && request.Body != http.NoBody && request.GetBody == nil {
		return false
	}
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	}
	return request.Header.Get("Idempotency-Key") != ""
}

// retryDelay is what the server asks for, in seconds or as a date; otherwise twice as long each time, and not the same for all clients.
func retryDelay(retryAfter string, attempt int) time.Duration {
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(maxDelay/time.Second)+1)) * time.Second
	}
	if at, err := http.ParseTime(retryAfter); err == nil {
		return max(time.Until(at), 0)
	}
	wait := firstDelay << (attempt - 1)
	return wait/2 + rand.N(wait/2)
}
