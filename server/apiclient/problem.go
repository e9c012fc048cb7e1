package apiclient

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// CodeNotTheAPI is the code of an answer that did not come from this API: a proxy's, say, or another server's.
const CodeNotTheAPI = "not_the_api"

// maxProblemSize is more than any problem has.
const maxProblemSize = 64 << 10

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// problemOf is the problem in an answer that is no success, whose body it closes. The client protocol's signed refusals are answers.
func problemOf(request *http.Request, response *http.Response) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode < http.StatusBadRequest && kind != "text/html" { // somebody's page is no success
		return nil
	}
	if kind == "text/plain" && strings.HasSuffix(request.URL.Path, apiPrefix+"/sync") {
		return nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProblemSize))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	p := &Problem{}
	if kind == "application/problem+json" && json.Unmarshal(body, p) == nil && p.Code != "" {
		return p
	}
	return &Problem{
		Type: "about:blank", Status: int64(response.StatusCode), Title: http.StatusText(response.StatusCode), Code: CodeNotTheAPI,
		Detail: fmt.Sprintf("%s answered %s, but not as this API does", request.URL.Host, response.Status),
	}
}
