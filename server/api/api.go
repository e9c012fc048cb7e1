// Package api is the management API: what the pages, the command line and a vendor's own programs use, under Prefix.
//
// Register adds its routes to a fiber app. Each route is a typed handler, from whose types the OpenAPI document is made (Describe), and
// names the one access.Action that it takes; there is no way to add a route without. A handler is given the caller's Identity and asks the
// domain for records of its organisation only, so another's record is not there: 404.
//
// Whatever goes wrong is answered as problem+json with a stable code (package problem).
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/keys"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/notify"
	"github.com/onelicense/onelicense/server/problem"
)

// Prefix of every route.
const Prefix = "/api/v1"

// Config holds the services behind the routes, and the settings of the API.
type Config struct {
	Access    *access.Service
	Catalogue *catalogue.Service
	Leasing   *leasing.Service
	Keys      *keys.Service
	Events    *events.Service
	Audit     *audit.Log
	Notify    *notify.Service
	Entries   licensing.EntryStore // where answers are kept for those who ask again
	Secret    []byte               // seals them; the same on every node
	Now       func() time.Time
	Log       *slog.Logger
	Secure    bool // browsers reach the server by TLS: the session cookie is sent nowhere else
}

// API is the registered routes.
type API struct {
	Config
	huma          huma.API
	routes        []Route
	recordReaders map[string]recordReader // of records, by path
	limitedRoutes []limitedRoute
}

// Route is one route and the right it wants.
type Route struct {
	Method, Path string
	Action       access.Action
	Mutates      bool // something, and so has a line in the audit log
}

// Routes lists every route, in the order of registration.
func (a *API) Routes() []Route { return slices.Clone(a.routes) }

// Register adds the routes to the app.
func Register(app *fiber.App, c Config) *API {
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrict}
	config := huma.Config{
		OpenAPI:                      newDocument(),
		Formats:                      map[string]huma.Format{"application/json": format, "json": format}, // the second for …/problem+json
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
	a := &API{Config: c, huma: humafiber.New(app, config), recordReaders: map[string]recordReader{}}
	a.registerSession()
	a.registerTokens()
	a.registerMembers()
	a.registerInvitations()
	a.registerMFA()
	a.registerOIDC()
	a.registerProducts()
	a.registerKeys()
	a.registerVersions()
	a.registerLicenses()
	a.registerBulkOperations()
	a.registerLicenseImportExport()
	a.registerFullExportImport()
	a.registerLicenseLifecycle()
	a.registerUsage()
	a.registerQueueAndHolds()
	a.registerCustomers()
	a.registerActivations()
	a.registerAudit()
	a.registerEvents()
	a.registerWebhooks()
	a.registerNotificationPreferences()
	completeDocument(a.huma.OpenAPI())
	app.Get(Prefix+"/openapi.json", a.serveOpenAPI())
	return a
}

// serveOpenAPI serves the document, which is written once, when it is first wanted.
func (a *API) serveOpenAPI() fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/vnd.oai.openapi+json")
		text, err := json.Marshal(a.huma.OpenAPI())
		if err != nil {
			return err
		}
		return c.Send(text)
	}
}

// GenerateOpenAPI writes the OpenAPI document, always the same for the same source.
func GenerateOpenAPI() ([]byte, error) {
	a := Register(fiber.New(), Config{})
	text, err := json.MarshalIndent(a.huma.OpenAPI(), "", " ")
	return append(text, '\n'), err
}

// operation describes a route: method, path, permission, and the options of its middleware.
type operation struct {
	method, path string // path below Prefix
	id           string // name of the function in generated clients
	summary      string
	tag          string
	action       access.Action
	status       int      // of success; 0: 200, or 204 without a body
	conditional  bool     // a deletion that is held to the revision that If-Match names: see wanted
	readOnly     bool     // changes nothing, whatever its method
	login        bool     // a GET that lets somebody in, which is noted like a login
	bodyLimit    int      // bytes of its body, if more than everybody may send: see Room
	streaming    bool     // its answer may take long to send
	mediaTypes   []string // media types of its body; none: JSON
	customise    func(*huma.Operation)
}

// addRoute registers a typed handler behind its door.
func addRoute[I, O any](a *API, op operation, handle func(context.Context, access.Identity, *I) (*O, error)) {
	a.routes = append(a.routes, Route{op.method, Prefix + op.path, op.action, !isSafeMethod(op.method) && !op.readOnly})
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: Prefix + op.path, Summary: op.summary, Tags: []string{op.tag},
		DefaultStatus: op.status, MaxBodyBytes: -1, // the server's own limit holds, for every route
		Middlewares: huma.Middlewares{a.authMiddleware(op)},
	}
	if op.action != access.ActionAnyone {
		described.Security = []map[string][]string{{"session": {}}}
		if op.action != access.ActionSelf {
			described.Security = append(described.Security, map[string][]string{"token": {}})
		}
		described.Extensions = map[string]any{"x-action": op.action, "x-roles": access.RolesAllowed(op.action)}
	}
	edits := hasRevision[I]()
	tagged := hasRevision[O]()
	if op.takesIdempotencyKey() {
		describeIdempotencyKey(&described)
	}
	describeConditionalHeaders(&described, tagged, edits || op.conditional)
	if op.customise != nil {
		op.customise(&described)
	}
	_, hasBody := reflect.TypeFor[I]().FieldByName("Body")
	_, raw := reflect.TypeFor[I]().FieldByName("RawBody")
	describeErrors(&described, op.possibleErrors(edits, hasBody || raw))
	a.setRequestLimits(op)
	handle = withAudit(a, op, handle)
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		who, _ := ctx.Value(identityKey).(access.Identity)
		c := callFromContext(ctx)
		if c.ifMatch.isGiven && !edits && !op.conditional {
			return nil, problem.New(problem.PreconditionFailed, "this operation does not accept If-Match")
		}
		if err := c.ifMatch.applyTo(revisionField(reflect.ValueOf(in).Elem())); err != nil {
			return nil, a.toProblem(ctx, err)
		}
		out, err := handle(ctx, who, in)
		if err != nil {
			return nil, a.toProblem(ctx, c.ifMatch.translateError(err))
		}
		if tagged {
			c.revision = *revisionField(reflect.ValueOf(out).Elem())
		}
		return out, nil
	})
	if raw { // the framework writes in that anything is taken
		delete(described.RequestBody.Content, "application/octet-stream")
	}
}

// isSafeMethod methods change nothing.
func isSafeMethod(method string) bool { return method == http.MethodGet || method == http.MethodHead }
