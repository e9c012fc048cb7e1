package apiclient

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// CodeNotTheAPI is the code of a response that did not come from this API, but from a proxy, say, or another server.
const CodeNotTheAPI = "not_the_api"

// maxProblemSize is more bytes than any problem has.
const maxProblemSize = 64 << 10

// Error implements error: the code, and the detail for people.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// problemOf returns the problem in a response that is not a success, and closes its body; nil for a success. The client protocol's signed
// refusals are successes here: they are for the program that asked.
func problemOf(request *http.Request, response *http.Response) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode < http.StatusBadRequest && kind != "text/html" { // a web page is never a success of the API
		return nil
	}
	if kind == "text/plain" && strings.HasSuffix(request.URL.Path, apiPrefix+"/sync") {
		return nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProblemSize))
	if err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	p := &Problem{}
	if kind == "application/problem+json" && json.Unmarshal(body, p) == nil && p.Code != "" {
		return p
	}
	return &Problem{
		Type: "about:blank", Status: int64(response.StatusCode), Title: http.StatusText(response.StatusCode), Code: CodeNotTheAPI,
		Detail: fmt.Sprintf("%s answered %s, which is not a response of this API", request.URL.Host, response.Status),
	}
}
