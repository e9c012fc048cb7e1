package server

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/frontend"
	"github.com/onelicense/onelicense/server/api"
)

// The pages: the built frontend/, at the root of the server. Which page is meant stands behind # in its address, so the server knows only one,
// and the files that it asks for.

// pagesCSP is what the pages may do. They load and reach nothing but this server, and no other page shows them in a frame. The module
// that verifies license files is compiled in the page, and the components' positions and sizes are styles of their elements.
const pagesCSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// immutableCache is for files whose name changes with their contents.
const immutableCache = "public, max-age=31536000, immutable"

// encodings are the compressed copies that the build lays beside its files, the smallest first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// contentTypes of the files that the build makes; the system's table is another on every machine.
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

// staticFile is one file of the build. It is read when it is asked for: the build lies in the program's file, and most of it is wanted seldom.
type staticFile struct {
	build              fs.FS
	name               string
	contentType, cache string
	compressed         map[string]string // names of the compressed copies, by encoding
}

// registerPages registers the pages that were embedded.
func (s *Server) registerPages() error { return s.registerStaticFiles(s.app, frontend.Assets()) }

// registerStaticFiles registers a route for each file of a build. There is no way to ask for a path that was not built.
func (s *Server) registerStaticFiles(app *fiber.App, build fs.FS) error {
	built, err := findStaticFiles(build)
	if err != nil {
		return fmt.Errorf("reading the pages: %w", err)
	}
	index, ok := built["index.html"]
	if !ok {
		app.Get("/", func(c *fiber.Ctx) error {
			return c.SendString("This server was built without its pages. `make build` builds them; the API is at " + api.Prefix + ".\n")
		})
		return nil
	}
	for name, p := range built {
		app.Get("/"+name, p.send)
	}
	app.Get("/", index.send)
	app.Get("/setup", s.redirectSetupToPages)
	return nil
}

// redirectSetupToPages leads a browser to the page behind the one-time link; what asks from a command line gets the next handler's text. The token
// travels behind #, where it is neither sent nor logged again.
func (s *Server) redirectSetupToPages(c *fiber.Ctx) error {
	if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		return c.Next()
	}
	to := "/#/setup"
	if token := tokenFromQuery(c); token != "" {
		to += "?token=" + token
	}
	return c.Redirect(to, http.StatusSeeOther)
}

// findStaticFiles lists what there is to be served, by name.
func findStaticFiles(build fs.FS) (map[string]*staticFile, error) {
	pages := make(map[string]*staticFile)
	err := fs.WalkDir(build, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || isCompressedCopy(name) {
			return err
		}
		p := &staticFile{build: build, name: name, contentType: contentType(name), cache: "no-cache", compressed: make(map[string]string)}
		if strings.HasPrefix(name, "assets/") {
			p.cache = immutableCache
		}
		for _, e := range encodings {
			switch _, err := fs.Stat(build, name+e.suffix); {
			case err == nil:
				p.compressed[e.name] = name + e.suffix
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
		pages[name] = p
		return nil
	})
	return pages, err
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

func (p *staticFile) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, p.contentType)
	c.Set(fiber.HeaderCacheControl, p.cache)
	c.Set(fiber.HeaderContentSecurityPolicy, pagesCSP)
	name := p.name
	if len(p.compressed) > 0 {
		c.Vary(fiber.HeaderAcceptEncoding)
		for _, e := range encodings {
			if copied, ok := p.compressed[e.name]; ok && acceptsEncoding(c.Get(fiber.HeaderAcceptEncoding), e.name) {
				c.Set(fiber.HeaderContentEncoding, e.name)
				name = copied
				break
			}
		}
	}
	body, err := fs.ReadFile(p.build, name)
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	return c.Send(body)
}

// acceptsEncoding tells whether the header names the encoding and does not refuse it with q=0.
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
