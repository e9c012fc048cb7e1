package httpd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// rawConn is a connection on which the test sends bytes as they are.
type rawConn struct {
	*testing.T
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, w *servertest.Server) *rawConn {
	w.Helper()
	c, err := net.Dial("tcp", w.Addr.String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	// Only so that a server that never answers fails the test and does not hang it.
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		w.Fatal(err)
	}
	return &rawConn{t, c, bufio.NewReader(c)}
}

func (r *rawConn) send(text string) *rawConn {
	_, _ = io.WriteString(r, text) // a server that has closed says so when it is read from
	return r
}

// next returns the next reply's status and body; 0 when the connection was closed instead.
func (r *rawConn) next() (status int, body string) {
	r.Helper()
	response, err := http.ReadResponse(r.answers, nil)
	if err != nil {
		r.closed()
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.Error(err)
	}
	return response.StatusCode, string(text)
}

// closed requires that the server has closed the connection before the test's deadline.
func (r *rawConn) closed() {
	r.Helper()
	n, err := io.Copy(io.Discard, r.answers)
	if t, ok := err.(net.Error); ok && t.Timeout() {
		r.Errorf("the connection is still open, after %d more bytes", n)
	}
}

const livezRequest = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"

// A client that sends its request too slowly, or never, loses the connection at whatever point; others are served meanwhile.
//
// proves part of B10
func TestSlowClients(t *testing.T) {
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"), ReadTimeout: 300 * time.Millisecond,
		IdleTimeout: 300 * time.Millisecond}))
	const head = "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
	for name, begun := range map[string]string{
		"nothing": "", "half_a_line": "GET /li", "half_a_header": head, "no_body": head + "\r\n", "half_a_body": head + "\r\nxxxx",
		"half_a_chunk": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nxxx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := dial(t, w).send(begun)
			if status, body := slow.next(); status != 0 && (status != http.StatusRequestTimeout || !strings.Contains(body, `"code":"timeout"`)) {
				t.Errorf("%d %s", status, body)
			}
			slow.closed()
		})
	}
	t.Run("drops", func(t *testing.T) { // each byte in time, but all of them not
		t.Parallel()
		slow := dial(t, w)
		closed := make(chan struct{})
		go func() { defer close(closed); slow.next() }()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for sent := 0; ; sent++ {
			select {
			case <-closed:
				return
			case <-tick.C:
				slow.send("x"[:1])
			}
			if sent > 2000 {
				t.Fatal("it goes on listening")
			}
		}
	})
	t.Run("kept_for_nothing", func(t *testing.T) {
		t.Parallel()
		kept := dial(t, w).send(livezRequest)
		if status, _ := kept.next(); status != http.StatusOK {
			t.Error(status)
		}
		kept.closed()
	})
	t.Run("others", func(t *testing.T) {
		t.Parallel()
		if status, _ := dial(t, w).send(livezRequest).next(); status != http.StatusOK {
			t.Error(status)
		}
	})
}

// Pipelined requests are answered in order; a malformed one ends the connection, including what follows it.
//
// proves part of S24
func TestPipelinedAndMalformedRequests(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t)
	many := dial(t, w).send(strings.Repeat(livezRequest, 50) + "GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n" + livezRequest)
	for n := range 52 {
		want := http.StatusOK
		if n == 50 {
			want = http.StatusNotFound
		}
		if status, _ := many.next(); status != want {
			t.Fatalf("answer %d: %d, want %d", n, status, want)
		}
	}
	for name, c := range map[string]struct {
		text   string
		status int
		code   string
	}{
		"garbage":               {"\x00\xff\x16\x03\x01\r\n\r\n", 400, "malformed"},
		"a handshake of TLS":    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed"},
		"many headers":          {"GET /livez HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 5000) + "\r\n", 431, "header_too_large"},
		"a long line":           {"GET /" + strings.Repeat("a", 20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "header_too_large"},
		"a length that is none": {"POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "malformed"},
		"a length beyond numbers": {"POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400,
			"malformed"},
		"two lengths": {"POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 200\r\n\r\nx", 400, ""},
		"chunks that are none": {"POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n", 400,
			"malformed"},
		"endless chunks": {"POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 20), 413, "too_large"},
		"a header that is continued": {"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 0, ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			conn := dial(t, w).send(c.text)
			status, body := conn.next()
			if c.status != 0 && status != c.status || status >= 500 || c.code != "" && !strings.Contains(body, `"code":"`+c.code+`"`) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.code)
			}
		})
	}
	if log := w.Log.String(); strings.Contains(log, "panicked") || strings.Contains(log, "level=ERROR") {
		t.Errorf("it logs errors of its own:\n%s", log)
	}
}

// A request with two lengths is refused, or has one meaning: no second request is found in its body.
//
// proves part of S24
func TestRequestSmuggling(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t)
	const hidden = "GET /api/v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"both, chunks end first": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: " + fmt.Sprint(5+len(hidden)) +
			"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"both, in another order": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: " +
			fmt.Sprint(5+len(hidden)) + "\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: " + fmt.Sprint(len(hidden)) +
			"\r\n\r\n" + hidden,
		"a coding that is none": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: " + fmt.Sprint(len(hidden)) +
			"\r\nTransfer-Encoding: xchunked\r\n\r\n" + hidden,
		"no coding, no length":  "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n" + hidden,
		"a coding of one's own": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":           "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
		"two hosts":             "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\n" + hidden,
		"a length with a plus":  "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: +" + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"a name with a blank":   "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length : " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"a body where none is":  "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"a line feed by itself": "GET /livez HTTP/1.1\nHost: x\nContent-Length: " + fmt.Sprint(len(hidden)) + "\n\n" + hidden,
		"a length in hexadecimal": "POST /api/v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 0x" + fmt.Sprintf("%x", len(hidden)) + "\r\n\r\n" +
			hidden,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			// After an answer that ends the connection nothing comes; after another, the answer to a request that is nobody's guess.
			conn := dial(t, w).send(text)
			first, _ := conn.next()
			if first == http.StatusOK {
				conn.send("GET /api/v1/honest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				if next, _ := conn.next(); next != http.StatusNotFound {
					t.Errorf("then %d", next)
				}
			} else if first != http.StatusBadRequest {
				t.Errorf("answered %d", first)
			}
			conn.closed()
		})
	}
	if strings.Contains(w.Log.String(), "/api/v1/hidden") {
		t.Errorf("a second request was found:\n%s", w.Log)
	}
}
