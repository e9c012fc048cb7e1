package apicmd

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/apiclient"
)

// call is one invocation of an operation's command.
type call struct {
	*operation
	settings         *Settings
	parameters       []parameterFlag
	body             *body
	rawFile, rawType string // file to send to an operation whose body is not a JSON object, and its media type
	out              string // file for a response that is not JSON

	json, all, yes bool
}

// parameterFlag is a parameter of the query or the header, with its value.
type parameterFlag struct {
	parameter
	*flagValue
}

func (c *call) run(cmd *cobra.Command, args []string) (err error) {
	path, err := c.buildPath(args)
	if err != nil {
		return UsageError{err}
	}
	client, done, err := c.settings.Client(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	payload, err := c.payload(cmd, client, path)
	if err != nil {
		return err
	}
	if c.isDestructive() && !c.yes {
		if err := confirm(cmd, fmt.Sprintf("%s %s?", cmd.CommandPath(), strings.Join(args, " "))); err != nil {
			return err
		}
	}
	response, err := c.send(cmd.Context(), client, path, payload)
	if err == nil {
		defer response.Body.Close()
		err = c.printResponse(cmd, client, path, response)
	}
	var p *apiclient.Problem
	if errors.As(err, &p) {
		if c.Action == selfAction && c.settings.as == "" {
			err = HintedError{err, "this operation is for members only, not for tokens: give --as EMAIL"}
		}
		if c.json {
			err = errors.Join(err, printJSON(cmd.OutOrStdout(), p))
		}
	}
	return err
}

// buildPath returns the path with the arguments filled in. It refuses arguments that cannot be valid, because they could lead to another
// path.
func (c *call) buildPath(args []string) (string, error) {
	path := c.path
	for i, p := range c.parametersIn("path") {
		s := c.document.resolve(p.Schema)
		if ok, err := regexp.MatchString(s.Pattern, args[i]); err == nil && !ok || strings.Trim(args[i], ".") == "" {
			return "", fmt.Errorf("%s: %q is not valid; it must match %s", c.argumentName(p), args[i], s.Pattern)
		}
		path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(args[i]), 1)
	}
	return path, nil
}

// payload returns the request body, or nil.
func (c *call) payload(cmd *cobra.Command, client *apiclient.Client, path string) ([]byte, error) {
	if c.rawFile != "" {
		text, err := readAll(cmd, c.rawFile)
		if err != nil {
			return nil, UsageError{err}
		}
		return text, nil
	}
	if c.body == nil || !c.RequestBody.Required && !c.body.isGiven() {
		return nil, nil
	}
	members, err := c.body.read(cmd)
	if err != nil {
		return nil, err
	}
	if c.body.needsRevision() {
		if err := c.mergeCurrent(cmd.Context(), client, path, members); err != nil {
			return nil, err
		}
	}
	if err := c.body.checkRequired(members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

func (c *call) hasIfMatch() bool {
	return slices.ContainsFunc(c.parameters, func(p parameterFlag) bool {
		return p.isSet && http.CanonicalHeaderKey(p.parameter.Name) == "If-Match"
	})
}

func (c *call) send(ctx context.Context, client *apiclient.Client, path string, payload []byte) (*http.Response, error) {
	query, header := url.Values{}, http.Header{}
	for _, p := range c.parameters {
		switch {
		case p.isSet && p.In == "query":
			query[p.parameter.Name] = formatValues(p.value)
		case p.isSet:
			header[http.CanonicalHeaderKey(p.parameter.Name)] = formatValues(p.value)
		case http.CanonicalHeaderKey(p.parameter.Name) == "Idempotency-Key":
			header.Set("Idempotency-Key", rand.Text()) // so that a retry is safe
		}
	}
	address := client.URL(path)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, c.method, address, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	request.Header = header
	if payload != nil {
		request.Header.Set(contentType, cmp.Or(c.rawType, c.operation.fileType(c.rawFile)))
	}
	return client.Do(request)
}

// formatValues returns the texts of a parameter's value.
func formatValues(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = fmt.Sprint(v)
	}
	return all
}

// printResponse prints a successful response.
func (c *call) printResponse(cmd *cobra.Command, client *apiclient.Client, path string, response *http.Response) error {
	out := cmd.OutOrStdout()
	switch {
	case response.StatusCode >= http.StatusBadRequest: // a signed refusal of the client protocol
		return c.printSignedRefusal(cmd, response.Body)
	case response.StatusCode == http.StatusNoContent:
		if !c.json {
			fmt.Fprintln(out, "done")
		}
		return nil
	case !isJSON(response.Header.Get(contentType)):
		return c.save(out, response.Body)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	if c.itemSchema() != nil {
		return c.printList(cmd, client, path, text)
	}
	if a := c.responseSchema(); c.json || a == nil || !a.hasType("object") {
		return printJSON(out, json.RawMessage(text))
	}
	return printRecord(out, text)
}

// printSignedRefusal writes a signed refusal, which is for the program that asked, and returns its text as an error.
func (c *call) printSignedRefusal(cmd *cobra.Command, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, maxFileSize))
	if err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	if err := c.save(cmd.OutOrStdout(), bytes.NewReader(text)); err != nil {
		return err
	}
	var said struct {
		Code   license.Code `json:"code"`
		Detail string       `json:"detail"`
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	_ = json.Unmarshal(first, &said)
	refusal := &license.Error{Code: said.Code, Detail: printable(said.Detail)}
	return HintedError{refusal, refusal.Code.Verdict().Do + "; pass the response to the program all the same, which then shows the refusal"}
}

func (c *call) save(out io.Writer, from io.Reader) error {
	if c.out == "" || c.out == "-" {
		_, err := io.Copy(out, from)
		return err
	}
	f, err := os.Create(c.out)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// page is one page of a list.
type page struct {
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next,omitempty"`
}

// printList prints a page, or with --all all pages from it on as one list.
func (c *call) printList(cmd *cobra.Command, client *apiclient.Client, path string, text []byte) error {
	var whole page
	if err := json.Unmarshal(text, &whole); err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	for c.all && whole.Next != "" {
		next, err := c.nextPage(cmd.Context(), client, path, whole.Next)
		if err != nil {
			return err
		}
		whole.Items, whole.Next = append(whole.Items, next.Items...), next.Next
	}
	if c.json {
		if whole.Items == nil {
			whole.Items = []json.RawMessage{}
		}
		return errors.Join(printJSON(cmd.OutOrStdout(), whole), c.bulkError(whole.Items))
	}
	if err := c.document.printTable(cmd.OutOrStdout(), c.itemSchema(), whole.Items); err != nil {
		return err
	}
	if whole.Next != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "There are more: use --all, or --cursor %s\n", whole.Next)
	}
	return c.bulkError(whole.Items)
}

// bulkError returns the error of a bulk operation of which some items failed; each item says whether it did.
func (c *call) bulkError(items []json.RawMessage) error {
	count := 0
	for name, s := range c.itemSchema().Properties {
		if !c.document.resolve(s).isProblem() {
			continue
		}
		for _, raw := range items {
			var one map[string]any
			if json.Unmarshal(raw, &one) == nil && one[name] != nil {
				count++
			}
		}
	}
	if count > 0 {
		return partialFailure{count, len(items)}
	}
	return nil
}

// partialFailure is the error of an operation that failed in part.
type partialFailure struct{ failed, total int }

func (s partialFailure) Error() string { return fmt.Sprintf("%d of %d failed", s.failed, s.total) }

func (c *call) nextPage(ctx context.Context, client *apiclient.Client, path, cursor string) (page, error) {
	for _, p := range c.parameters {
		if p.parameter.Name == "cursor" {
			p.isSet, p.value = true, cursor
		}
	}
	response, err := c.send(ctx, client, path, nil)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	var next page
	return next, json.NewDecoder(response.Body).Decode(&next)
}

// confirm asks for a confirmation on a terminal. A script must give --yes instead.
func confirm(cmd *cobra.Command, question string) error {
	in := cmd.InOrStdin()
	if !terminalFD(in) {
		return UsageError{errors.New("this cannot be undone; confirm with --yes")}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s This cannot be undone. [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return errors.New("cancelled")
	}
	return nil
}

// successResponse returns the content of a successful response.
func (o *operation) successResponse() content {
	for status, r := range o.Responses {
		if status[0] == '2' {
			return r.Content
		}
	}
	return nil
}
