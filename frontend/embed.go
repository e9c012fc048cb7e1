// Package frontend holds the built pages, which the server and the desktop window show. `make build` builds them; without that it
// holds none, and everything else compiles and is tested all the same.
package frontend

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Assets returns the folder of the built pages: index.html, and everything it asks for. Beside each larger file are the same bytes,
// compressed, with .br and .gz at the end of the name. When the pages are not built there is no index.html.
func Assets() fs.FS {
	pages, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is a constant
	}
	return pages
}
