package remote

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/apiclient"
)

// hintsByCode says what to do about the codes of the API, where that is more than their kind says. The codes of verdicts bring their own advice.
var hintsByCode = map[string]string{
	apiclient.CodeNotTheAPI: "check the address: it is the server's, without what follows /api/v1",
	"no_route":              "the server does not know this route: it is older or newer than this program",
	"edit_conflict":         "read the record again, and edit what is there now",
	"exists":                "choose another name, or edit the record that has it",
	"not_empty":             "delete what is below it first",
	"too_large":             "send less at a time",
}

// hintsByStatus says it for the rest.
var hintsByStatus = map[int]string{
	http.StatusBadRequest:           "correct what is sent; --help says what it may be",
	http.StatusUnauthorized:         "log in with a token that is valid: onelicense login",
	http.StatusForbidden:            "ask for a role or a token that may do this; --help names the roles",
	http.StatusNotFound:             "check the id; another organisation's records are not shown",
	http.StatusConflict:             "read the record again, and decide anew",
	http.StatusUnprocessableEntity:  "correct the values that are named; --help says what they may be",
	http.StatusPreconditionFailed:   "read the record again, and edit what is there now",
	http.StatusPreconditionRequired: "read the record, and say which state of it is meant",
	http.StatusTooManyRequests:      "wait, then try again",
	http.StatusServiceUnavailable:   "try again in a few seconds; onelicense doctor, beside the server, says what is wrong",
}

// unknownVerdict is the verdict of a code that is in no table.
var unknownVerdict = license.Code("").Verdict()

// hintFor is what to do about a problem.
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
	return "try again later; the server's log says more"
}

// HintedError is an error with what to do about it, where that is more than its code says.
type HintedError struct {
	Err  error
	Hint string
}

func (h HintedError) Error() string { return h.Err.Error() }

// Unwrap gives what went wrong.
func (h HintedError) Unwrap() error { return h.Err }

// PrintError writes an error for people: what went wrong, which members are wrong, and what to do where that is known.
func PrintError(out io.Writer, err error) {
	var p *apiclient.Problem
	var refusal *license.Error
	var hint HintedError
	do := ""
	switch {
	case errors.As(err, &p):
		fmt.Fprintf(out, "%s: %s (%s)\n", p.Title, printable(p.Detail), p.Code)
		if p.Errors != nil {
			for _, wrong := range *p.Errors {
				fmt.Fprintf(out, "  %s: %s\n", printable(wrong.Field), printable(wrong.Detail))
			}
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
