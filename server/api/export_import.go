package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
	"github.com/onelicense/onelicense/server/problem"
)

// All of an organisation as one stream of lines, each a JSON object with one member that says what it is. docs/api.md describes it. The
// first line is the head, the last one the end with the numbers of all; a stream without an end was cut short.
//
// No secret is in it: no private key, no password, no token, no member. Whoever finds the file knows the customers, and can sign nothing.
// So an import gives each product keys of its own, and programs that pin the old ones stay with the old server. Who wants to move the keys
// too takes the backup of the database with its master key, which are kept apart for that reason.

const (
	exportFormat       = "onelicense-organisation"
	exportVersion      = 2
	maxFullImportBytes = 32 << 20
)

// exportHeader is the first line.
type exportHeader struct {
	Format       string       `json:"format"`
	Version      int          `json:"version"`
	Organisation Organisation `json:"organisation"`
	Exported     time.Time    `json:"exported"`
}

// exportedProduct is a product with its certificate, which is public.
type exportedProduct struct {
	Product
	Certificate string `json:"certificate"` // the OpenPGP certificate, base64
}

// exportedHistoryEntry, dumpPeriod, dumpActivation and dumpReservation say to which license they belong.
type exportedHistoryEntry struct {
	License string `json:"license"`
	HistoryEntry
}

type exportedPeriod struct {
	License string `json:"license"`
	Period
}

type exportedActivation struct {
	License string `json:"license"`
	Activation
}

type exportedReservation struct {
	License string `json:"license"`
	Reservation
}

// Counts are numbers of records.
type Counts struct {
	Products       int `json:"products"`
	Versions       int `json:"versions"`
	Customers      int `json:"customers"`
	Licenses       int `json:"licenses"`
	HistoryEntries int `json:"history_entries"`
	Periods        int `json:"periods"`
	Activations    int `json:"activations"`
	Reservations   int `json:"reservations"`
}

// add counts a line.
func (n *Counts) add(line exportLine) {
	switch {
	case line.Product != nil:
		n.Products++
	case line.Version != nil:
		n.Versions++
	case line.Customer != nil:
		n.Customers++
	case line.License != nil:
		n.Licenses++
	case line.HistoryEntry != nil:
		n.HistoryEntries++
	case line.Period != nil:
		n.Periods++
	case line.Activation != nil:
		n.Activations++
	case line.Reservation != nil:
		n.Reservations++
	}
}

// exportLine is one line: exactly one member is there.
type exportLine struct {
	Header       *exportHeader         `json:"head,omitempty"`
	Product      *exportedProduct      `json:"product,omitempty"`
	Version      *Version              `json:"version,omitempty"`
	Customer     *Customer             `json:"customer,omitempty"`
	License      *License              `json:"license,omitempty"`
	HistoryEntry *exportedHistoryEntry `json:"history_entry,omitempty"`
	Period       *exportedPeriod       `json:"period,omitempty"`
	Activation   *exportedActivation   `json:"activation,omitempty"`
	Reservation  *exportedReservation  `json:"reservation,omitempty"`
	End          *Counts               `json:"end,omitempty"`
}

// OrganisationImportResult counts the records that a full import created.
type OrganisationImportResult struct {
	DryRun  bool              `json:"dry_run"`
	Created Counts            `json:"created"`
	Skipped Counts            `json:"skipped"`
	Renamed map[string]string `json:"renamed"`
}

// FullImportInput is the body of an import of everything.
type FullImportInput struct {
	DryRun  bool `query:"dry_run"`
	RawBody []byte
}

// registerFullExportImport registers the export and import of everything.
func (a *API) registerFullExportImport() {
	const tag = "organisation"
	lines := map[string]*huma.MediaType{ndjsonType: {Schema: &huma.Schema{Type: huma.TypeString}}}
	addRoute(a, operation{
		method: "GET", path: "/export", id: "exportOrganisation", tag: tag, action: access.ExportAll, streaming: true,
		summary: "Export the catalogue, customers, licenses and their usage as lines of JSON, without secrets (docs/api.md)",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {Description: "One JSON object in each line; the last one is the end.", Content: lines}}
		},
	}, func(ctx context.Context, who access.Identity, _ *empty) (*huma.StreamResponse, error) {
		org, err := a.Catalogue.Organisation(ctx, who.Organisation())
		if err != nil {
			return nil, err
		}
		return streamResponse(ndjsonType, "organisation", func(w io.Writer) error {
			err := a.writeFullExport(context.WithoutCancel(ctx), org, w)
			if err != nil {
				a.Log.Error("an export was cut short", "error", err)
			}
			return err
		}), nil
	})
	addRoute(a, operation{
		method: "POST", path: "/import", id: "importOrganisation", tag: tag, action: access.ExportAll, bodyLimit: maxFullImportBytes,
		mediaTypes: []string{ndjsonType},
		summary:    "Import the catalogue, customers and licenses of an export into an organisation without products", status: http.StatusOK,
		customise: func(o *huma.Operation) {
			o.SkipValidateBody = true // it is read below, line by line
			o.RequestBody = &huma.RequestBody{Required: true, Content: lines,
				Description: fmt.Sprintf("An export, of at most %d bytes.", maxFullImportBytes)}
		},
	}, func(ctx context.Context, who access.Identity, in *FullImportInput) (*response[OrganisationImportResult], error) {
		restored, err := a.importOrganisation(ctx, who.Organisation(), in)
		return reply(restored, err)
	})
}

// writeFullExport writes everything.
func (a *API) writeFullExport(ctx context.Context, org licensing.Organisation, to io.Writer) error {
	buffered := bufio.NewWriterSize(to, 64<<10)
	out := json.NewEncoder(buffered)
	n := Counts{}
	err := out.Encode(exportLine{Header: &exportHeader{exportFormat, exportVersion,
		Organisation{string(org.ID), org.Name, timestamp(org.Created)}, a.Now().UTC()}})
	if err != nil {
		return err
	}
	products := func(page licensing.Page) (licensing.Listing[licensing.Product], error) {
		return a.Catalogue.Products(ctx, org.ID, page)
	}
	err = forEachRecord(products, func(p licensing.Product) error {
		n.Products++
		return out.Encode(exportLine{Product: &exportedProduct{toProduct(p), base64.StdEncoding.EncodeToString(p.Keyring)}})
	})
	if err == nil {
		err = forEachRecord(products, func(p licensing.Product) error {
			return forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.Version], error) {
				return a.Catalogue.Versions(ctx, org.ID, p.ID, page)
			}, func(v licensing.Version) error {
				n.Versions++
				described := toVersion(v)
				return out.Encode(exportLine{Version: &described})
			})
		})
	}
	told := map[license.ID]bool{}
	tell := func(c catalogue.Customer) error {
		n.Customers++
		told[c.ID] = true
		described := toCustomer(c)
		return out.Encode(exportLine{Customer: &described})
	}
	if err == nil {
		err = forEachRecord(func(page licensing.Page) (licensing.Listing[catalogue.Customer], error) {
			return a.Catalogue.Customers(ctx, org.ID, page)
		}, tell)
	}
	if err == nil {
		err = forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.License], error) {
			return a.Catalogue.Licenses(ctx, org.ID, licensing.LicenseFilter{}, page)
		}, func(one licensing.License) error {
			usage, err := a.Leasing.Usage(ctx, org.ID, one.ID)
			if errors.Is(err, licensing.ErrNotFound) {
				return nil // deleted meanwhile
			} else if err != nil {
				return err
			}
			described := toLicense(one)
			described.CallsUsed = &usage.Used
			if one.CustomerID != "" && !told[one.CustomerID] { // the customer was made meanwhile
				c, err := a.Catalogue.Customer(ctx, org.ID, one.CustomerID)
				if errors.Is(err, licensing.ErrNotFound) {
					described.CustomerID = "" // and deleted
				} else if err = errors.Join(err, tell(c)); err != nil {
					return err
				}
			}
			n.Licenses++
			if err := out.Encode(exportLine{License: &described}); err != nil {
				return err
			}
			if err := a.exportHistory(ctx, out, org.ID, one.ID, &n); err != nil && !errors.Is(err, licensing.ErrNotFound) {
				return err
			}
			return a.exportInstallations(ctx, out, org.ID, one.ID, &n)
		})
	}
	if err == nil {
		err = out.Encode(exportLine{End: &n})
	}
	if err == nil {
		err = buffered.Flush()
	}
	return err
}

// exportHistory writes what happened to a license, and what was used of it in the periods that are over.
func (a *API) exportHistory(ctx context.Context, out *json.Encoder, org, id license.ID, n *Counts) error {
	err := forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.HistoryEntry], error) {
		return a.Events.History(ctx, org, id, page)
	},
		func(x licensing.HistoryEntry) error {
			n.HistoryEntries++
			return out.Encode(exportLine{HistoryEntry: &exportedHistoryEntry{string(id), toHistoryEntry(x)}})
		})
	if err != nil {
		return err
	}
	return forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.Period], error) {
		return a.Leasing.Periods(ctx, org, id, page)
	},
		func(x licensing.Period) error {
			n.Periods++
			return out.Encode(exportLine{Period: &exportedPeriod{string(id), toPeriod(x)}})
		})
}

// exportInstallations writes what is known of a license's installations.
func (a *API) exportInstallations(ctx context.Context, out *json.Encoder, org, id license.ID, n *Counts) error {
	err := forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.Activation], error) {
		return a.Leasing.Activations(ctx, org, id, page)
	},
		func(x licensing.Activation) error {
			n.Activations++
			return out.Encode(exportLine{Activation: &exportedActivation{string(id), toActivation(x)}})
		})
	if err != nil {
		return err
	}
	return forEachRecord(func(page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
		return a.Leasing.Reservations(ctx, org, id, page)
	},
		func(x licensing.Reservation) error {
			n.Reservations++
			return out.Encode(exportLine{Reservation: &exportedReservation{string(id), toReservation(x)}})
		})
}

// forEachRecord walks a list from its oldest record where it can be, else from its newest.
func forEachRecord[T any](list func(licensing.Page) (licensing.Listing[T], error), do func(T) error) error {
	for page := (licensing.Page{Limit: exportPageSize}); ; {
		found, err := list(page)
		if err != nil {
			return err
		}
		for _, one := range found.Items {
			if err := do(one); err != nil {
				return err
			}
		}
		if page.After = found.Next; page.After == "" {
			return nil
		}
	}
}

// importOrganisation reads an export twice: once to the end, to see that all of it is good, and then to make what it holds.
func (a *API) importOrganisation(ctx context.Context, org license.ID, in *FullImportInput) (OrganisationImportResult, error) {
	done := OrganisationImportResult{DryRun: in.DryRun, Renamed: map[string]string{}}
	there, err := a.Catalogue.Products(ctx, org, licensing.Page{Limit: 1})
	if err != nil {
		return done, err
	}
	parsed, err := parseFullExport(in.RawBody)
	if err != nil {
		return done, err
	}
	if len(there.Items) > 0 {
		own := false // an import that was cut short goes on
		for _, p := range parsed {
			own = own || p.Product != nil && p.Product.ID == string(there.Items[0].ID)
		}
		if !own {
			return done, problem.New(problem.HasDependents, "import requires an organisation without products")
		}
	}
	ids := map[string]license.ID{}
	id := func(old string) license.ID { return ids[old] }
	for i, p := range parsed {
		at := "line " + strconv.Itoa(i+1)
		var old string
		var made license.ID
		switch {
		case p.Product != nil:
			old = p.Product.ID
			if !in.DryRun {
				var x licensing.Product
				x, err = a.Catalogue.ImportProduct(ctx, licensing.Product{Record: importedRecord(org, old, p.Product.Created, p.Product.Updated,
					p.Product.Metadata),
					Name: p.Product.Name, Description: p.Product.Description, Archived: p.Product.Archived})
				made = x.ID
			}
		case p.Version != nil:
			old = p.Version.ID
			if !in.DryRun {
				var x licensing.Version
				x, err = a.Catalogue.ImportVersion(ctx, p.Version.forImport(importedRecord(org, old, p.Version.Created, p.Version.Updated,
					p.Version.Metadata), id(p.Version.Product)))
				made = x.ID
			}
		case p.Customer != nil:
			old = p.Customer.ID
			if !in.DryRun {
				var x catalogue.Customer
				x, err = a.Catalogue.ImportCustomer(ctx,
					catalogue.Customer{Record: importedRecord(org, old, p.Customer.Created, p.Customer.Updated, p.Customer.Metadata),
						Name: p.Customer.Name, Email: p.Customer.Email, Reference: p.Customer.Reference})
				made = x.ID
			}
		case p.License != nil:
			old = p.License.ID
			if !in.DryRun {
				var x licensing.License
				l := p.License.forImport(importedRecord(org, old, p.License.Created, p.License.Updated, p.License.Metadata), id(p.License.Version))
				l.CustomerID = id(p.License.CustomerID)
				x, err = a.Catalogue.ImportLicense(ctx, l)
				made = x.ID
			}
		default:
			done.Skipped.add(p)
			continue
		}
		done.Created.add(p)
		if err != nil {
			return done, prefixField(at, err)
		}
		ids[old] = made
		if made != license.ID(old) && !in.DryRun {
			done.Renamed[old] = string(made)
		}
	}
	return done, nil
}

// forImport is the record as the export has it, below another.
func (v Version) forImport(m licensing.Record, product license.ID) licensing.Version {
	return licensing.Version{Record: m, Product: product, Name: v.Name, Description: v.Description, Archived: v.Archived,
		Released: fromOptionalTimestamp(v.Released),
		Policy:   v.Policy.policy()}
}

func (l License) forImport(m licensing.Record, version license.ID) licensing.License {
	one := CreateLicenseInput{
		Name: l.Name, Customer: l.Customer, Contexts: l.Contexts, Entitlements: l.Entitlements,
		Allowance: Nullable[int64]{IsGiven: true, Value: l.Allowance}, Expires: l.Expires,
		ExpiresAfterMS: l.ExpiresAfterMS, ExpiresFrom: l.ExpiresFrom, Trial: l.Trial, Maintenance: l.Maintenance, Overrides: l.Overrides,
	}.license()
	one.Record, one.Version, one.Status, one.Archived = m, version, l.Status, l.Archived
	return one
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{24}$`)

func importedRecord(org license.ID, id string, created, updated time.Time, metadata map[string]string) licensing.Record {
	return licensing.Record{ID: license.ID(id), Organisation: org, Created: fromTimestamp(created), Updated: fromTimestamp(updated),
		Metadata: metadata}
}

// parseFullExport reads all lines and holds them to the form and to each other; what a record says of itself is the domain's to judge.
func parseFullExport(text []byte) ([]exportLine, error) {
	var lines []exportLine
	var n Counts
	known := map[string]bool{}
	for i, raw := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		at := "line " + strconv.Itoa(i+1)
		var line exportLine
		if err := decodeStrict(raw, &line); err != nil {
			return nil, &licensing.Invalid{Field: at, Problem: err.Error()}
		}
		wrong := func(format string, args ...any) ([]exportLine, error) {
			return nil, &licensing.Invalid{Field: at, Problem: fmt.Sprintf(format, args...)}
		}
		var id, above *string // a record's own, and of the one that it belongs to
		var customer string
		switch {
		case (line.Header != nil) != (i == 0):
			return wrong("is in the wrong place: the head must be the first line")
		case line.Header != nil:
			if line.Header.Format != exportFormat || line.Header.Version != exportVersion {
				return wrong("is not the head of an export of format %s, version %d", exportFormat, exportVersion)
			}
		case line.Product != nil:
			id = &line.Product.ID
		case line.Version != nil:
			id, above = &line.Version.ID, &line.Version.Product
		case line.Customer != nil:
			id = &line.Customer.ID
		case line.License != nil:
			id, above, customer = &line.License.ID, &line.License.Version, line.License.CustomerID
		case line.HistoryEntry != nil:
			above = &line.HistoryEntry.License
		case line.Period != nil:
			above = &line.Period.License
		case line.Activation != nil:
			above = &line.Activation.License
		case line.Reservation != nil:
			above = &line.Reservation.License
		case line.End != nil:
			if *line.End != n {
				return wrong("counts %+v, but there are %+v", *line.End, n)
			}
			if i != bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
				return wrong("is the end, but more lines follow")
			}
			return append(lines, line), nil
		default:
			return wrong("has no known member")
		}
		if above != nil && !known[*above] {
			return wrong("refers to %q, which is in no earlier line", *above)
		}
		if customer != "" && !known[customer] {
			return wrong("refers to the customer %q, who is in no earlier line", customer)
		}
		if id != nil {
			if !idPattern.MatchString(*id) || known[*id] {
				return wrong("has the id %q, which is malformed or used twice", *id)
			}
			known[*id] = true
		}
		n.add(line)
		lines = append(lines, line)
	}
	return nil, &licensing.Invalid{Field: "body", Problem: "has no end: the export was cut short"}
}
