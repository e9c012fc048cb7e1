package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/url"
	"time"
)

const (
	apiPrefix      = "/api/v1"
	sessionPath    = apiPrefix + "/session"
	requestTimeout = 30 * time.Second // for a request that the program itself makes
	maxResponse    = 8 << 20          // bytes of the answer to such a request
)

// backend is the server that the window uses, with the session on it. The session cookie is kept only here, and ends with the program.
type backend struct {
	base     *url.URL
	embedded bool
	address  string // origin at which licensed programs reach it
	jar      http.CookieJar
	client   *http.Client
	proxy    *httputil.ReverseProxy
	account  *localAccount // nil: a person logs in
	close    func() error
}

// newBackend returns a backend that reaches base through a transport.
func newBackend(base *url.URL, transport *http.Transport, log *slog.Logger) *backend {
	jar, _ := cookiejar.New(nil) // it never fails
	b := &backend{base: base, jar: jar, client: &http.Client{Transport: transport, Jar: jar, Timeout: requestTimeout}}
	b.proxy = &httputil.ReverseProxy{
		Rewrite:        b.rewriteRequest,
		ModifyResponse: b.storeCookies,
		Transport:      transport,
		FlushInterval:  -1, // what is streamed arrives at once
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Warn("the server was not reached", "path", r.URL.Path, "error", err)
			writeProblem(w, http.StatusBadGateway, "no_network", "No connection", fmt.Sprintf("%s was not reached: %v", base.Host, err))
		},
	}
	b.close = func() error {
		transport.CloseIdleConnections()
		return nil
	}
	return b
}

// rewriteRequest adds the session, which the page does not know, to a page's request. Nothing tells the server that the page is shown in
// a window.
func (b *backend) rewriteRequest(p *httputil.ProxyRequest) {
	p.SetURL(b.base)
	for _, name := range []string{"Cookie", "Origin", "Referer", "Accept-Encoding"} {
		p.Out.Header.Del(name)
	}
	for _, cookie := range b.jar.Cookies(b.base) {
		p.Out.AddCookie(cookie)
	}
}

// storeCookies keeps the cookies of an answer and removes them from it.
func (b *backend) storeCookies(r *http.Response) error {
	if cookies := r.Cookies(); len(cookies) > 0 {
		b.jar.SetCookies(b.base, cookies)
	}
	r.Header.Del("Set-Cookie")
	return nil
}

// serveAPI passes a request to the server.
func (a *App) serveAPI(w http.ResponseWriter, r *http.Request) {
	b, err := a.backend(r.Context())
	if err != nil {
		writeProblem(w, http.StatusServiceUnavailable, "no_server", "No server", err.Error())
		return
	}
	// Each page begins by asking for its session. The owner of the embedded server is logged in then, and only then.
	if b.account != nil && r.Method == http.MethodGet && r.URL.Path == sessionPath {
		if err := b.account.login(r.Context(), b); err != nil {
			a.config.Log.Error("the owner was not logged in", "error", err)
		}
	}
	b.proxy.ServeHTTP(w, r)
}

// writeProblem answers with a problem document in the form of the server's.
func writeProblem(w http.ResponseWriter, status int, code, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "status": status, "code": code, "title": title, "detail": detail})
}

// apiError is the server's refusal of a request that the program itself made.
type apiError struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (r *apiError) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Detail) }

// isUnauthorized reports whether the server answered 401.
func isUnauthorized(err error) bool {
	r, ok := errors.AsType[*apiError](err)
	return ok && r.Status == http.StatusUnauthorized
}

// call makes a request of the program itself, in the window's session.
func (b *backend) call(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, b.base.JoinPath(apiPrefix).String()+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	reply, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxResponse))
	if err != nil {
		return nil, err
	}
	if reply.StatusCode >= http.StatusBadRequest {
		no := &apiError{Status: reply.StatusCode}
		_ = json.Unmarshal(text, no) // without a problem document the status says enough
		return nil, fmt.Errorf("%s %s: %w", method, path, no)
	}
	return text, nil
}
