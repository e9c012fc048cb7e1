package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/masterkey"
)

func backupCommand(w environment) *cobra.Command {
	var c server.BackupConfig
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup --data DIR DIRECTORY",
		Short: "Copy the embedded database of a server, which may be running",
		Long: `Copy the embedded database of a server into a new directory, with a manifest: hashes, time, schema version and epoch. A server that runs on the
data goes on; the copy is of one moment, and holds every change that was acknowledged before.

The master key is left out unless it is asked for: who has it and the database has the private keys of every product. Keep it elsewhere,
once: it does not change. A restore asks for it.

A database on MongoDB is kept with MongoDB's own means; docs/mongodb.md says how, and how it is restored.`,
		Example: "  onelicense backup --data /var/lib/onelicense /backups/$(date +%F)",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := dataDirectory(&c.Data); err != nil {
				return err
			}
			c.To, c.Program, c.Now = args[0], version(), w.now
			m, err := server.Backup(cmd.Context(), c)
			if err != nil {
				return err
			}
			if asJSON {
				return printAny(cmd.OutOrStdout(), m)
			}
			for _, k := range m.Files {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes  sha256 %s\n", k.Name, k.Size, k.SHA256)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "schema %d, epoch %d, %s\n", m.Schema, m.Epoch, m.Created.Format(time.RFC3339))
			return err
		},
	}
	cmd.Flags().StringVar(&c.Data, "data", "", "the server's data directory (ONELICENSE_DATA)")
	cmd.Flags().BoolVar(&c.IncludeMasterKey, "with-master-key", false, "keep the master key too: then guard the backup as you guard the key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest")
	return cmd
}

func restoreCommand(w environment) *cobra.Command {
	c := server.RestoreConfig{Now: w.now}
	var file string
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore --data DIR [DIRECTORY]",
		Short: "Put a backup into a new data directory, with a new epoch",
		Long: `Put a backup into a new data directory. It is held to its manifest first, and nothing is ever overwritten: a directory that holds
anything but the master key is refused.

The restored server begins a new epoch. Programs that are ahead of the backup bring their counts and leases back to it by themselves; no new
seat, block of calls or activation is granted until the leases that the backup does not know have run out, so nothing is granted twice.

The master key is tried on every product. It comes from the file that --master-key names; or from where serve takes it, by its variables and
--config; or it is in the backup, or lies in the data directory. Only one that comes from a file is put into the data directory.

With --mongo, and without DIRECTORY, it does the same for a database that MongoDB's own means have put back. Do it before a server runs on
it, once.`,
		Example: "  onelicense restore --data /var/lib/onelicense /backups/2026-11-25 --master-key /safe/master.key\n" +
			"  onelicense restore --check /backups/2026-11-25\n" +
			"  onelicense restore --data /var/lib/onelicense --mongo mongodb://db1,db2,db3/onelicense",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var m server.Manifest
			var epoch int64
			var err error
			switch {
			case check && len(args) == 1:
				m, err = server.ReadManifest(args[0])
			case check || (c.Mongo == "") != (len(args) == 1):
				return usageError{errors.New("name the directory of the backup, or give --mongo")}
			default:
				if err := dataDirectory(&c.Data); err != nil {
					return err
				}
				if c.KeySource, c.PreviousKeySource, err = serveMasterKeys(c.Data, file); err != nil {
					return err
				}
				if len(args) == 1 {
					c.From = args[0]
				}
				m, epoch, err = server.Restore(cmd.Context(), c)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printAny(cmd.OutOrStdout(), restoreResult{Manifest: m, Begun: epoch})
			}
			if m.Type != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "the backup of %s is whole: schema %d, epoch %d\n", m.Created.Format(time.RFC3339), m.Schema, m.Epoch)
			}
			if epoch != 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "epoch %d has begun; start the server with --data %s\n", epoch, c.Data)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Data, "data", "", "the data directory to fill (ONELICENSE_DATA)")
	cmd.Flags().StringVar(&c.MasterKey, "master-key", "", "file with the master key, unless serve takes it from elsewhere, it is in the backup or lies in the data directory")
	cmd.Flags().StringVar(&file, config.FileSetting, "", "serve's file with settings, for the master key's")
	cmd.Flags().StringVar(&c.Mongo, "mongo", "", "mongodb:// address of a database that was put back already")
	cmd.Flags().BoolVar(&check, "check", false, "only hold the backup to its manifest")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// serveMasterKeys is where serve takes the master key, and the one beside it, from.
func serveMasterKeys(data, file string) (key, other masterkey.Source, err error) {
	given := map[string]string{"data": data}
	if file != "" {
		given[config.FileSetting] = file
	}
	s, err := config.Read(config.Sources{Flags: given, Environment: os.LookupEnv})
	if err != nil {
		return nil, nil, usageError{err}
	}
	return masterKeySource(s.MasterKey, s.MasterKeyCommand), masterKeySource(s.PreviousMasterKey, s.PreviousMasterKeyCommand), nil
}

// restoreResult is what restore --json prints.
type restoreResult struct {
	Manifest server.Manifest `json:"manifest,omitzero"`
	Begun    int64           `json:"epoch_begun,omitempty"`
}

// dataDirectory fills in the data directory, which the server takes from the same variable.
func dataDirectory(data *string) error {
	if *data == "" {
		*data = os.Getenv("ONELICENSE_DATA")
	}
	if *data == "" {
		return usageError{errors.New("which data directory? Give --data or ONELICENSE_DATA")}
	}
	return nil
}
