package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
	"github.com/onelicense/onelicense/server/ops"
)

// organisationCommand returns the commands about organisations that work on the server's data. The API's commands are added beside them.
func organisationCommand(e environment) *cobra.Command {
	cmd := apicmd.NewParent("organisation", "Create, export, import and configure organisations")
	cmd.Long = `create-link works on the data of a server on this machine; the other commands call the API of a server.`
	cmd.AddCommand(createOrganisationCommand(e))
	return cmd
}

func createOrganisationCommand(e environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create-link",
		Short: "Print a one-time link for creating another organisation",
		Long: `Print a one-time link for creating another organisation, with its owner, on a server that already has one. The command
takes the settings of serve, and uses data, mongo, the master key and public-url.

With MongoDB the nodes may keep running. With the embedded store, stop the server first: one process at a time holds
the data.`,
		Example: "  onelicense organisation create-link --data /var/lib/onelicense --public-url https://licenses.example.com",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(cmd.Flags())
			if err != nil {
				return err
			}
			url := s.PublicURL
			if url == "" {
				url = scheme(s) + "://" + s.Listen
			}
			link, expires, err := ops.NewOrganisationLink(cmd.Context(), dataOptions(s), url, e.now)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nvalid once, until %s\n", link, expires.Format(time.RFC3339))
			return err
		},
	}
	settingsFlags(cmd.Flags())
	return cmd
}
