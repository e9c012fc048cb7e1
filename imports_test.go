package onelicense_test

// Who may import whom, and which packages must stay still. The three tables are the rules; a package, a dependency or an
// arrow that no table knows is a failure, so that each new one is placed on purpose. The rules are about direct imports of
// files that are not tests: what a package reaches through another is that one's business.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/onelicense/onelicense"

// arrows lists, for each package of this module, the packages of this module that it may import. A name ending in /... stands
// for everything below it. Who may import license/lease may import license too: the lease's types are spelled in its words. What a
// build tag opens besides stands in byTag.
var arrows = []struct {
	pkg string
	may []string
	why string
}{
	{"license", nil, "the innermost words: everybody can embed them"},
	{"license/lease", []string{"license"}, "what is said on the wire knows no machine and no server"},
	{"license/pgp", []string{"license"}, "OpenPGP implements Keyring and Signer; nobody inside knows of it"},

	{"wasm/abi", []string{"license/lease"}, "hosts share it, so it must not draw in the machine"},
	{"wasm/client", []string{"license/lease", "wasm/abi"}, "the machine is given its keyring's parser and never sees OpenPGP"},
	{"wasm", []string{"license/lease", "license/pgp", "wasm/abi", "wasm/client"}, "main joins machine and OpenPGP and has no logic"},
	{"wasm/dist", nil, "only embeds the built module"},
	{"wasm/trace", []string{"license/lease"}, "recordings are data: whoever makes or replays them brings the machine"},
	{"server/sim", []string{"license/lease", "wasm/abi", "wasm/client", "wasm/trace", "server/licensing", "server/licensing/services",
		"server/store/memory"},
		"the simulated world is the real machine against the real domain, without network"},

	{"server/licensing", []string{"license/lease"},
		"records, limits and the interfaces of store and issuer: the part of the domain that stores know"},
	{"server/licensing/events", []string{"license/lease", "server/licensing"}, "history and events need nothing but a store"},
	{"server/licensing/keys", []string{"license/lease", "server/licensing"}, "keys and statements of products"},
	{"server/licensing/leasing", []string{"license/lease", "server/licensing", "server/licensing/events", "server/licensing/keys"},
		"the rules of a sync know nothing of how the catalogue is edited"},
	{"server/licensing/catalogue", []string{"license/lease", "server/licensing", "server/licensing/events", "server/licensing/keys"},
		"what a vendor edits; installations are an interface that it owns"},
	{"server/licensing/services", []string{"server/licensing", "server/licensing/catalogue", "server/licensing/events",
		"server/licensing/keys",
		"server/licensing/leasing"}, "the one place that joins the services of the domain"},
	{"server/oidc", []string{"server/access"}, "it speaks with providers of logins; whom they let in is decided in access"},
	{"server/access", []string{"license/lease", "server/licensing"}, "people and tokens belong to the domain's organisations"},
	{"server/notify", []string{"license/lease", "server/licensing", "server/licensing/events"}, "it tells of what happened in the domain"},
	{"server/audit", []string{"license/lease", "server/licensing"}, "a chain of lines is kept in entries, and is verified without a server"},
	{"server/config", nil, "reading settings starts nothing"},
	{"server/issuer", []string{"license/lease", "license/pgp", "server/licensing"},
		"the only holder of private keys is small, speaks the domain's words and reaches nothing else"},
	{"server/masterkey", nil, "a key comes from outside; what it opens is not known here"},
	{"server/store/storetest", []string{"license/lease", "server/access", "server/licensing"}, "one contract for every store"},
	{"server/store/memory", []string{"license/lease", "server/licensing"}, "a store knows the domain and no transport"},
	{"server/store/sqlite", []string{"license/lease", "server/access", "server/licensing"}, "a store knows the domain and no transport"},
	{"server/store/mongo", []string{"license/lease", "server/access", "server/licensing"}, "a store knows the domain and no transport"},
	{"server/problem", []string{"license", "server/access", "server/licensing"}, "the one map from codes to HTTP"},
	{"server/protocol", []string{"license/lease", "server/access", "server/licensing", "server/licensing/leasing", "server/problem"},
		"the hot endpoint speaks to the domain, never to a store"},
	{"server/api", []string{"license/lease", "server/access", "server/audit", "server/licensing", "server/licensing/catalogue",
		"server/licensing/events", "server/licensing/keys", "server/licensing/leasing", "server/notify", "server/problem"},
		"handlers speak to the domain, never to a store"},
	{"server/store", []string{"server/access", "server/licensing"}, "it names the interface of a whole store and knows none of them"},
	{"server/telemetry/metrics", nil, "it counts what it is told and knows no domain"},
	{"server/telemetry/traces", nil, "it sends what it is told and knows no domain"},
	{"server/telemetry", []string{"license/lease", "server/licensing", "server/licensing/leasing", "server/problem", "server/protocol",
		"server/store",
		"server/telemetry/..."}, "it wraps the interfaces of service and store, whatever implements them"},
	{"server/data", []string{"server/config", "server/issuer", "server/licensing", "server/licensing/events", "server/licensing/services",
		"server/masterkey", "server/store", "server/store/mongo", "server/store/sqlite"},
		"the one place that opens stores and keys; it serves nothing"},
	{"server/httpd", []string{"license", "server/api", "server/config", "server/problem", "server/protocol", "server/telemetry",
		"server/telemetry/traces"},
		"HTTP only: it is given its services and never sees store or issuer"},
	{"server/ops", []string{"license/lease", "server/access", "server/audit", "server/data", "server/issuer", "server/licensing",
		"server/masterkey",
		"server/store/mongo", "server/store/sqlite"},
		"what an operator runs beside a server works on the data and never on a running server"},
	{"server", []string{"frontend", "license/lease", "server/access", "server/api", "server/audit", "server/config", "server/data",
		"server/httpd",
		"server/issuer", "server/licensing", "server/licensing/events", "server/licensing/services", "server/masterkey", "server/notify",
		"server/oidc",
		"server/protocol", "server/store", "server/telemetry"},
		"composition only: it connects the parts, which never import it"},
	{"server/servertest", []string{"license/lease", "license/pgp", "server", "server/access", "server/api", "server/store"},
		"a whole server for tests; no product code imports it"},
	{"server/apiclient", nil, "a client for other people's programs, generated from the OpenAPI document; it needs the standard library only"},
	{"server/cmd/onelicense/demo", []string{"license", "license/lease", "license/pgp"},
		"it runs what a user has: commands, HTTP, and a dishonest server of its own"},
	{"server/cmd/onelicense/apicmd", []string{"license", "server/apiclient", "spec"},
		"it knows only the API's OpenAPI document; license for the remedies of verdicts"},
	{"spec", nil, "it only embeds what programs read while they run"},
	{"server/cmd/onelicense", []string{"hosts/go", "license", "license/lease", "license/pgp", "server", "server/apiclient", "server/audit",
		"server/config", "server/data", "server/httpd", "server/masterkey",
		"server/ops", "server/cmd/onelicense/demo", "server/cmd/onelicense/apicmd", "server/telemetry/...", "spec"},
		"the commands; hosts/go because `verify --wasm` asks the shipped module, spec for the table of verdicts"},

	{"hosts/go", []string{"license", "wasm/abi", "wasm/dist"}, "a host runs the shipped module and decides nothing; license for the codes"},
	{"hosts/go/demo", []string{"hosts/go"}, "a program as a vendor would write it"},
	{"hosts/conformance", []string{"hosts/go", "wasm/abi"}, "it drives hosts by what they promise"},
	{"desktop", []string{"desktop/app", "frontend"}, "main only opens the window, with the pages in it"},
	{"desktop/app", []string{"hosts/go", "license", "server"}, "local licenses are verified by the shipped module, never by other code"},
	{"frontend", nil, "only embeds the built pages"},
	{"server/bench/shards", nil, "a model of its own, which no server takes part in"},
	{"server/bench", []string{"license", "license/lease", "license/pgp", "server", "server/licensing", "server/store/mongo",
		"server/store/sqlite"},
		"it asks a whole server over HTTP, but fills pools of 100 000 seats through the store"},
	{"internal/gen/...", []string{"license/lease", "license/pgp"}, "generators write files; no product code imports them"},
	{"internal/lint", nil, "it reads source files"},
	{"server/internal/gen/...", []string{"server/api"}, "the generators that need the API's description"},
}

// byTag lists what a build tag opens besides.
var byTag = []struct {
	tag string
	pkg string
	may []string
	why string
}{
	{"native", "hosts/go", []string{"license/lease", "license/pgp", "wasm/client"},
		"who asks for it by name trusts the own build of the core in the place of the shipped module"},
}

// homes lists where each dependency may be imported, so that replacing one is work in one place.
var homes = []struct {
	dependency string
	in         []string
	why        string
}{
	{"github.com/ProtonMail/go-crypto", []string{"license/pgp"}, "one judge of signatures"},
	{"github.com/cloudflare/circl", []string{"license/lease", "wasm/client"},
		"the device's signatures: the standard library fills a table at first use, which costs an interpreted module most of a second"},
	{"github.com/tetratelabs/wazero", []string{"hosts/go"}, "one WebAssembly engine, with its random source and clock set right once"},
	{"github.com/gofiber/fiber/v2", []string{"server/api", "server/httpd", "server/protocol", "server/bench"},
		"the domain knows no HTTP; bench measures the bare loop with it"},
	{"github.com/valyala/fasthttp", []string{"server/httpd", "server/protocol", "server/bench"},
		"fiber's engine, where its types show through"},
	{"github.com/danielgtaylor/huma/v2", []string{"server/api"}, "typed handlers are the management API's own affair"},
	{"modernc.org/sqlite", []string{"server/store/sqlite", "server/bench"}, "one embedded store; bench measures the bare loop with it"},
	{"go.mongodb.org/mongo-driver/v2", []string{"server/store/mongo"}, "one place that speaks to MongoDB"},
	{"github.com/gofrs/flock", []string{"desktop/app", "server/store/sqlite"}, "one holder per data directory and per window"},
	{"github.com/zalando/go-keyring", []string{"desktop/app"}, "one place that speaks to the system's keychain"},
	{"github.com/BurntSushi/toml", []string{"server/config"}, "a format for people, with comments; it tells which key stands where"},
	{"github.com/wneessen/go-mail", []string{"server/notify"}, "one place that speaks SMTP"},
	{"github.com/spf13/cobra", []string{"server/cmd/onelicense", "server/cmd/onelicense/apicmd"}, "only the command line has flags"},
	{"github.com/spf13/pflag", []string{"server/cmd/onelicense", "server/cmd/onelicense/apicmd"}, "the types of cobra's flags"},
	{"golang.org/x/term", []string{"server/cmd/onelicense/apicmd"}, "passwords and tokens are typed without echo"},
	{"github.com/prometheus/client_golang", []string{"server/telemetry/metrics"},
		"the field's own library: what Prometheus reads is its affair"},
	{"go.opentelemetry.io/otel", []string{"server/telemetry/traces"}, "one place that speaks OTLP"},
	{"golang.org/x/crypto", []string{"server/access", "server/issuer"}, "password hashes, and keys sealed at rest"},
	{"github.com/coreos/go-oidc/v3", []string{"server/oidc"}, "one judge of ID tokens"},
	{"golang.org/x/oauth2", []string{"server/oidc"}, "what go-oidc gets its tokens by"},
	{"github.com/wailsapp/wails/v2", []string{"desktop", "desktop/app"}, "only the desktop has a window"},
}

// still lists the packages that work without a world around them: time, randomness, bytes and network are arguments there.
// They import none of the packages in worldly nor any below them, but for those in calm; they call none of the functions in
// clock and start no goroutine.
var still = []struct {
	pkg string
	why string
}{
	{"license", "the same file must get the same verdict in every host"},
	{"license/lease", "the same bytes must mean the same on both sides"},
	{"license/pgp", "time and randomness are the caller's, so that the simulator can choose them"},
	{"wasm/abi", "encoding is a function of its input"},
	{"wasm/client", "given the same events, every runtime must give the same effects"},
}

var worldly = []string{"net", "os", "sync", "crypto/rand", "math/rand", "runtime", "syscall", "log"}

var calm = []string{"net/url", "net/netip"} // they only read and write text

var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// listed holds the output of `go list -json` for one package, as far as the rules need it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string

	tag string // that it was listed with
}

func TestImports(t *testing.T) {
	targets := []struct {
		goos, goarch string
		tag          string
		patterns     []string
	}{
		{"linux", "amd64", "", []string{"./...", "./server/...", "./desktop/..."}},
		{"linux", "amd64", "native", []string{"./hosts/..."}},
		{"wasip1", "wasm", "", []string{"./license/...", "./wasm/..."}},
	}
	for _, target := range targets {
		t.Run(target.goos+target.tag, func(t *testing.T) {
			packages := goList(t, target.goos, target.goarch, target.tag, target.patterns)
			if len(packages) == 0 {
				t.Fatalf("go list found no package for %s", target.goos)
			}
			for _, p := range packages {
				p.tag = target.tag
				sources := make(map[string][]byte)
				for _, name := range p.GoFiles {
					source, err := os.ReadFile(filepath.Join(p.Dir, name))
					if err != nil {
						t.Fatal(err)
					}
					sources[name] = source
				}
				for _, violation := range violations(p, sources) {
					t.Error(violation)
				}
			}
		})
	}
}

// TestImportsFindsViolations plants one breach of each kind of rule: a check that finds nothing must have been able to.
func TestImportsFindsViolations(t *testing.T) {
	cases := []struct {
		name   string
		pkg    string // and after a blank the build tag
		source string
		want   string // part of the one message; empty means that nothing is wrong
	}{
		{"allowed_arrow", "license/lease", `import "` + module + `/license"`, ""},
		{"lease_brings_its_words", "server/api", `import "` + module + `/license"`, ""},
		{"pattern_of_exporters", "server/telemetry", `import "` + module + `/server/telemetry/traces"`, ""},
		{"arrow_backwards", "license", `import "` + module + `/license/lease"`, "license may not import license/lease"},
		{"machine_sees_openpgp", "wasm/client", `import "` + module + `/license/pgp"`, "may not import license/pgp"},
		{"host_with_own_machine", "hosts/go", `import "` + module + `/wasm/client"`, "may not import wasm/client"},
		{"host_with_own_machine_by_tag", "hosts/go native", `import "` + module + `/wasm/client"`, ""},
		{"host_with_the_domain_by_tag", "hosts/go native", `import "` + module + `/server/licensing"`, "may not import server/licensing"},
		{"tag_of_another_package", "server/protocol native", `import "` + module + `/wasm/client"`, "may not import wasm/client"},
		{"store_in_a_handler", "server/api", `import "` + module + `/server/store/sqlite"`, "may not import server/store/sqlite"},
		{"package_not_placed", "server/helpers", ``, "not placed"},
		{"dependency_at_home", "license/pgp", `import "github.com/ProtonMail/go-crypto/openpgp/packet"`, ""},
		{"dependency_elsewhere", "server/licensing", `import "github.com/gofiber/fiber/v2"`, "belongs in"},
		{"dependency_not_placed", "server", `import "example.com/strange"`, "not placed"},
		{"same_prefix_is_not_the_same", "license/pgp", `import "github.com/ProtonMail/go-crypto-fork"`, "not placed"},
		{"system_in_a_still_package", "wasm/client", `import "os/exec"`, "imports os/exec"},
		{"mutex_in_a_still_package", "license", `import "sync/atomic"`, "imports sync/atomic"},
		{"network_in_a_still_package", "wasm/client", `import "net/http"`, "imports net/http"},
		{"address_in_a_still_package", "wasm/client", `import "net/url"`, ""},
		{"system_where_it_may_be", "server", `import "os"`, ""},
		{"clock", "license", "import \"time\"\nvar now = time.Now()", "reads the clock: time.Now"},
		{"clock_as_a_value", "wasm/client", "import clk \"time\"\nvar now = clk.Now", "reads the clock: time.Now"},
		{"clock_by_dot_import", "wasm/client", `import . "time"`, "dot import of time"},
		{"instant_as_an_argument", "license", "import \"time\"\nfunc later(a, b time.Time) bool { return a.After(b) }", ""},
		{"goroutine", "wasm/client", "func f() { go f() }", "starts a goroutine"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source := "package p\n" + c.source
			pkg, tag, _ := strings.Cut(c.pkg, " ")
			got := violations(listed{ImportPath: module + "/" + pkg, Imports: importsOf(t, source), tag: tag},
				map[string][]byte{"p.go": []byte(source)})
			switch {
			case c.want == "" && len(got) != 0:
				t.Errorf("found %q, want nothing", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("found %q, want one saying %q", got, c.want)
			}
		})
	}
}

// violations returns what is wrong with one package, each with the reason of the rule it breaks.
func violations(p listed, sources map[string][]byte) []string {
	pkg := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
	if pkg == "" {
		return nil // the root holds this test only
	}
	var found []string
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	placed := false
	var may []string
	why := ""
	for _, a := range arrows {
		if covers(a.pkg, pkg) {
			placed, may, why = true, a.may, a.why
		}
	}
	if !placed {
		complain("%s is not placed: give it a row in arrows", pkg)
	}
	for _, b := range byTag {
		if b.tag == p.tag && b.pkg == pkg {
			may = slices.Concat(may, b.may)
		}
	}
	if slices.Contains(may, "license/lease") {
		may = append(slices.Clone(may), "license")
	}

	isStill, stillWhy := false, ""
	for _, s := range still {
		if s.pkg == pkg {
			isStill, stillWhy = true, s.why
		}
	}

	for _, path := range p.Imports {
		own, isOwn := strings.CutPrefix(path, module+"/")
		first, _, _ := strings.Cut(path, "/")
		switch {
		case isOwn:
			if placed && !slices.ContainsFunc(may, func(m string) bool { return covers(m, own) }) {
				complain("%s may not import %s: %s", pkg, own, why)
			}
		case strings.Contains(first, "."):
			if c := misplaced(pkg, path); c != "" {
				complain("%s", c)
			}
		case isStill && !slices.Contains(calm, path) && slices.ContainsFunc(worldly, func(w string) bool { return covers(w+"/...", path) }):
			complain("%s imports %s: %s", pkg, path, stillWhy)
		}
	}
	if isStill {
		for name, source := range sources {
			for _, c := range stirrings(name, source) {
				complain("%s %s: %s", pkg, c, stillWhy)
			}
		}
	}
	return found
}

// misplaced says what is wrong with importing a dependency in pkg, or nothing.
func misplaced(pkg, path string) string {
	for _, h := range homes {
		if covers(h.dependency+"/...", path) {
			if slices.Contains(h.in, pkg) {
				return ""
			}
			return fmt.Sprintf("%s imports %s, which belongs in %s: %s", pkg, path, strings.Join(h.in, ", "), h.why)
		}
	}
	return fmt.Sprintf("%s imports %s, which is not placed: give it a row in homes", pkg, path)
}

// stirrings finds, in one file, uses of the clock and goroutines.
func stirrings(name string, source []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	timeName := ""
	for _, spec := range file.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		timeName = "time"
		if spec.Name != nil {
			timeName = spec.Name.Name
		}
		if timeName == "." {
			found = append(found, fmt.Sprintf("has a dot import of time (%s)", fset.Position(spec.Pos())))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && timeName != "" && x.Name == timeName && slices.Contains(clock, n.Sel.Name) {
				found = append(found, fmt.Sprintf("reads the clock: time.%s (%s)", n.Sel.Name, fset.Position(n.Pos())))
			}
		case *ast.GoStmt:
			found = append(found, fmt.Sprintf("starts a goroutine (%s)", fset.Position(n.Pos())))
		}
		return true
	})
	return found
}

// covers tells whether path is what pattern names: itself, or with /... itself and everything below it.
func covers(pattern, path string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return path == root || below && strings.HasPrefix(path, root+"/")
}

func goList(t *testing.T, goos, goarch, tag string, patterns []string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-tags=" + tag, "-json=ImportPath,Dir,GoFiles,Imports"}, patterns...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		packages = append(packages, p)
	}
	return packages
}

func importsOf(t *testing.T, source string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, path)
	}
	return imports
}
