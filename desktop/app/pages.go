package app

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
)

// pagesPolicy is the Content-Security-Policy of the pages: they may load and reach nothing but this program. The pages are always those
// of this program, with a remote server too: a server sends data, but no script that could ask something of this machine.
const pagesPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-src 'none'; " +
	"frame-ancestors 'none'"

// pages holds the built pages, and the first page split where information for it is inserted.
type pages struct {
	before, after []byte // of the index, around the place
	files         http.Handler
}

// servePages loads the built pages.
func servePages(build fs.FS) (*pages, error) {
	index, err := fs.ReadFile(build, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the program was built without its pages; build it with `make desktop`")
	} else if err != nil {
		return nil, err
	}
	const head = "<head>"
	before, after, ok := bytes.Cut(index, []byte(head))
	if !ok {
		return nil, errors.New("index.html has no <head>")
	}
	return &pages{before: append(before, head...), after: after, files: http.FileServerFS(build)}, nil
}

// servePage answers with a file of the pages. The first page is given the address at which programs reach the server: its own URL does
// not show it, and the page needs it before its first request.
func (a *App) servePage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagesPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if r.URL.Path != "/" && r.URL.Path != "/index.html" {
		a.pages.files.ServeHTTP(w, r)
		return
	}
	address := ""
	if b, err := a.backend(r.Context()); err == nil {
		address = b.address
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(a.pages.before)
	_, _ = fmt.Fprintf(w, `<meta name="onelicense-server" content="%s">`, html.EscapeString(address))
	_, _ = w.Write(a.pages.after)
}
