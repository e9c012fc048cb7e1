package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

func keygenCommand(w environment) *cobra.Command {
	var name, out string
	var v6 bool
	cmd := &cobra.Command{
		Use:   "keygen --name NAME --out DIR",
		Short: "Create the keys of one product",
		Long: `Create the keys of one product: a root key that certifies, and a signing key for each use.

NAME.key.asc contains the private keys, unencrypted: store it where nobody else can read it, and keep a copy.
NAME.pub.asc is the certificate to ship with the product.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			base := fileName(name)
			if base == "" {
				return usageError{fmt.Errorf("--name %q has no letter or digit; file names are made from it", name)}
			}
			version := pgp.V4
			if v6 {
				version = pgp.V6
			}
			secret, err := pgp.GenerateVersion(version, name, w.random, w.now())
			if err != nil {
				return err
			}
			public, private := filepath.Join(out, base+".pub.asc"), filepath.Join(out, base+".key.asc")
			if err := saveKeys(secret, public, private); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "private keys  %s\ncertificate   %s\nfingerprint   %s\n", private, public, secret.Public().Root())
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the vendor or product, written into the certificate")
	cmd.Flags().StringVar(&out, "out", ".", "directory for the two files")
	cmd.Flags().BoolVar(&v6, "v6", false, "create keys of version 6 (RFC 9580), which GnuPG does not read")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

// fileName returns a file name for a key's name: letters and digits stay, everything else becomes one dash.
func fileName(name string) string {
	fields := strings.FieldsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
	return strings.Join(fields, "-")
}

// saveKeys writes both files or none. It never overwrites a file: a lost private key makes every license worthless.
func saveKeys(secret *pgp.SecretKeyring, public, private string) error {
	key, err := secret.Armored()
	if err != nil {
		return err
	}
	certificate, err := secret.Public().Armored()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(private), 0o755); err != nil {
		return err
	}
	if err := createFile(private, key, 0o600); err != nil {
		return err
	}
	if err := createFile(public, certificate, 0o644); err != nil {
		return errors.Join(err, os.Remove(private))
	}
	return nil
}

// createFile writes a new file and syncs it to the disk.
func createFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
