package app

import (
	"context"
	"net"
	"sync"
)

// doors is a listener with two: one inside this process, which always works and no other program can knock at, and one on the loopback
// interface, for the licensed programs on this machine.
type doors struct {
	outer  net.Listener // nil: only the inner one
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func openDoors(outer net.Listener) *doors {
	d := &doors{outer: outer, come: make(chan net.Conn), closed: make(chan struct{})}
	if outer != nil {
		go d.watch()
	}
	return d
}

// watch lets in who comes from outside, until the listener is closed.
func (d *doors) watch() {
	for {
		c, err := d.outer.Accept()
		if err != nil {
			return
		}
		select {
		case d.come <- c:
		case <-d.closed:
			c.Close()
			return
		}
	}
}

// dial comes in through the inner door.
func (d *doors) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case d.come <- theirs:
		return ours, nil
	case <-d.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *doors) Accept() (net.Conn, error) {
	select {
	case c := <-d.come:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *doors) Close() error {
	err := net.ErrClosed
	d.once.Do(func() {
		close(d.closed)
		err = nil
		if d.outer != nil {
			err = d.outer.Close()
		}
	})
	return err
}

func (d *doors) Addr() net.Addr {
	if d.outer != nil {
		return d.outer.Addr()
	}
	return inside{}
}

// inside is the address of a server that only this process reaches.
type inside struct{}

func (inside) Network() string { return "inside" }
func (inside) String() string  { return "localhost" }
