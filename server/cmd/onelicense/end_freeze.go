package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server"
)

func endFreezeCommand(w environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settle-epoch",
		Short: "Say that no lease from before the last restore is out any more, which ends the wait",
		Long: `Say that no lease from before the last restore is out any more. Until those can have run out a restored server grants nothing new; from now
on it does, to every organisation on it. Whatever such a lease still holds is granted a second time. It takes the settings of serve, and
goes by --data, --mongo and the master key.

On MongoDB the nodes go on; on the embedded database the server must be stopped meanwhile, for one process holds it at a time.`,
		Example: "  onelicense settle-epoch --data /var/lib/onelicense",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readSettings(cmd.Flags())
			if err != nil {
				return err
			}
			epoch, since, err := server.EndFreeze(cmd.Context(), server.Config{
				Data: s.Data, Mongo: s.Mongo, Now: w.now,
				MasterKey: masterKeySource(s.MasterKey, s.MasterKeyCommand), PreviousMasterKey: masterKeySource(s.PreviousMasterKey, s.PreviousMasterKeyCommand),
			})
			if err != nil {
				return err
			}
			if since.IsZero() {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "epoch %d: nothing waits\n", epoch)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "epoch %d: what waited since the restore of %s is granted again\n", epoch, since.Format(time.RFC3339))
			}
			return err
		},
	}
	settingsFlags(cmd.Flags())
	return cmd
}
