package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
	"github.com/onelicense/onelicense/server/ops"
)

// epochCommand returns the commands about the server's epoch.
func epochCommand(e environment) *cobra.Command {
	cmd := apicmd.NewParent("epoch", "End the freeze after a restore")
	cmd.AddCommand(endFreezeCommand(e))
	return cmd
}

func endFreezeCommand(e environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "end-freeze",
		Short: "End the post-restore freeze: confirm that all leases issued before the restore have expired",
		Long: `End the post-restore freeze: confirm that all leases issued before the restore have expired or are no longer used.
Until they must have expired, a restored server grants nothing new; from now on it does, to every organisation on it.
Whatever such a lease still holds is then granted a second time. The command takes the settings of serve, and uses
data, mongo and the master keys.

With MongoDB the nodes may keep running. With the embedded store, stop the server first: one process at a time holds
the data.`,
		Example: "  onelicense epoch end-freeze --data /var/lib/onelicense",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(cmd.Flags())
			if err != nil {
				return err
			}
			epoch, since, err := ops.EndFreeze(cmd.Context(), dataOptions(s), e.now)
			if err != nil {
				return err
			}
			if since.IsZero() {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "epoch %d: there is no freeze\n", epoch)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "epoch %d: ended the freeze that began with the restore of %s\n",
					epoch, since.Format(time.RFC3339))
			}
			return err
		},
	}
	settingsFlags(cmd.Flags())
	return cmd
}
