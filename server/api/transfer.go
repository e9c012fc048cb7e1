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

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Limits of an import of licenses.
const (
	importMost = 5000
	importBody = 8 << 20
)

// Imported is what an import did, or with dry_run what it would do.
type Imported struct {
	DryRun bool     `json:"dry_run"`
	Count  int      `json:"count" doc:"Licenses that were read; all of them are good."`
	IDs    []string `json:"ids" nullable:"false" doc:"Of the licenses that were made, in the order of the request; empty for a dry run."`
}

// Import is licenses to be made.
type Import struct {
	ByID
	DryRun      bool   `query:"dry_run" doc:"Say what is wrong, and make nothing."`
	ContentType string `header:"Content-Type"`
	RawBody     []byte
}

// Export chooses licenses and how they are written.
type Export struct {
	LicenseFilter
	Product string `query:"product" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Version string `query:"version" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
}

const csvType = "text/csv"

// transfer registers the ways in and out for many licenses.
func (a *API) transfer() {
	const tag = "licenses"
	text := func(kinds ...string) map[string]*huma.MediaType {
		content := map[string]*huma.MediaType{}
		for _, kind := range kinds {
			content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		return content
	}
	for _, op := range []operation{
		{path: "/export/licenses.csv", id: "exportLicensesCSV", summary: "All licenses that the filter meets, as a sheet (docs/api.md)"},
		{path: "/export/licenses.json", id: "exportLicenses", summary: "All licenses that the filter meets, as one JSON list"},
	} {
		op.method, op.tag, op.action, op.long = "GET", tag, access.ReadLicenses, true
		kind, open := "application/json", openList
		if strings.HasSuffix(op.path, ".csv") {
			kind, open = csvType, openSheet
		}
		op.more = func(o *huma.Operation) {
			content := text(kind)
			if kind != csvType {
				content[kind].Schema = &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/License"}}
			}
			o.Responses = map[string]*huma.Response{"200": {Description: "In the order of the list, however many there are.", Content: content}}
		}
		add(a, op, func(ctx context.Context, who access.Identity, in *Export) (*huma.StreamResponse, error) {
			f := in.filter()
			f.Product, f.Version = license.ID(in.Product), license.ID(in.Version)
			page := in.page()
			page.Limit = exportPage
			first, err := a.Licensing.Licenses(ctx, who.Organisation(), f, page)
			if err != nil {
				return nil, err // while it can still be said
			}
			return stream(kind, "licenses", func(w io.Writer) error {
				out := open(w)
				for listing := first; ; {
					for _, l := range listing.Items {
						if err := out.write(describeLicense(l)); err != nil {
							return err
						}
					}
					if page.After = listing.Next; page.After == "" {
						return out.close()
					}
					if listing, err = a.Licensing.Licenses(context.WithoutCancel(ctx), who.Organisation(), f, page); err != nil {
						a.Log.Error("an export was cut short", "error", err)
						return err
					}
				}
			}), nil
		})
	}
	add(a, operation{
		method: "POST", path: "/versions/{id}/licenses/import", id: "importLicenses", tag: tag, action: access.EditLicenses,
		summary: "Make licenses from a sheet or a JSON list: all of them, or none if one is wrong", room: importBody, accepts: []string{csvType, "application/json"},
		more: func(o *huma.Operation) {
			content := text(csvType)
			content["application/json"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/LicenseNew"}}}
			o.SkipValidateBody = true // it is read below, line by line
			o.RequestBody = &huma.RequestBody{Required: true, Content: content, Description: fmt.Sprintf("At most %d licenses and %d bytes.", importMost, importBody)}
		},
	}, func(ctx context.Context, who access.Identity, in *Import) (*answer[Imported], error) {
		if _, err := a.Licensing.Version(ctx, who.Organisation(), in.id()); err != nil {
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
				if err := wrong.add(where[i], a.Licensing.CheckLicense(ctx, wanted[i])); err != nil {
					return nil, err
				}
			}
		}
		if len(wrong) > 0 {
			return nil, wrong.problem()
		}
		done := Imported{in.DryRun, len(wanted), []string{}}
		for i := range wanted {
			if in.DryRun {
				break
			}
			made, err := a.Licensing.CreateLicense(licensing.WithItem(ctx), wanted[i])
			if err != nil {
				return nil, fmt.Errorf("%s, after %d licenses were made: %w", where[i], i, err)
			}
			noted(ctx).each = append(noted(ctx).each, "licenses/"+string(made.ID))
			done.IDs = append(done.IDs, string(made.ID))
		}
		return reply(done, nil)
	})
}

// readImport reads a body of either type.
func readImport(in *Import) (list []LicenseNew, where []string, wrong faults, err error) {
	if kind, _, _ := mime.ParseMediaType(in.ContentType); kind == csvType {
		return readSheet(in.RawBody, importMost)
	}
	var items []json.RawMessage
	if err := strictInto(in.RawBody, &items); err != nil {
		return nil, nil, nil, problem.New(problem.Malformed, "not a JSON list: "+err.Error())
	}
	if items == nil {
		return nil, nil, nil, problem.New(problem.Malformed, "not a JSON list but null")
	}
	if len(items) > importMost {
		return nil, nil, nil, &licensing.Invalid{Field: "body", Problem: fmt.Sprintf("has more than %d licenses", importMost)}
	}
	for i, item := range items {
		at := "item " + strconv.Itoa(i)
		var one LicenseNew
		if err := strictInto(item, &one); err != nil && len(wrong) < faultsMost {
			wrong = append(wrong, licensing.Invalid{Field: at, Problem: err.Error()})
		}
		list, where = append(list, one), append(where, at)
	}
	return list, where, wrong, nil
}

func (f faults) problem() error {
	p := problem.New(problem.Invalid, fmt.Sprintf("%s %s", f[0].Field, f[0].Problem))
	for _, w := range f {
		p.Errors = append(p.Errors, problem.Wrong{Field: w.Field, Detail: w.Problem})
	}
	if len(f) > 1 {
		p.Detail = fmt.Sprintf("%s, and %d more", p.Detail, len(f)-1)
	}
	return p
}

// strictInto reads JSON that must be exactly what v is.
func strictInto(text []byte, v any) error {
	if err := strict(text); err != nil {
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
	return exact(text, reflect.TypeOf(v))
}

// exportPage is how much of an export is in memory.
const exportPage = 200

// writer writes licenses in one of the two forms.
type writer struct {
	write func(License) error
	close func() error
}

func openSheet(w io.Writer) writer {
	sheet := csv.NewWriter(w)
	sheet.UseCRLF = true
	_ = sheet.Write(sheetHead()) // an error stays and is told by the end
	return writer{
		write: func(l License) error { return sheet.Write(sheetLine(l)) },
		close: func() error { sheet.Flush(); return sheet.Error() },
	}
}

func openList(w io.Writer) writer {
	before := "[\n"
	return writer{
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

// stream answers with what write writes, while it writes it. When it fails the connection breaks off, so that nobody takes a part for the
// whole; when the client goes away, its writes fail.
func stream(kind, name string, write func(io.Writer) error) *huma.StreamResponse {
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
