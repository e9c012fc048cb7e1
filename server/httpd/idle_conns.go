package httpd

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// Browsers, and Go's own client, open connections ahead that they may never use. The framework treats a connection on which nothing has
// arrived yet as one with a request under way, so a shutdown would wait for it in vain. net/http closes such a connection five seconds
// after it was accepted, and so does this server.

// unusedConnTimeout bounds how long a new connection may stay unused when the server stops.
const unusedConnTimeout = 5 * time.Second

// trackingListener keeps track of the connections on which nothing has arrived yet.
type trackingListener struct {
	net.Listener

	mu      sync.Mutex
	unused  map[*trackedConn]struct{}
	closing bool
}

// trackedConn leaves its listener's set of unused connections when something arrives.
type trackedConn struct {
	net.Conn
	from     *trackingListener
	accepted time.Time
	used     bool // accessed by the reading goroutine only
}

// trackedTLSConn has the methods by which the framework recognises TLS. A handshake alone does not make a connection used.
type trackedTLSConn struct {
	*trackedConn
	tls *tls.Conn
}

func (c trackedTLSConn) Handshake() error                     { return c.tls.Handshake() }
func (c trackedTLSConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func trackListener(l net.Listener) *trackingListener {
	return &trackingListener{Listener: l, unused: map[*trackedConn]struct{}{}}
}

// Accept returns the next connection.
func (l *trackingListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &trackedConn{Conn: accepted, from: l, accepted: time.Now()}
	l.mu.Lock()
	l.unused[c] = struct{}{}
	if l.closing {
		c.closeIfUnused()
	}
	l.mu.Unlock()
	if secure, ok := accepted.(*tls.Conn); ok {
		return trackedTLSConn{c, secure}, nil
	}
	return c, nil
}

// closeUnused closes unused connections when their time is up, including those that are accepted later.
func (l *trackingListener) closeUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	for c := range l.unused {
		c.closeIfUnused()
	}
}

// closeIfUnused closes the connection unusedConnTimeout after it was accepted, if nothing has arrived by then.
func (c *trackedConn) closeIfUnused() {
	time.AfterFunc(time.Until(c.accepted.Add(unusedConnTimeout)), func() {
		if c.markUsed() {
			_ = c.Conn.Close() // there is nothing to lose
		}
	})
}

// markUsed reports whether the connection was unused until now.
func (c *trackedConn) markUsed() bool {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	_, unused := c.from.unused[c]
	delete(c.from.unused, c)
	return unused
}

func (c *trackedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.used {
		c.used = true
		c.markUsed()
	}
	return n, err
}

func (c *trackedConn) Close() error {
	c.markUsed()
	return c.Conn.Close()
}
