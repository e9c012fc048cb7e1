package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server"
)

func createOrganisationCommand(w environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "found",
		Short: "Print a link by which a further organisation is founded on this server",
		Long: `Print a one-time link by which a further organisation is founded, with its owner, on a server that has an organisation. It takes the settings
of serve, and goes by --data, --mongo and --public-url.

On MongoDB the nodes go on; on the embedded database the server must be stopped meanwhile, for one process holds it at a time.`,
		Example: "  onelicense found --data /var/lib/onelicense --public-url https://licenses.example.com",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(cmd.Flags())
			if err != nil {
				return err
			}
			at := s.PublicURL
			if at == "" {
				at = scheme(s) + "://" + s.Listen
			}
			link, until, err := server.NewOrganisationLink(cmd.Context(), server.Config{
				Data: s.Data, Mongo: s.Mongo, MasterKey: masterKeySource(s.MasterKey, s.MasterKeyCommand), PublicURL: at, Now: w.now,
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\ngood once, until %s\n", link, until.Format(time.RFC3339))
			return err
		},
	}
	settingsFlags(cmd.Flags())
	return cmd
}
