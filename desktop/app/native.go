package app

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Native has the methods that pages may call: files, dialogs, the clipboard, and the choice of the server. Their only caller is
// frontend/src/platform/desktop.ts. They return errors and never panic: after a panic the page would wait for the answer for ever.
type Native struct{ app *App }

// largestKey limits a keyring file in bytes, far above any real one.
const largestKey = 1 << 20

// Opened returns the license files that the program was asked to open since the last call.
func (n *Native) Opened() ([]Chosen, error) {
	return recoverPanic(n.app, func() ([]Chosen, error) { return n.app.files.takeOpened(), nil })
}

// Choose lets the user choose license files; none if the dialog is cancelled.
func (n *Native) Choose() ([]Chosen, error) {
	return recoverPanic(n.app, func() ([]Chosen, error) {
		paths, err := n.app.window.chooseFiles("Open license files", licenseFiles)
		return n.app.files.add(paths), err
	})
}

// VerifyFile verifies a chosen file with a keyring, or without one with the keys of the server's products.
func (n *Native) VerifyFile(id int, keyring string) (FileVerdict, error) {
	return recoverPanic(n.app, func() (FileVerdict, error) {
		file, err := n.app.files.get(id)
		if err != nil {
			return FileVerdict{}, err
		}
		return n.app.verifyFile(n.app.window.context(), file, keyring), nil
	})
}

// ChooseKeyring lets the user choose a file with a product's public key and returns its contents; empty if the dialog is cancelled.
func (n *Native) ChooseKeyring() (string, error) {
	return recoverPanic(n.app, func() (string, error) {
		path, err := n.app.window.chooseFile("Open a public key", keyFiles)
		if err != nil || path == "" {
			return "", err
		}
		return readKeyring(path)
	})
}

// SaveFile lets the user choose a path and writes the file there; false if the dialog is cancelled.
func (n *Native) SaveFile(name string, contents []byte) (bool, error) {
	return recoverPanic(n.app, func() (bool, error) {
		path, err := n.app.window.saveAs(name)
		if err != nil || path == "" {
			return false, err
		}
		return true, os.WriteFile(path, contents, 0o644)
	})
}

// Copy puts text on the clipboard.
func (n *Native) Copy(text string) error {
	_, err := recoverPanic(n.app, func() (struct{}, error) { return struct{}{}, n.app.window.copy(text) })
	return err
}

// ServerLocation describes the server that the pages use.
type ServerLocation struct {
	Server  string `json:"server"`           // a URL, or Embedded
	Address string `json:"address"`          // origin at which licensed programs reach it
	Secret  string `json:"secret,omitempty"` // where the owner's password of the embedded server is stored: keychain or file
}

// ServerLocation returns the server that the pages use.
func (n *Native) ServerLocation() (ServerLocation, error) {
	return recoverPanic(n.app, func() (ServerLocation, error) { return n.app.serverLocation() })
}

// UseServer switches to another server, now and for later starts, and shows its first page.
func (n *Native) UseServer(where string) error {
	_, err := recoverPanic(n.app, func() (struct{}, error) { return struct{}{}, n.app.UseServer(where) })
	return err
}

// recoverPanic turns a panic into an error and logs it with its stack.
func recoverPanic[T any](a *App, do func() (T, error)) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			a.config.Log.Error("a call from the page panicked", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("the program failed: %v", r)
		}
	}()
	return do()
}

func readKeyring(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestKey+1))
	if err == nil && len(text) > largestKey {
		err = fmt.Errorf("more than %d bytes, too large for a key", largestKey)
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return string(text), nil
}

var (
	licenseFiles = []runtime.FileFilter{{DisplayName: "License files (*.txt)", Pattern: "*.txt"}, {DisplayName: "All files", Pattern: "*"}}
	keyFiles     = []runtime.FileFilter{{DisplayName: "Public keys", Pattern: "*.asc;*.gpg;*.pgp;*.pub;*.txt"},
		{DisplayName: "All files", Pattern: "*"}}
)
