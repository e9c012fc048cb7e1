package app

import (
	"context"
	"net"
	"sync"
)

// dualListener accepts connections from two sources: from inside this process, which always works and which no other program can use, and
// from the loopback interface, for the licensed programs on this machine.
type dualListener struct {
	loopback net.Listener // nil: only connections from inside the process
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// newDualListener returns a listener that also accepts the connections of loopback, unless that is nil.
func newDualListener(outer net.Listener) *dualListener {
	d := &dualListener{loopback: outer, accepted: make(chan net.Conn), closed: make(chan struct{})}
	if outer != nil {
		go d.acceptLoopback()
	}
	return d
}

// acceptLoopback passes on connections from the loopback interface until the listener is closed.
func (d *dualListener) acceptLoopback() {
	for {
		c, err := d.loopback.Accept()
		if err != nil {
			return
		}
		select {
		case d.accepted <- c:
		case <-d.closed:
			_ = c.Close()
			return
		}
	}
}

// dialInProcess connects from inside the process.
func (d *dualListener) dialInProcess(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case d.accepted <- theirs:
		return ours, nil
	case <-d.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *dualListener) Accept() (net.Conn, error) {
	select {
	case c := <-d.accepted:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *dualListener) Close() error {
	err := net.ErrClosed
	d.once.Do(func() {
		close(d.closed)
		err = nil
		if d.loopback != nil {
			err = d.loopback.Close()
		}
	})
	return err
}

func (d *dualListener) Addr() net.Addr {
	if d.loopback != nil {
		return d.loopback.Addr()
	}
	return inProcessAddr{}
}

// inProcessAddr is the address of a server that only this process reaches.
type inProcessAddr struct{}

func (inProcessAddr) Network() string { return "inside" }
func (inProcessAddr) String() string  { return "localhost" }
