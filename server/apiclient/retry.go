package apiclient

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A server that restarts is back within seconds. A longer wait than maxDelay is for the caller to decide on.
const (
	maxAttempts = 4
	firstDelay  = 500 * time.Millisecond
	maxDelay    = 30 * time.Second
)

// doWithRetry sends a request, and sends it again while the server is unavailable or limits the rate, at most maxAttempts times in all.
func (c *Client) doWithRetry(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	for attempt := 1; ; attempt++ {
		response, err := c.options.HTTP.Do(request)
		if err != nil || attempt == maxAttempts || !mayRetry(request, response.StatusCode) {
			return response, err
		}
		delay := retryDelay(response.Header.Get("Retry-After"), attempt)
		if delay > maxDelay {
			return response, nil
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxProblemSize)) // so that the connection can be used again
		_ = response.Body.Close()
		if request.GetBody != nil {
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		if err := c.options.Sleep(ctx, delay); err != nil {
			return nil, err
		}
	}
}

// mayRetry reports whether the same request may be sent again: its method is idempotent or it has an Idempotency-Key, and its body can be
// read a second time.
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

// retryDelay returns what the Retry-After header asks for, in seconds or as a date. Without one the delay doubles with each attempt and is
// random within a factor of two, so that clients do not come back all at once.
func retryDelay(retryAfter string, attempt int) time.Duration {
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(maxDelay/time.Second)+1)) * time.Second
	}
	if at, err := http.ParseTime(retryAfter); err == nil {
		return max(time.Until(at), 0)
	}
	delay := firstDelay << (attempt - 1)
	return delay/2 + rand.N(delay/2)
}
