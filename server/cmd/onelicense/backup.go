package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/ops"
)

func backupCommand(e environment) *cobra.Command {
	var o ops.BackupOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup --data DIR DIRECTORY",
		Short: "Back up the embedded database, also while the server runs",
		Long: `Copy the embedded database of a server into a new directory, with a manifest: hashes, time, schema version and epoch.
A server that runs on the data is not interrupted. The copy is a consistent snapshot that contains every change
acknowledged before.

The master key is not included by default: whoever has it and the database has the private keys of every product. Keep
a copy of it elsewhere, once: it does not change. A restore needs it.

Back up a MongoDB database with MongoDB's own tools; docs/mongodb.md describes that and the restore.`,
		Example: "  onelicense backup --data /var/lib/onelicense /backups/$(date +%F)",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := dataDirectory(&o.Data); err != nil {
				return err
			}
			o.To, o.Program, o.Now = args[0], version(), e.now
			m, err := ops.Backup(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return printAny(cmd.OutOrStdout(), m)
			}
			for _, f := range m.Files {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes  sha256 %s\n", f.Name, f.Size, f.SHA256)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "schema %d, epoch %d, %s\n", m.Schema, m.Epoch, m.Created.Format(time.RFC3339))
			return err
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "", "the server's data directory (ONELICENSE_DATA)")
	cmd.Flags().BoolVar(&o.IncludeMasterKey, "with-master-key", false, "include the master key; then guard the backup as you guard the key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest as JSON")
	return cmd
}

func restoreCommand(e environment) *cobra.Command {
	o := ops.RestoreOptions{Now: e.now}
	var file string
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore --data DIR [DIRECTORY]",
		Short: "Restore a backup into a new data directory and begin a new epoch",
		Long: `Restore a backup into a new data directory. The backup is verified against its manifest first, and nothing is ever
overwritten: a directory that contains anything but the master key is refused.

The restored server begins a new epoch. Programs that are ahead of the backup bring their counts and leases back by
themselves; no new seat, block of calls or activation is granted until the leases that the backup does not contain
have expired, so nothing is granted twice.

The master key is tried on every product. It is taken from the file that --master-key names; or from the settings of
serve (variables and --config); or from the backup or the data directory. Only a key from a file is written into the
data directory.

With --mongo and without DIRECTORY, it does the same for a database that MongoDB's own tools have restored. Run it
once, before a server runs on the database.`,
		Example: "  onelicense restore --data /var/lib/onelicense /backups/2026-11-25 --master-key /safe/master.key\n" +
			"  onelicense restore --check /backups/2026-11-25\n" +
			"  onelicense restore --data /var/lib/onelicense --mongo mongodb://db1,db2,db3/onelicense",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var m ops.Manifest
			var epoch int64
			var err error
			switch {
			case check && len(args) == 1:
				m, err = ops.ReadManifest(args[0])
			case check || (o.Mongo == "") != (len(args) == 1):
				return usageError{errors.New("pass either the directory of the backup or --mongo")}
			default:
				if err := dataDirectory(&o.Data); err != nil {
					return err
				}
				if o.KeySource, o.PreviousKeySource, err = serveMasterKeys(o.Data, file); err != nil {
					return err
				}
				if len(args) == 1 {
					o.From = args[0]
				}
				m, epoch, err = ops.Restore(cmd.Context(), o)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printAny(cmd.OutOrStdout(), restoreResult{Manifest: m, Epoch: epoch})
			}
			if m.Type != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "verified the backup of %s: schema %d, epoch %d\n",
					m.Created.Format(time.RFC3339), m.Schema, m.Epoch)
			}
			if epoch != 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "began epoch %d; start the server with --data %s\n", epoch, o.Data)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "", "the data directory to create (ONELICENSE_DATA)")
	cmd.Flags().StringVar(&o.MasterKey, "master-key", "",
		"file with the master key, unless it is in serve's settings, the backup or the data directory")
	cmd.Flags().StringVar(&file, config.FileSetting, "", "settings file of serve, for the master key")
	cmd.Flags().StringVar(&o.Mongo, "mongo", "", "mongodb:// address of a database that MongoDB's own tools have restored")
	cmd.Flags().BoolVar(&check, "check", false, "only verify the backup against its manifest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// serveMasterKeys returns the sources from which serve takes the master key and the previous one; nil for what is not set.
func serveMasterKeys(directory, file string) (key, previous masterkey.Source, err error) {
	given := map[string]string{"data": directory}
	if file != "" {
		given[config.FileSetting] = file
	}
	s, err := config.Read(config.Sources{Flags: given, Environment: os.LookupEnv})
	if err != nil {
		return nil, nil, usageError{err}
	}
	o := dataOptions(s)
	return o.MasterKey, o.PreviousMasterKey, nil
}

// restoreResult is the output of restore --json.
type restoreResult struct {
	Manifest ops.Manifest `json:"manifest,omitzero"`
	Epoch    int64        `json:"epoch_begun,omitempty"` // 0: the backup was only verified
}

// dataDirectory sets an empty data directory from the server's environment variable.
func dataDirectory(directory *string) error {
	if *directory == "" {
		*directory = os.Getenv("ONELICENSE_DATA")
	}
	if *directory == "" {
		return usageError{errors.New("the data directory is missing; pass --data or set ONELICENSE_DATA")}
	}
	return nil
}
