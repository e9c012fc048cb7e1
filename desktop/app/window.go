package app

import (
	"context"
	"errors"
	"sync"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Events that the page hears.
const eventOpened = "opened" // license files wait to be shown

// window is the window, once there is one. The runtime ends the program when it is called with another context than its own, so everything
// that is asked of it goes through here.
type window struct {
	mu  sync.Mutex
	ctx context.Context
}

var errNoWindow = errors.New("there is no window")

func (w *window) opened(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx = ctx
}

// context is the window's, or one that never ends.
func (w *window) context() context.Context {
	if ctx, ok := w.get(); ok {
		return ctx
	}
	return context.Background()
}

func (w *window) get() (context.Context, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ctx, w.ctx != nil
}

func (w *window) chooseFiles(title string, filters []runtime.FileFilter) ([]string, error) {
	ctx, ok := w.get()
	if !ok {
		return nil, errNoWindow
	}
	return runtime.OpenMultipleFilesDialog(ctx, runtime.OpenDialogOptions{Title: title, Filters: filters})
}

func (w *window) chooseFile(title string, filters []runtime.FileFilter) (string, error) {
	ctx, ok := w.get()
	if !ok {
		return "", errNoWindow
	}
	return runtime.OpenFileDialog(ctx, runtime.OpenDialogOptions{Title: title, Filters: filters})
}

func (w *window) saveAs(name string) (string, error) {
	ctx, ok := w.get()
	if !ok {
		return "", errNoWindow
	}
	return runtime.SaveFileDialog(ctx, runtime.SaveDialogOptions{Title: "Save", DefaultFilename: name})
}

func (w *window) copy(text string) error {
	ctx, ok := w.get()
	if !ok {
		return errNoWindow
	}
	return runtime.ClipboardSetText(ctx, text)
}

// bringToFront shows the window before all others.
func (w *window) bringToFront() {
	if ctx, ok := w.get(); ok {
		runtime.WindowShow(ctx)
		runtime.WindowUnminimise(ctx)
	}
}

func (w *window) emit(event string) {
	if ctx, ok := w.get(); ok {
		runtime.EventsEmit(ctx, event)
	}
}

// reload loads the first page anew.
func (w *window) reload() {
	if ctx, ok := w.get(); ok {
		runtime.WindowReloadApp(ctx)
	}
}
