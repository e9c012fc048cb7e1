package httpd

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/api"
)

// The pages are the built frontend, served at the root. The page's own route is behind # in the address, so the server serves one document
// and the files that it loads.

// pagesCSP is the Content-Security-Policy of the pages. They load from and connect to this server only, and cannot be framed. The module
// that verifies license files is compiled in the page, and the components set positions and sizes as styles of their elements.
const pagesCSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// immutableCache is for files whose name changes with their content.
const immutableCache = "public, max-age=31536000, immutable"

// encodings are the compressed copies that the build writes beside its files, the smallest first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// contentTypes of the files that the build makes; the system's table differs between machines.
var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  fiber.MIMETextHTMLCharsetUTF8,
	".js":    "text/javascript; charset=utf-8",
	".json":  fiber.MIMEApplicationJSON,
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".wasm":  "application/wasm",
	".woff2": "font/woff2",
}

// staticFile is one file of the build. It is read on each request: the build is part of the program's file, and most of it is rarely
// requested.
type staticFile struct {
	build              fs.FS
	name               string
	contentType, cache string
	compressed         map[string]string // names of the compressed copies, by encoding
}

// registerPages registers a route for each file of a build. No path that was not built can be requested. A build without index.html, or
// nil, registers a text that explains how to build the pages.
func (s *Server) registerPages(app *fiber.App, build fs.FS) error {
	files, err := findStaticFiles(build)
	if err != nil {
		return fmt.Errorf("reading the pages: %w", err)
	}
	index, ok := files["index.html"]
	if !ok {
		app.Get("/", func(c *fiber.Ctx) error {
			return c.SendString("This server was built without its pages. Run `make build` to include them. The API is at " + api.Prefix + ".\n")
		})
		return nil
	}
	for name, f := range files {
		app.Get("/"+name, f.send)
	}
	app.Get("/", index.send)
	app.Get("/setup", redirectSetupToPages)
	return nil
}

// redirectSetupToPages redirects a browser to the page for the one-time setup link; other clients get the next handler's text. The token is
// put behind #, where it is neither sent nor logged again.
func redirectSetupToPages(c *fiber.Ctx) error {
	if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		return c.Next()
	}
	to := "/#/setup"
	if token := tokenFromQuery(c); token != "" {
		to += "?token=" + token
	}
	return c.Redirect(to, http.StatusSeeOther)
}

// findStaticFiles lists the files to serve, by name.
func findStaticFiles(build fs.FS) (map[string]*staticFile, error) {
	files := make(map[string]*staticFile)
	if build == nil {
		return files, nil
	}
	err := fs.WalkDir(build, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || isCompressedCopy(name) {
			return err
		}
		f := &staticFile{build: build, name: name, contentType: contentType(name), cache: "no-cache", compressed: make(map[string]string)}
		if strings.HasPrefix(name, "assets/") {
			f.cache = immutableCache
		}
		for _, e := range encodings {
			switch _, err := fs.Stat(build, name+e.suffix); {
			case err == nil:
				f.compressed[e.name] = name + e.suffix
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
		files[name] = f
		return nil
	})
	return files, err
}

func isCompressedCopy(name string) bool {
	for _, e := range encodings {
		if strings.HasSuffix(name, e.suffix) {
			return true
		}
	}
	return false
}

func contentType(name string) string {
	ext := path.Ext(name)
	if t, ok := contentTypes[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return fiber.MIMEOctetStream
}

func (f *staticFile) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, f.contentType)
	c.Set(fiber.HeaderCacheControl, f.cache)
	c.Set(fiber.HeaderContentSecurityPolicy, pagesCSP)
	name := f.name
	if len(f.compressed) > 0 {
		c.Vary(fiber.HeaderAcceptEncoding)
		for _, e := range encodings {
			if compressed, ok := f.compressed[e.name]; ok && acceptsEncoding(c.Get(fiber.HeaderAcceptEncoding), e.name) {
				c.Set(fiber.HeaderContentEncoding, e.name)
				name = compressed
				break
			}
		}
	}
	body, err := fs.ReadFile(f.build, name)
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	return c.Send(body)
}

// acceptsEncoding reports whether an Accept-Encoding header names the encoding and does not refuse it with q=0.
func acceptsEncoding(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q := strings.TrimLeft(strings.TrimPrefix(strings.ReplaceAll(parameter, " ", ""), "q="), "0.")
		return parameter == "" || q != ""
	}
	return false
}
