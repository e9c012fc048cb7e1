package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// proves S25
func TestFromError(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		code   license.Code
		status int
	}{
		"a problem":        {New(Exists, "taken"), Exists, http.StatusConflict},
		"a field":          {&licensing.Invalid{Field: "name", Problem: "is missing"}, Invalid, http.StatusUnprocessableEntity},
		"a refusal":        {license.Refuse(license.CodeUnknownProduct, "x"), license.CodeUnknownProduct, http.StatusNotFound},
		"no record":        {licensing.ErrNotFound, NotFound, http.StatusNotFound},
		"the store away":   {licensing.ErrUnavailable, Unavailable, http.StatusServiceUnavailable},
		"something secret": {errors.New("password=hunter2"), license.CodeInternal, http.StatusInternalServerError},
	} {
		p := FromError(fmt.Errorf("doing it: %w", c.err))
		if p.Code != c.code || p.Status != c.status || p.Title != http.StatusText(c.status) {
			t.Errorf("%s: %d %s %q", name, p.Status, p.Code, p.Title)
		}
		if !errors.Is(p, c.err) {
			t.Errorf("%s: the cause is lost to the log", name)
		}
		if document := string(p.JSON()); strings.Contains(document, "hunter2") || !json.Valid([]byte(document)) {
			t.Errorf("%s: %s", name, document)
		}
	}
}

// A problem names the record that it is about and what to do.
func TestFromErrorNamesTheRecord(t *testing.T) {
	for want, err := range map[string]error{
		"license 5edb not found": licensing.NotFound("license", "5edb"),
		"record not found":       licensing.ErrNotFound,
		"license 5edb was changed since it was read; read it again and repeat the edit": &licensing.RecordError{
			Kind: "license", ID: "5edb", Err: licensing.ErrStale},
		"product 5edb has dependent records; delete these first": &licensing.RecordError{
			Kind: "product", ID: "5edb", Err: licensing.ErrInUse},
	} {
		if p := FromError(fmt.Errorf("doing it: %w", err)); p.Detail != want {
			t.Errorf("got %q, want %q", p.Detail, want)
		}
	}
}
