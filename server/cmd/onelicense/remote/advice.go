package remote

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/apiclient"
)

// byCode says what to do about the codes of the API, where that is more than their kind says. The codes of verdicts bring their own advice.
var byCode = map[string]string{
	apiclient.NotTheAPI: "check the address: it is the server's, without what follows /api/v1",
	"no_route":          "the server does not know this route: it is older or newer than this program",
	"edit_conflict":     "read the record again, and edit what is there now",
	"exists":            "choose another name, or edit the record that has it",
	"not_empty":         "delete what is below it first",
	"too_large":         "send less at a time",
}

// byStatus says it for the rest.
var byStatus = map[int]string{
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

// unknown is the verdict of a code that is in no table.
var unknown = license.Code("").Verdict()

// advice is what to do about a problem.
func advice(p *apiclient.Problem) string {
	if text, ok := byCode[p.Code]; ok {
		return text
	}
	if v := license.Code(p.Code).Verdict(); v.Do != unknown.Do && v.Code != license.CodeInternal {
		return v.Do
	}
	if text, ok := byStatus[int(p.Status)]; ok {
		return text
	}
	return "try again later; the server's log says more"
}

// Hint is an error with what to do about it, where that is more than its code says.
type Hint struct {
	Err error
	Do  string
}

func (h Hint) Error() string { return h.Err.Error() }

// Unwrap gives what went wrong.
func (h Hint) Unwrap() error { return h.Err }

// Explain writes an error for people: what went wrong, which members are wrong, and what to do where that is known.
func Explain(out io.Writer, err error) {
	var p *apiclient.Problem
	var refusal *license.Error
	var hint Hint
	do := ""
	switch {
	case errors.As(err, &p):
		fmt.Fprintf(out, "%s: %s (%s)\n", p.Title, shown(p.Detail), p.Code)
		if p.Errors != nil {
			for _, wrong := range *p.Errors {
				fmt.Fprintf(out, "  %s: %s\n", shown(wrong.Field), shown(wrong.Detail))
			}
		}
		do = advice(p)
	case errors.As(err, &refusal):
		fmt.Fprintln(out, err)
		do = refusal.Code.Verdict().Do
	default:
		fmt.Fprintln(out, err)
	}
	if errors.As(err, &hint) {
		do = hint.Do
	}
	if do != "" {
		fmt.Fprintf(out, "what to do: %s\n", do)
	}
}
