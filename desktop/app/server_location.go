package app

import (
	"context"
	"errors"
)

// Why there is no server at the moment.
var (
	errChanging = errors.New("the server is being changed")
	errClosing  = errors.New("the window is closing")
)

// serverLocation returns the server that the pages use.
func (a *App) serverLocation() (ServerLocation, error) {
	b, err := a.backend(a.window.context())
	if err != nil {
		return ServerLocation{}, err
	}
	w := ServerLocation{Server: b.base.String(), Address: b.address}
	if b.embedded {
		w.Server, w.Secret = Embedded, a.settings.secretIn()
	}
	return w, nil
}

// UseServer stores a server in the settings and switches to it. The session on the previous one ends.
func (a *App) UseServer(where string) error {
	ctx := context.WithoutCancel(a.window.context())
	if !a.first {
		return errAlreadyOpen // the settings belong to the first instance
	}
	if _, err := a.backend(ctx); errors.Is(err, errClosing) {
		return err
	}
	if err := a.settings.setServer(where); err != nil {
		return err
	}
	a.switchServer(nil, errChanging) // the embedded server must release its directory before it is opened again
	server, err := a.connect(ctx, where)
	a.switchServer(server, err)
	if err == nil {
		a.window.reload()
	}
	return err
}
