// Package app implements the desktop program without its window: the embedded or remote server, the pages, and what pages may ask of the
// machine. It runs without a screen, so that it can be tested without one.
//
//	a, err := app.Open(app.Config{Dir: dir, Pages: frontend.Assets()})
//	…
//	wails.Run(a.Options())
//	a.Close()
//
// The pages use the same HTTP API as in a browser. A proxy answers it and keeps the session cookie itself: the window has no cookies, and
// no script ever sees the session's secret.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// Config holds the settings of the program. Dir and Pages must be set.
type Config struct {
	Dir    string       // holds all data of the program; created for this user alone if it is missing
	Pages  fs.FS        // the built pages
	Server string       // server to use from now on: a URL, or Embedded; empty: the one in the settings
	Files  []string     // license files to show first
	Log    *slog.Logger // nil: no log
}

// App is the program. One process at a time has a data directory.
type App struct {
	config   Config
	lock     *flock.Flock
	first    bool
	settings *settings
	pages    *pages
	window   window
	files    chosenFiles

	mu     sync.Mutex
	server *backend
	failed error         // why there is no server; nil: there is one
	ready  chan struct{} // closed when the first server is open or has failed
	closed bool
}

// errAlreadyOpen is shown by a second window, which only appears if the first one could not be found: without a session bus.
var errAlreadyOpen = errors.New("the program is already open in another window, which could not be reached; close that window first")

// Open takes the directory and reads the settings. If another process has the directory, the App is a second instance: it opens no
// server, and its window only hands over to the first one.
func Open(c Config) (*App, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	pages, err := servePages(c.Pages)
	if err != nil {
		return nil, err
	}
	a := &App{config: c, pages: pages, ready: make(chan struct{}), lock: flock.New(filepath.Join(c.Dir, "window.lock"))}
	if a.first, err = a.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	if a.settings, err = readSettings(c.Dir); err != nil {
		return nil, errors.Join(err, a.lock.Close())
	}
	if c.Server != "" && a.first {
		if err := a.settings.setServer(c.Server); err != nil {
			return nil, errors.Join(err, a.lock.Close())
		}
	}
	a.files.addOpened(c.Files)
	return a, nil
}

// Start opens the server that the settings name. It returns when the server answers or has failed. The pages may be requested before.
func (a *App) Start(ctx context.Context) {
	if !a.first {
		a.switchServer(nil, errAlreadyOpen)
		return
	}
	server, err := a.connect(ctx, a.settings.server())
	if err != nil {
		a.config.Log.Error("no server", "error", err)
	}
	a.switchServer(server, err)
}

// connect opens the server that a setting names: a URL or Embedded.
func (a *App) connect(ctx context.Context, where string) (*backend, error) {
	if where == "" || where == Embedded {
		return openEmbedded(ctx, a.config.Dir, a.settings, a.config.Log)
	}
	return openRemote(where, a.config.Log)
}

// switchServer replaces the present server and closes it.
func (a *App) switchServer(server *backend, err error) {
	a.mu.Lock()
	before := a.server
	a.server, a.failed = server, err
	select {
	case <-a.ready:
	default:
		close(a.ready)
	}
	late := a.closed
	a.mu.Unlock()
	if before != nil {
		a.logError("closing the server", before.close())
	}
	if late && server != nil {
		a.logError("closing the server", server.close())
	}
}

// backend waits until the first server is open or has failed, and returns the present one or why there is none.
func (a *App) backend(ctx context.Context) (*backend, error) {
	select {
	case <-a.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errClosing
	}
	return a.server, a.failed
}

// Close lets open requests finish and releases the directory.
func (a *App) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	server := a.server
	a.mu.Unlock()
	var errs []error
	if server != nil {
		errs = append(errs, server.close())
	}
	return errors.Join(append(errs, a.lock.Close())...)
}

// ServeHTTP answers the window: the API from the server, everything else from the pages.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		a.serveAPI(w, r)
		return
	}
	a.servePage(w, r)
}

// logError logs err, if there is one, with what was being done.
func (a *App) logError(doing string, err error) {
	if err != nil {
		a.config.Log.Error(doing, "error", err)
	}
}
