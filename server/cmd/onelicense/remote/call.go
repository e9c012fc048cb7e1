package remote

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

// call is one command line of a route.
type call struct {
	*operation
	settings   *Settings
	parameters []given
	body       *body
	raw, kind  string // file to send where that is no JSON object, and its type
	out        string // file for an answer that is not JSON

	json, all, yes bool
}

// given is a parameter of the query or the header, with its value.
type given struct {
	parameter
	*member
}

func (c *call) run(cmd *cobra.Command, args []string) (err error) {
	path, err := c.address(args)
	if err != nil {
		return Usage{err}
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
	if c.ends() && !c.yes {
		if err := confirm(cmd, fmt.Sprintf("%s %s?", cmd.CommandPath(), strings.Join(args, " "))); err != nil {
			return err
		}
	}
	response, err := c.send(cmd.Context(), client, path, payload)
	if err == nil {
		defer response.Body.Close()
		err = c.answered(cmd, client, path, response)
	}
	var p *apiclient.Problem
	if errors.As(err, &p) {
		if c.Action == personal && c.settings.as == "" {
			err = Hint{err, "only a person may do this, and no token: give --as EMAIL"}
		}
		if c.json {
			err = errors.Join(err, print(cmd.OutOrStdout(), p))
		}
	}
	return err
}

// address is the path with its arguments in it. What cannot be right is found here, for it could make another path.
func (c *call) address(args []string) (string, error) {
	path := c.path
	for i, p := range c.at("path") {
		s := c.document.resolve(p.Schema)
		if ok, err := regexp.MatchString(s.Pattern, args[i]); err == nil && !ok || strings.Trim(args[i], ".") == "" {
			return "", fmt.Errorf("%s: %q is not of the form %s", c.argument(p), args[i], s.Pattern)
		}
		path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(args[i]), 1)
	}
	return path, nil
}

// payload is the body; nil when there is none.
func (c *call) payload(cmd *cobra.Command, client *apiclient.Client, path string) ([]byte, error) {
	if c.raw != "" {
		text, err := readAll(cmd, c.raw)
		if err != nil {
			return nil, Usage{err}
		}
		return text, nil
	}
	if c.body == nil || !c.RequestBody.Required && !c.body.given() {
		return nil, nil
	}
	members, err := c.body.read(cmd)
	if err != nil {
		return nil, err
	}
	if c.body.edits() {
		if err := c.edit(cmd.Context(), client, path, members); err != nil {
			return nil, err
		}
	}
	if err := c.body.whole(members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

func (c *call) matches() bool {
	return slices.ContainsFunc(c.parameters, func(p given) bool { return p.given && http.CanonicalHeaderKey(p.parameter.Name) == "If-Match" })
}

func (c *call) send(ctx context.Context, client *apiclient.Client, path string, payload []byte) (*http.Response, error) {
	query, header := url.Values{}, http.Header{}
	for _, p := range c.parameters {
		switch {
		case p.given && p.In == "query":
			query[p.parameter.Name] = texts(p.value)
		case p.given:
			header[http.CanonicalHeaderKey(p.parameter.Name)] = texts(p.value)
		case http.CanonicalHeaderKey(p.parameter.Name) == "Idempotency-Key":
			header.Set("Idempotency-Key", rand.Text()) // so that it can be sent again
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
		request.Header.Set(contentType, cmp.Or(c.kind, c.operation.kind(c.raw)))
	}
	return client.Do(request)
}

// texts are the texts of a parameter's value.
func texts(value any) []string {
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

// answered prints the answer.
func (c *call) answered(cmd *cobra.Command, client *apiclient.Client, path string, response *http.Response) error {
	out := cmd.OutOrStdout()
	switch {
	case response.StatusCode >= http.StatusBadRequest: // a signed refusal of the client protocol
		return c.refused(cmd, response.Body)
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
		return fmt.Errorf("reading the answer: %w", err)
	}
	if c.listed() != nil {
		return c.list(cmd, client, path, text)
	}
	if a := c.answer(); c.json || a == nil || !a.is("object") {
		return print(out, json.RawMessage(text))
	}
	return record(out, text)
}

// refused passes on a signed refusal, which is for the program that asked, and tells people what it says.
func (c *call) refused(cmd *cobra.Command, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, maxFile))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
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
	refusal := &license.Error{Code: said.Code, Detail: shown(said.Detail)}
	return Hint{refusal, refusal.Code.Verdict().Do + "; the answer is for the program all the same, which then says so too"}
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

// list prints a page, or with --all every page from it on as one.
func (c *call) list(cmd *cobra.Command, client *apiclient.Client, path string, text []byte) error {
	var whole page
	if err := json.Unmarshal(text, &whole); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	for c.all && whole.Next != "" {
		next, err := c.next(cmd.Context(), client, path, whole.Next)
		if err != nil {
			return err
		}
		whole.Items, whole.Next = append(whole.Items, next.Items...), next.Next
	}
	if c.json {
		if whole.Items == nil {
			whole.Items = []json.RawMessage{}
		}
		return errors.Join(print(cmd.OutOrStdout(), whole), c.failed(whole.Items))
	}
	if err := c.document.table(cmd.OutOrStdout(), c.listed(), whole.Items); err != nil {
		return err
	}
	if whole.Next != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "There are more: --all, or --cursor %s\n", whole.Next)
	}
	return c.failed(whole.Items)
}

// failed is the error of a call that did many things, of which some failed: each item says of itself whether it did.
func (c *call) failed(items []json.RawMessage) error {
	count := 0
	for name, s := range c.listed().Properties {
		if !c.document.resolve(s).problem() {
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
		return some{count, len(items)}
	}
	return nil
}

// some is the error of a call of which a part failed.
type some struct{ failed, of int }

func (s some) Error() string { return fmt.Sprintf("%d of %d failed", s.failed, s.of) }

func (c *call) next(ctx context.Context, client *apiclient.Client, path, cursor string) (page, error) {
	for _, p := range c.parameters {
		if p.parameter.Name == "cursor" {
			p.given, p.value = true, cursor
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

// confirm asks a person. A script has to say it beforehand.
func confirm(cmd *cobra.Command, question string) error {
	in := cmd.InOrStdin()
	if !terminal(in) {
		return Usage{errors.New("it cannot be undone: confirm it with --yes")}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s It cannot be undone. [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return errors.New("not done")
	}
	return nil
}

// success is what a success has as its body.
func (o *operation) success() content {
	for status, r := range o.Responses {
		if status[0] == '2' {
			return r.Content
		}
	}
	return nil
}
