package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/spec"
)

// verdictDoc is a row of the table of verdicts.
type verdictDoc struct {
	Code          string `json:"code"`
	Class         string `json:"class"`
	AllowContinue bool   `json:"allow_continue"`
	Message       string `json:"message"`
	When          string `json:"when"`
	Evidence      string `json:"evidence"`
	Changed       string `json:"changed"`
	Do            string `json:"do"`
}

func verdictDocs() (list []verdictDoc) {
	if err := json.Unmarshal(spec.Verdicts, &list); err != nil {
		panic(err) // the table is our own
	}
	return list
}

// explainCommand returns the command that explains a verdict code.
func explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain a verdict code and what to do; without CODE, list all codes",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list := verdictDocs()
			if len(args) == 1 {
				list = slices.DeleteFunc(list, func(m verdictDoc) bool { return m.Code != args[0] })
				if len(list) == 0 {
					return usageError{fmt.Errorf("unknown code %q; list all with: onelicense license explain", args[0])}
				}
			}
			switch {
			case asJSON && len(args) == 1:
				return printAny(cmd.OutOrStdout(), list[0])
			case asJSON:
				return printAny(cmd.OutOrStdout(), list)
			case len(args) == 1:
				return list[0].print(cmd.OutOrStdout())
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, m := range list {
				fmt.Fprintf(t, "%s\t%s\n", m.Code, m.Message)
			}
			return t.Flush()
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (codes []string, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				for _, m := range verdictDocs() {
					codes = append(codes, m.Code)
				}
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (m verdictDoc) print(out io.Writer) error {
	goesOn := "no"
	if m.AllowContinue {
		goesOn = "yes"
	}
	_, err := fmt.Fprintf(out,
		"%s\n  cause           %s\n  detail          %s\n  what changed    %s\n  may continue    %s\n  what to do      %s\n", m.Message, m.When,
		m.Evidence, m.Changed, goesOn, m.Do)
	return err
}
