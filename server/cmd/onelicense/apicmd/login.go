package apicmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func loginCommand(s *Settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "login --server URL",
		Short: "Log in to a server and store the token",
		Long: `Store an API token for a server, for further commands. The token is read from standard input, or typed without echo. With --as
a new token is created, with all permissions of the member; the password is read instead.

The token is stored in a file that only you can read, after a successful test. Scripts can set ` + urlVariable + ` and
` + tokenVariable + ` instead.`,
		Example: "  onelicense login --server https://licenses.example.com --as ada@example.com\n" +
			"  onelicense login --server http://127.0.0.1:4000 --profile test <token.txt",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			known, err := readProfiles()
			if err != nil {
				return err
			}
			name, _ := s.profileName(known)
			t := serverTarget{URL: cmp.Or(s.server, os.Getenv(urlVariable), known.Profiles[name].URL)}
			if t.URL == "" {
				return UsageError{errors.New("no server given; use --server URL")}
			}
			if s.as != "" {
				t.Token, err = s.createToken(c, t)
			} else {
				t.Token, err = readSecret(c, "Token: ", "")
			}
			if err != nil {
				return err
			}
			client, err := s.newClient(t, s.transport())
			if err != nil {
				return err
			}
			who, err := whoami(c.Context(), client)
			if err != nil {
				return err
			}
			known.Profiles[name], known.Current = t, name
			if err := known.write(); err != nil {
				return fmt.Errorf("storing the token: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "profile %s: %s of %s at %s\n", name, printable(who.Member.Email),
				printable(who.Organisation.Name), client.URL(""))
			return err
		},
	}
	s.Flags(c.Flags())
	return c
}

func logoutCommand(s *Settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "logout",
		Short: "Delete a stored token",
		Long:  "Delete the token of a profile from this machine. The server still accepts it until it is revoked there or expires.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			known, err := readProfiles()
			if err != nil {
				return err
			}
			name, _ := s.profileName(known)
			if _, ok := known.Profiles[name]; !ok {
				return fmt.Errorf("unknown profile %q; list all with: onelicense profiles", name)
			}
			delete(known.Profiles, name)
			if known.Current == name {
				known.Current = defaultProfile
			}
			return known.write()
		},
	}
	c.Flags().StringVar(&s.profile, "profile", "", "profile to delete ("+profileVariable+")")
	return c
}

func profilesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "profiles [NAME]",
		Short: "List the profiles, or select the one to use",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			known, err := readProfiles()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if _, ok := known.Profiles[args[0]]; !ok {
					return UsageError{fmt.Errorf("unknown profile %q; list all with: onelicense profiles", args[0])}
				}
				known.Current = args[0]
				return known.write()
			}
			if asJSON {
				type profile struct {
					Name    string `json:"name"`
					URL     string `json:"url"`
					Current bool   `json:"current"`
				}
				list := []profile{}
				for _, name := range known.names() {
					list = append(list, profile{name, known.Profiles[name].URL, name == known.Current})
				}
				return printJSON(c.OutOrStdout(), list)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range known.names() {
				mark := " "
				if name == known.Current {
					mark = "*"
				}
				fmt.Fprintf(w, "%s %s\t%s\n", mark, printable(name), printable(known.Profiles[name].URL))
			}
			return w.Flush()
		},
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		known, err := readProfiles()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return known.names(), cobra.ShellCompDirectiveNoFileComp
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// maxSecretSize is longer than any token or password.
const maxSecretSize = 4096

// fileDescriptor is a stream that may be a terminal.
type fileDescriptor interface{ Fd() uintptr }

func terminalFD(stream any) bool {
	d, ok := stream.(fileDescriptor)
	return ok && term.IsTerminal(int(d.Fd()))
}

// readSecret reads a line from standard input; on a terminal it prompts and does not echo. variable names the environment variable that
// could have held the secret, for the error.
func readSecret(c *cobra.Command, question, variable string) (string, error) {
	in := c.InOrStdin()
	var line []byte
	var err error
	if terminalFD(in) {
		f := in.(fileDescriptor)
		fmt.Fprint(c.ErrOrStderr(), question)
		line, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.ErrOrStderr())
	} else {
		line, err = io.ReadAll(io.LimitReader(in, maxSecretSize))
	}
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	text := strings.TrimSpace(string(line))
	if text == "" || strings.ContainsAny(text, "\r\n") {
		what, _, _ := strings.Cut(strings.ToLower(question), ":")
		if variable != "" {
			what += " (or set " + variable + ")"
		}
		return "", UsageError{errors.New("standard input must be one line: the " + what)}
	}
	return text, nil
}
