// Package apicmd is the part of the command line that calls a server: one command for each operation of the API, made from the OpenAPI
// document that the program carries, so that none can be missing; and the profiles that store a server's address and token.
//
// AddCommands adds the commands to the program's own.
package apicmd

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/onelicense/onelicense/server/apiclient"
	"github.com/onelicense/onelicense/spec"
)

// Environment holds the dependencies of the commands.
type Environment struct {
	Transport http.RoundTripper // nil: the system's
	UserAgent string            // User-Agent header
}

// UsageError is a mistake on the command line, as opposed to a failure of the operation.
type UsageError struct{ Err error }

func (u UsageError) Error() string { return u.Err.Error() }

// Unwrap returns the cause.
func (u UsageError) Unwrap() error { return u.Err }

// Group is the id of the help group of these commands.
const Group = "api"

// reservedFlags are flags that every command may have; a member of a body cannot use their names.
var reservedFlags = []string{"server", "profile", "as", "json", "file", "all", "yes", "out", "content-type", "help"}

// AddCommands adds the commands to root. A command group that exists keeps its commands and gets those of the API beside them.
func AddCommands(root *cobra.Command, w Environment) error {
	operations, err := parseDocument(spec.OpenAPI)
	if err != nil {
		return err
	}
	root.AddGroup(&cobra.Group{ID: Group, Title: "Server API commands:"})
	settings := NewSettings(w)
	var made []*cobra.Command
	for _, op := range operations {
		group := findChild(root, op.group())
		if group == nil {
			group = NewParent(op.group(), "")
			group.GroupID = Group
			root.AddCommand(group)
			made = append(made, group)
		}
		verb := op.verb()
		if findChild(group, verb) != nil {
			verb = kebabCase(op.ID)
		}
		if findChild(group, verb) != nil {
			return fmt.Errorf("two commands have the name %s %s", op.group(), verb)
		}
		group.AddCommand(newCommand(op, verb, settings))
	}
	for _, group := range made {
		var verbs []string
		for _, c := range group.Commands() {
			verbs = append(verbs, c.Name())
		}
		group.Short = cmp.Or(groupHelp[group.Name()], strings.Join(verbs, ", "))
	}
	for _, c := range []*cobra.Command{loginCommand(settings), logoutCommand(settings), profilesCommand()} {
		c.GroupID = Group
		root.AddCommand(c)
	}
	return nil
}

func findChild(parent *cobra.Command, name string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// NewParent returns a command that only holds subcommands.
func NewParent(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("unknown command %s %s", c.CommandPath(), args[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// Settings are the flags that select the server and the account.
type Settings struct {
	environment     Environment
	server, profile string
	as              string // e-mail address of the member who logs in for this one call
}

// NewSettings returns settings for a command that calls several operations.
func NewSettings(w Environment) *Settings { return &Settings{environment: w} }

// Flags adds the flags to f.
func (s *Settings) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.as, "as", "", "e-mail address of a member, who logs in with a password for this one command")
	f.StringVar(&s.server, "server", "", "server address, such as https://licenses.example.com (ONELICENSE_URL)")
	f.StringVar(&s.profile, "profile", "", "profile to use (ONELICENSE_PROFILE)")
}

// headerTimeout bounds the time until a server begins its response; the response itself may take longer.
const headerTimeout = time.Minute

// Client returns a client of the server that flags, environment and profile select. Call done at the end; it ends the session of --as.
func (s *Settings) Client(cmd *cobra.Command) (*apiclient.Client, func() error, error) {
	t, err := s.target()
	if err != nil {
		return nil, nil, err
	}
	if s.as != "" {
		return s.loginAsPerson(cmd, t)
	}
	c, err := s.newClient(t, s.transport())
	return c, func() error { return nil }, err
}

func (s *Settings) newClient(t serverTarget, transport http.RoundTripper) (*apiclient.Client, error) {
	c, err := apiclient.New(t.URL, apiclient.Options{Token: t.Token, UserAgent: s.environment.UserAgent,
		HTTP: &http.Client{Transport: connectionErrors{transport}}})
	if err != nil {
		return nil, UsageError{err}
	}
	return c, nil
}

func (s *Settings) transport() http.RoundTripper {
	if s.environment.Transport != nil {
		return s.environment.Transport
	}
	patient := http.DefaultTransport.(*http.Transport).Clone()
	patient.ResponseHeaderTimeout = headerTimeout
	return patient
}

// newCommand returns the command of one operation.
func newCommand(op *operation, verb string, s *Settings) *cobra.Command {
	call := &call{operation: op, settings: s}
	use := verb
	for _, p := range op.parametersIn("path") {
		use += " " + op.argumentName(p)
	}
	c := &cobra.Command{Use: use, Short: op.Summary, Args: cobra.ExactArgs(len(op.parametersIn("path"))), RunE: call.run}
	c.Long = longHelp(op)
	f := c.Flags()
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	s.Flags(f)
	f.BoolVar(&call.json, "json", false, "print JSON")
	for _, place := range []string{"query", "header"} {
		for _, p := range op.parametersIn(place) {
			m := &flagValue{schema: op.document.resolve(p.Schema), document: op.document}
			described := *m.schema
			described.Description = p.Description
			f.Var(m, kebabCase(strings.ToLower(p.Name)), flagHelp(&described, p.Required))
			call.parameters = append(call.parameters, parameterFlag{p, m})
		}
	}
	if op.hasPages() {
		f.BoolVar(&call.all, "all", false, "print all pages of the list")
	}
	if op.isDestructive() {
		f.BoolVar(&call.yes, "yes", false, "do not ask for confirmation")
	}
	if op.responseSchema() == nil && op.successResponse().mediaType() != "" {
		f.StringVar(&call.out, "out", "-", "file to write; - is standard output")
	}
	switch {
	case op.bodySchema() != nil:
		call.body = &body{schema: op.bodySchema()}
		call.body.addFlags(op.document, f)
	case op.RequestBody != nil:
		f.StringVar(&call.rawFile, "file", "", "file to send; - is standard input")
		kinds := slices.Sorted(maps.Keys(op.RequestBody.Content))
		f.StringVar(&call.rawType, "content-type", "", "media type of the file, if its extension does not determine it: "+
			strings.Join(kinds, ", "))
		_ = c.MarkFlagRequired("file")
	}
	addCompletions(c, call)
	return c
}

func longHelp(op *operation) string {
	text := op.Summary + "."
	if op.Description != "" {
		text += "\n\n" + op.Description
	}
	text += fmt.Sprintf("\n\nOperation: %s %s", op.method, op.path)
	if len(op.Roles) > 0 {
		text += ", for the roles " + strings.Join(op.Roles, ", ")
	}
	if op.Action == selfAction {
		text += ", for members and not for tokens: give --as"
	}
	return text + "."
}

// addCompletions lets the shell complete the values of flags that have a fixed set.
func addCompletions(c *cobra.Command, call *call) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		m, ok := f.Value.(*flagValue)
		if !ok || len(m.schema.Enum) == 0 {
			return
		}
		offered := strings.Split(joinWords(m.schema.Enum), ", ")
		_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp))
	})
	_ = c.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		known, err := readProfiles()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return slices.Clone(known.names()), cobra.ShellCompDirectiveNoFileComp
	})
}
