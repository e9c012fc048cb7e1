package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Limits of an import of licenses.
const (
	maxImportLicenses = 5000
	maxImportBytes    = 8 << 20
)

// LicenseImportResult counts the licenses that an import created or, with dry_run, would create.
type LicenseImportResult struct {
	DryRun bool     `json:"dry_run"`
	Count  int      `json:"count"`
	IDs    []string `json:"ids" nullable:"false"`
}

// ImportLicensesInput is licenses to be made.
type ImportLicensesInput struct {
	IDPathInput
	DryRun      bool   `query:"dry_run"`
	ContentType string `header:"Content-Type"`
	RawBody     []byte
}

// ExportLicensesInput chooses licenses and how they are written.
type ExportLicensesInput struct {
	LicenseListInput
}

const csvType = "text/csv"

// registerLicenseImportExport registers the ways in and out for many licenses.
func (a *API) registerLicenseImportExport() {
	const tag = "licenses"
	text := func(kinds ...string) map[string]*huma.MediaType {
		content := map[string]*huma.MediaType{}
		for _, kind := range kinds {
			content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		return content
	}
	for _, op := range []operation{
		{path: "/export/licenses.csv", id: "exportLicensesCSV", summary: "Export the licenses that match the filter as CSV (docs/api.md)"},
		{path: "/export/licenses.json", id: "exportLicenses", summary: "Export the licenses that match the filter as a JSON list"},
	} {
		op.method, op.tag, op.action, op.streaming = "GET", tag, access.ReadLicenses, true
		kind, open := "application/json", newJSONWriter
		if strings.HasSuffix(op.path, ".csv") {
			kind, open = csvType, newCSVWriter
		}
		op.customise = func(o *huma.Operation) {
			content := text(kind)
			if kind != csvType {
				content[kind].Schema = &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/License"}}
			}
			o.Responses = map[string]*huma.Response{"200": {Description: "In the order of the list, however many there are.", Content: content}}
		}
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *ExportLicensesInput) (*huma.StreamResponse, error) {
			f := in.licenseFilter()
			page := in.page()
			page.Limit = exportPageSize
			first, err := a.Catalogue.Licenses(ctx, who.Organisation(), f, page)
			if err != nil {
				return nil, err // while it can still be said
			}
			return streamResponse(kind, "licenses", func(w io.Writer) error {
				out := open(w)
				for listing := first; ; {
					for _, l := range listing.Items {
						if err := out.write(toLicense(l)); err != nil {
							return err
						}
					}
					if page.After = listing.Next; page.After == "" {
						return out.close()
					}
					if listing, err = a.Catalogue.Licenses(context.WithoutCancel(ctx), who.Organisation(), f, page); err != nil {
						a.Log.Error("an export was cut short", "error", err)
						return err
					}
				}
			}), nil
		})
	}
	addRoute(a, operation{
		method: "POST", path: "/versions/{id}/licenses/import", id: "importLicenses", tag: tag, action: access.EditLicenses,
		summary: "Import licenses from CSV or a JSON list: all of them, or none if one is invalid", bodyLimit: maxImportBytes,
		mediaTypes: []string{csvType, "application/json"},
		customise: func(o *huma.Operation) {
			content := text(csvType)
			content["application/json"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeArray,
				Items: &huma.Schema{Ref: "#/components/schemas/CreateLicenseInput"}}}
			o.SkipValidateBody = true // it is read below, line by line
			o.RequestBody = &huma.RequestBody{Required: true, Content: content,
				Description: fmt.Sprintf("At most %d licenses and %d bytes.", maxImportLicenses, maxImportBytes)}
		},
	}, func(ctx context.Context, who access.Identity, in *ImportLicensesInput) (*response[LicenseImportResult], error) {
		if _, err := a.Catalogue.Version(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that it is there
		}
		list, where, wrong, err := readImport(in)
		if err != nil {
			return nil, err
		}
		wanted := make([]licensing.License, len(list))
		for i, n := range list {
			wanted[i] = n.license()
			wanted[i].Organisation, wanted[i].Version = who.Organisation(), in.id()
		}
		if len(wrong) == 0 { // else what could not be read is told first
			for i := range wanted {
				if err := wrong.add(where[i], a.Catalogue.ValidateLicense(ctx, wanted[i])); err != nil {
					return nil, err
				}
			}
		}
		if len(wrong) > 0 {
			return nil, wrong.problem()
		}
		done := LicenseImportResult{in.DryRun, len(wanted), []string{}}
		for i := range wanted {
			if in.DryRun {
				break
			}
			made, err := a.Catalogue.CreateLicense(licensing.WithItem(ctx), wanted[i])
			if err != nil {
				return nil, fmt.Errorf("%s, after %d licenses were made: %w", where[i], i, err)
			}
			auditNoteFrom(ctx).recordsDone = append(auditNoteFrom(ctx).recordsDone, "licenses/"+string(made.ID))
			done.IDs = append(done.IDs, string(made.ID))
		}
		return reply(done, nil)
	})
}

// readImport reads a body of either type.
func readImport(in *ImportLicensesInput) (list []CreateLicenseInput, where []string, wrong importErrors, err error) {
	if kind, _, _ := mime.ParseMediaType(in.ContentType); kind == csvType {
		return readCSV(in.RawBody, maxImportLicenses)
	}
	var items []json.RawMessage
	if err := decodeStrict(in.RawBody, &items); err != nil {
		return nil, nil, nil, problem.New(problem.Malformed, "not a JSON list: "+err.Error())
	}
	if items == nil {
		return nil, nil, nil, problem.New(problem.Malformed, "not a JSON list but null")
	}
	if len(items) > maxImportLicenses {
		return nil, nil, nil, &licensing.Invalid{Field: "body", Problem: fmt.Sprintf("has more than %d licenses", maxImportLicenses)}
	}
	for i, item := range items {
		at := "item " + strconv.Itoa(i)
		var one CreateLicenseInput
		if err := decodeStrict(item, &one); err != nil && len(wrong) < maxImportErrors {
			wrong = append(wrong, licensing.Invalid{Field: at, Problem: err.Error()})
		}
		list, where = append(list, one), append(where, at)
	}
	return list, where, wrong, nil
}

func (f importErrors) problem() error {
	p := problem.New(problem.Invalid, fmt.Sprintf("%s %s", f[0].Field, f[0].Problem))
	for _, w := range f {
		p.Errors = append(p.Errors, problem.FieldError{Field: w.Field, Detail: w.Problem})
	}
	if len(f) > 1 {
		p.Detail = fmt.Sprintf("%s, and %d more", p.Detail, len(f)-1)
	}
	return p
}

// decodeStrict reads JSON that must be exactly what v is.
func decodeStrict(text []byte, v any) error {
	if err := checkStrictJSON(text); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after it")
	}
	return checkMemberNames(text, reflect.TypeOf(v))
}

// exportPageSize is the number of licenses of an export that are in memory at a time.
const exportPageSize = 200

// licenseWriter writes licenses in one of the two forms.
type licenseWriter struct {
	write func(License) error
	close func() error
}

func newCSVWriter(w io.Writer) licenseWriter {
	sheet := csv.NewWriter(w)
	sheet.UseCRLF = true
	_ = sheet.Write(csvHeader()) // an error stays and is told by the end
	return licenseWriter{
		write: func(l License) error { return sheet.Write(csvRow(l)) },
		close: func() error { sheet.Flush(); return sheet.Error() },
	}
}

func newJSONWriter(w io.Writer) licenseWriter {
	before := "[\n"
	return licenseWriter{
		write: func(l License) error {
			line, err := json.Marshal(l)
			if err == nil {
				_, err = fmt.Fprintf(w, "%s%s", before, line)
			}
			before = ",\n"
			return err
		},
		close: func() error {
			if before == "[\n" {
				_, err := io.WriteString(w, "[]\n")
				return err
			}
			_, err := io.WriteString(w, "\n]\n")
			return err
		},
	}
}

// streamResponse answers with what write writes, while it writes it. When it fails the connection breaks off, so that nobody takes a part
// for the whole; when the client goes away, its writes fail.
func streamResponse(kind, name string, write func(io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ext := map[string]string{csvType: "csv", "application/json": "json", ndjsonType: "ndjson"}[kind]
		hc.SetHeader("Content-Type", kind)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`.`+ext+`"`)
		r, w := io.Pipe()
		go func() { _ = w.CloseWithError(write(w)) }()
		humafiber.Unwrap(hc).Context().SetBodyStream(r, -1)
	}}
}

const ndjsonType = "application/x-ndjson"
