// Package remote is the part of the command line that asks a server: one command for each route of the API, made from the OpenAPI document
// that the program carries, so that no route can lack one; and the profiles that say which server, and with which token.
//
// Add puts the commands below the program's own.
package remote

import (
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

// World is what the commands take from outside.
type World struct {
	Transport http.RoundTripper // nil: the system's
	Agent     string            // User-Agent
}

// Usage is a mistake in the call, as opposed to a failure of what was called.
type Usage struct{ Err error }

func (u Usage) Error() string { return u.Err.Error() }

// Unwrap gives what is wrong.
func (u Usage) Unwrap() error { return u.Err }

// Group is the id under which the help lists the commands.
const Group = "api"

// ours are the flags that every command of a route may have; a member of a body does not get their names.
var ours = []string{"server", "profile", "as", "json", "file", "all", "yes", "out", "content-type", "help"}

// Add adds the commands. A group that is there already keeps its commands, and gets those of the routes beside them.
func Add(root *cobra.Command, w World) error {
	operations, err := read(spec.OpenAPI)
	if err != nil {
		return err
	}
	root.AddGroup(&cobra.Group{ID: Group, Title: "Ask a server:"})
	settings := NewSettings(w)
	var made []*cobra.Command
	for _, op := range operations {
		group := child(root, op.group())
		if group == nil {
			group = Parent(op.group(), "")
			group.GroupID = Group
			root.AddCommand(group)
			made = append(made, group)
		}
		verb := op.verb()
		if child(group, verb) != nil {
			verb = hyphened(op.ID)
		}
		if child(group, verb) != nil {
			return fmt.Errorf("two commands would be called %s %s", op.group(), verb)
		}
		group.AddCommand(command(op, verb, settings))
	}
	for _, group := range made {
		var verbs []string
		for _, c := range group.Commands() {
			verbs = append(verbs, c.Name())
		}
		group.Short = strings.Join(verbs, ", ")
	}
	for _, c := range []*cobra.Command{loginCommand(settings), logoutCommand(settings), profilesCommand()} {
		c.GroupID = Group
		root.AddCommand(c)
	}
	return nil
}

func child(parent *cobra.Command, name string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// Parent is a command that has others below it and does nothing itself.
func Parent(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("there is no command %s %s", c.CommandPath(), args[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// Settings are the flags that say which server is asked.
type Settings struct {
	world           World
	server, profile string
	as              string // e-mail address of a person who logs in for this one call
}

// NewSettings makes them for a command that asks several routes.
func NewSettings(w World) *Settings { return &Settings{world: w} }

// Flags adds the flags.
func (s *Settings) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.as, "as", "", "e-mail address of a person, who logs in with a password for this one call")
	f.StringVar(&s.server, "server", "", "address of the server (ONELICENSE_URL)")
	f.StringVar(&s.profile, "profile", "", "profile to use (ONELICENSE_PROFILE)")
}

// headerPatience is how long a server may take to begin its answer; the answer itself may be long.
const headerPatience = time.Minute

// Client speaks to the server that flags, environment and profile name. What it gives besides is to be called in the end.
func (s *Settings) Client(cmd *cobra.Command) (*apiclient.Client, func() error, error) {
	t, err := s.target()
	if err != nil {
		return nil, nil, err
	}
	if s.as != "" {
		return s.person(cmd, t)
	}
	c, err := s.dial(t, s.transport())
	return c, func() error { return nil }, err
}

func (s *Settings) dial(t target, transport http.RoundTripper) (*apiclient.Client, error) {
	c, err := apiclient.New(t.URL, apiclient.Options{Token: t.Token, Agent: s.world.Agent, HTTP: &http.Client{Transport: reach{transport}}})
	if err != nil {
		return nil, Usage{err}
	}
	return c, nil
}

func (s *Settings) transport() http.RoundTripper {
	if s.world.Transport != nil {
		return s.world.Transport
	}
	patient := http.DefaultTransport.(*http.Transport).Clone()
	patient.ResponseHeaderTimeout = headerPatience
	return patient
}

// command makes the command of one route.
func command(op *operation, verb string, s *Settings) *cobra.Command {
	call := &call{operation: op, settings: s}
	use := verb
	for _, p := range op.at("path") {
		use += " " + op.argument(p)
	}
	c := &cobra.Command{Use: use, Short: op.Summary, Args: cobra.ExactArgs(len(op.at("path"))), RunE: call.run}
	c.Long = long(op)
	f := c.Flags()
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	s.Flags(f)
	f.BoolVar(&call.json, "json", false, "print JSON")
	for _, place := range []string{"query", "header"} {
		for _, p := range op.at(place) {
			m := &member{schema: op.document.resolve(p.Schema), document: op.document}
			described := *m.schema
			described.Description = p.Description
			f.Var(m, hyphened(strings.ToLower(p.Name)), about(&described, p.Required))
			call.parameters = append(call.parameters, given{p, m})
		}
	}
	if op.pages() {
		f.BoolVar(&call.all, "all", false, "the whole list, all pages of it")
	}
	if op.ends() {
		f.BoolVar(&call.yes, "yes", false, "do it without asking")
	}
	if op.answer() == nil && op.success().kind() != "" {
		f.StringVar(&call.out, "out", "-", "file to write; - is standard output")
	}
	switch {
	case op.body() != nil:
		call.body = &body{schema: op.body()}
		call.body.flags(op.document, f)
	case op.RequestBody != nil:
		f.StringVar(&call.raw, "file", "", "file to send; - is standard input")
		kinds := slices.Sorted(maps.Keys(op.RequestBody.Content))
		f.StringVar(&call.kind, "content-type", "", "what the file is, if its name does not say so: "+strings.Join(kinds, ", "))
		_ = c.MarkFlagRequired("file")
	}
	complete(c, call)
	return c
}

func long(op *operation) string {
	text := op.Summary + "."
	if op.Description != "" {
		text += "\n\n" + op.Description
	}
	text += fmt.Sprintf("\n\nIt is %s %s", op.method, op.path)
	if len(op.Roles) > 0 {
		text += ", for the roles " + strings.Join(op.Roles, ", ")
	}
	if op.Action == personal {
		text += ", and not for tokens: give --as"
	}
	return text + "."
}

// complete lets the shell offer the words that a flag takes.
func complete(c *cobra.Command, call *call) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		m, ok := f.Value.(*member)
		if !ok || len(m.schema.Enum) == 0 {
			return
		}
		offered := strings.Split(words(m.schema.Enum), ", ")
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
