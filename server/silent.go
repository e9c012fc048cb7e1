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

// silentPatience is how long a new connection may be silent when the server stops.
const silentPatience = 5 * time.Second

// listener knows the connections on which nothing has come yet.
type listener struct {
	net.Listener

	mu     sync.Mutex
	silent map[*conn]struct{}
	ending bool
}

// conn is a connection that says so when something comes.
type conn struct {
	net.Conn
	from     *listener
	accepted time.Time
	heard    bool // only its reader's
}

// secureConn is one by TLS, which the framework knows by these methods. The handshake is not yet something that comes.
type secureConn struct {
	*conn
	tls *tls.Conn
}

func (c secureConn) Handshake() error                     { return c.tls.Handshake() }
func (c secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func listen(l net.Listener) *listener {
	return &listener{Listener: l, silent: map[*conn]struct{}{}}
}

// Accept gives the next connection.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, from: l, accepted: time.Now()}
	l.mu.Lock()
	l.silent[c] = struct{}{}
	if l.ending {
		c.endIfSilent()
	}
	l.mu.Unlock()
	if secure, ok := accepted.(*tls.Conn); ok {
		return secureConn{c, secure}, nil
	}
	return c, nil
}

// end makes silent connections end in time, those that are still accepted too.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	for c := range l.silent {
		c.endIfSilent()
	}
}

// endIfSilent closes it when its time is over and nothing has come.
func (c *conn) endIfSilent() {
	time.AfterFunc(time.Until(c.accepted.Add(silentPatience)), func() {
		if c.forget() {
			_ = c.Conn.Close() // there is nothing to lose
		}
	})
}

// forget tells whether it was silent up to now.
func (c *conn) forget() bool {
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	_, silent := c.from.silent[c]
	delete(c.from.silent, c)
	return silent
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.heard {
		c.heard = true
		c.forget()
	}
	return n, err
}

func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}
