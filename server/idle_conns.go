package server

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// Browsers, and Go's own client, open connections ahead that they may never use. The framework takes a connection on which nothing has come
// yet for one with a request under way, and at the end it would wait for it in vain. net/http closes such a connection once it has been
// silent for five seconds, and so does this server.

// unusedConnTimeout is how long a new connection may be silent when the server stops.
const unusedConnTimeout = 5 * time.Second

// trackingListener knows the connections on which nothing has come yet.
type trackingListener struct {
	net.Listener

	mu      sync.Mutex
	unused  map[*trackedConn]struct{}
	closing bool
}

// trackedConn is a connection that says so when something comes.
type trackedConn struct {
	net.Conn
	from     *trackingListener
	accepted time.Time
	used     bool // only its reader's
}

// trackedTLSConn is one by TLS, which the framework knows by these methods. The handshake is not yet something that comes.
type trackedTLSConn struct {
	*trackedConn
	tls *tls.Conn
}

func (c trackedTLSConn) Handshake() error                     { return c.tls.Handshake() }
func (c trackedTLSConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func trackListener(l net.Listener) *trackingListener {
	return &trackingListener{Listener: l, unused: map[*trackedConn]struct{}{}}
}

// Accept gives the next connection.
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

// closeUnused makes silent connections end in time, those that are still accepted too.
func (l *trackingListener) closeUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	for c := range l.unused {
		c.closeIfUnused()
	}
}

// closeIfUnused closes it when its time is over and nothing has come.
func (c *trackedConn) closeIfUnused() {
	time.AfterFunc(time.Until(c.accepted.Add(unusedConnTimeout)), func() {
		if c.markUsed() {
			_ = c.Conn.Close() // there is nothing to lose
		}
	})
}

// markUsed tells whether it was silent up to now.
func (c *trackedConn) markUsed() bool {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	_, silent := c.from.unused[c]
	delete(c.from.unused, c)
	return silent
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
