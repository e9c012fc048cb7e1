package apicmd

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/apiclient"
)

// hintsByCode are remedies for API codes, where they say more than the remedy for the status. Verdict codes have remedies of their own.
var hintsByCode = map[string]string{
	apiclient.CodeNotTheAPI: "check the server's address; leave out /api/v1 and what follows",
	"no_route":              "use the version of onelicense that matches the server, which does not know this operation",
	"edit_conflict":         "read the record again and repeat the edit",
	"exists":                "choose another name, or edit the existing record",
	"has_dependents":        "delete its dependent records first",
	"too_large":             "split the request into smaller ones",
}

// hintsByStatus are the remedies for all other codes.
var hintsByStatus = map[int]string{
	http.StatusBadRequest:           "correct the request; --help describes its parameters",
	http.StatusUnauthorized:         "log in again with: onelicense login",
	http.StatusForbidden:            "use an account or token with the required permission; --help names the roles",
	http.StatusNotFound:             "check the id; records of other organisations are not found",
	http.StatusConflict:             "read the record again, then decide",
	http.StatusUnprocessableEntity:  "correct the named values; --help describes them",
	http.StatusPreconditionFailed:   "read the record again and repeat the edit",
	http.StatusPreconditionRequired: "read the record, and give its revision with --revision or --if-match",
	http.StatusTooManyRequests:      "wait, then try again",
	http.StatusServiceUnavailable:   "try again in a few seconds; onelicense doctor, on the server's machine, shows what is wrong",
}

// unknownVerdict is the verdict of a code that is not in the table.
var unknownVerdict = license.Code("").Verdict()

// hintFor returns the remedy for a problem.
func hintFor(p *apiclient.Problem) string {
	if text, ok := hintsByCode[p.Code]; ok {
		return text
	}
	if v := license.Code(p.Code).Verdict(); v.Do != unknownVerdict.Do && v.Code != license.CodeInternal {
		return v.Do
	}
	if text, ok := hintsByStatus[int(p.Status)]; ok {
		return text
	}
	return "try again later; the server's log has the details"
}

// HintedError is an error with a remedy, where the code alone does not give it.
type HintedError struct {
	Err  error
	Hint string
}

func (h HintedError) Error() string { return h.Err.Error() }

// Unwrap returns the cause.
func (h HintedError) Unwrap() error { return h.Err }

// PrintError writes an error for people: its text, the invalid fields, and the remedy if one is known.
func PrintError(out io.Writer, err error) {
	var p *apiclient.Problem
	var refusal *license.Error
	var hint HintedError
	do := ""
	switch {
	case errors.As(err, &p):
		fmt.Fprintf(out, "%s: %s (%s)\n", p.Title, printable(p.Detail), p.Code)
		for _, e := range p.Errors {
			fmt.Fprintf(out, "  %s: %s\n", printable(e.Field), printable(e.Detail))
		}
		do = hintFor(p)
	case errors.As(err, &refusal):
		fmt.Fprintln(out, err)
		do = refusal.Code.Verdict().Do
	default:
		fmt.Fprintln(out, err)
	}
	if errors.As(err, &hint) {
		do = hint.Hint
	}
	if do != "" {
		fmt.Fprintf(out, "what to do: %s\n", do)
	}
}
