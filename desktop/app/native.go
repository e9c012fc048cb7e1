package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Native is what pages may ask of the machine: files, dialogs, the clipboard, and which server is meant. frontend/src/platform/desktop.ts is
// the one caller. Each method returns an error instead of panicking: the page would wait for the answer for ever.
type Native struct{ app *App }

// largestKey is more than any keyring has, in bytes.
const largestKey = 1 << 20

// Opened are the license files that the program was asked to show since the last time.
func (n *Native) Opened() ([]Chosen, error) {
	return recoverPanic(n.app, func() ([]Chosen, error) { return n.app.files.takeOpened(), nil })
}

// Choose asks the person for license files; none when they change their mind.
func (n *Native) Choose() ([]Chosen, error) {
	return recoverPanic(n.app, func() ([]Chosen, error) {
		paths, err := n.app.window.chooseFiles("Open license files", licenseFiles)
		return n.app.files.add(paths), err
	})
}

// Judge verifies a file that was chosen, by a keyring or, without one, by the keys of the server's products.
func (n *Native) Judge(id int, keyring string) (FileVerdict, error) {
	return recoverPanic(n.app, func() (FileVerdict, error) {
		file, err := n.app.files.get(id)
		if err != nil {
			return FileVerdict{}, err
		}
		return n.app.verifyFile(n.app.window.context(), file, keyring), nil
	})
}

// ChooseKeyring asks the person for a file with a product's public key and reads it; empty when they change their mind.
func (n *Native) ChooseKeyring() (string, error) {
	return recoverPanic(n.app, func() (string, error) {
		path, err := n.app.window.chooseFile("Open a public key", keyFiles)
		if err != nil || path == "" {
			return "", err
		}
		return readKeyring(path)
	})
}

// SaveFile asks the person where and writes there; false when they change their mind.
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

// ServerLocation is the server that the pages speak to.
type ServerLocation struct {
	Server  string `json:"server"`           // a URL, or Embedded
	Address string `json:"address"`          // where programs reach it
	Secret  string `json:"secret,omitempty"` // where the embedded server's owner has the password: keychain or file
}

// Where tells which server it is.
func (n *Native) Where() (ServerLocation, error) {
	return recoverPanic(n.app, func() (ServerLocation, error) { return n.app.serverLocation() })
}

// UseServer connects to another server, from now on and after the next start, and shows its first page.
func (n *Native) UseServer(where string) error {
	_, err := recoverPanic(n.app, func() (struct{}, error) { return struct{}{}, n.app.UseServer(where) })
	return err
}

// recoverPanic makes an error of a panic, which is logged whole.
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
		err = errors.New("it is too large for a key")
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return string(text), nil
}

var (
	licenseFiles = []runtime.FileFilter{{DisplayName: "License files (*.txt)", Pattern: "*.txt"}, {DisplayName: "All files", Pattern: "*"}}
	keyFiles     = []runtime.FileFilter{{DisplayName: "Public keys", Pattern: "*.asc;*.gpg;*.pgp;*.pub;*.txt"}, {DisplayName: "All files", Pattern: "*"}}
)
