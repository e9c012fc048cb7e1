package app

import (
	"context"
	"errors"
	"sync"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Events for the page.
const eventOpened = "opened" // license files wait to be shown

// window calls the GUI runtime once there is a window. The runtime ends the program if it is called with another context than its own, so
// every call to it goes through here.
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

// context returns the window's context, or one that never ends.
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

// bringToFront shows the window above all others.
func (w *window) bringToFront() {
	if ctx, ok := w.get(); ok {
		runtime.WindowShow(ctx)
		runtime.WindowUnminimise(ctx)
	}
}

// emit sends an event to the page.
func (w *window) emit(event string) {
	if ctx, ok := w.get(); ok {
		runtime.EventsEmit(ctx, event)
	}
}

// reload loads the first page again.
func (w *window) reload() {
	if ctx, ok := w.get(); ok {
		runtime.WindowReloadApp(ctx)
	}
}
