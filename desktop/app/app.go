// Package app is the desktop program but for its window: the server in it or the remote one, the pages, and what pages may ask of the machine.
// It runs without a screen, so that it is tested without one.
//
//	a, err := app.Open(app.Config{Dir: dir, Pages: frontend.Assets()})
//	…
//	wails.Run(a.Options())
//	a.Close()
//
// The pages speak the same HTTP API as in a browser. It is answered by a proxy that keeps the session itself: the window has no cookies, and
// no script ever sees what a session is opened with.
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

// Config is what the program is started with. Dir and Pages must be given.
type Config struct {
	Dir    string       // of everything that the program keeps; made, for this user alone, if there is none
	Pages  fs.FS        // the built pages
	Server string       // where to connect from now on: a URL, or Embedded; empty: as it was
	Files  []string     // license files to show first
	Log    *slog.Logger // nil: no log
}

// App is the program. One process has a directory at a time.
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
	failed error         // why there is no server
	ready  chan struct{} // closed when there is one, or none can be had
	closed bool
}

// errAlreadyOpen is what a window shows that should not be there: without a session bus the first one is not found.
var errAlreadyOpen = errors.New("the program is open already, in a window that could not be reached; close that one first")

// Open takes the directory and reads the settings. When another process has the directory, the App is a second one: it opens no server, and
// its window only gives way to the first one's.
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

// Start opens the server that the settings name, and returns when it answers or cannot. The pages may be asked for before.
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

// connect makes the backend that a setting names.
func (a *App) connect(ctx context.Context, where string) (*backend, error) {
	if where == "" || where == Embedded {
		return openEmbedded(ctx, a.config.Dir, a.settings, a.config.Log)
	}
	return openRemote(where, a.config.Log)
}

// switchServer puts a server in the place of the one before, which is closed.
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

// backend waits for the server of the start, and is why there is none otherwise.
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

// Close lets the requests under way finish and gives the directory back.
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

// ServeHTTP answers what the window asks for: the API from the server, everything else from the pages.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		a.serveAPI(w, r)
		return
	}
	a.servePage(w, r)
}

func (a *App) logError(doing string, err error) {
	if err != nil {
		a.config.Log.Error(doing, "error", err)
	}
}
