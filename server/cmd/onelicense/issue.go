package main

import (
	"os"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

func issueCommand(w environment) *cobra.Command {
	var key, id, contexts, entitlements, out string
	cmd := &cobra.Command{
		Use:   "issue --key FILE --id ID --contexts a,b --entitlements x:5,y",
		Short: "Write and sign a license file",
		Long: `Write and sign a license file.

--key is a file written by onelicense keygen, or by gpg --export-secret-keys for a key without a passphrase.
--entitlements lists names, each with the number of installations that may reserve it at the same time, if that is limited.`,
		Example: "  onelicense issue --key keys/Vendor.key.asc --id 5edb1264cc150913cb7640f8 --contexts ui,automation --entitlements " +
			"rendering:5,export --out license.txt",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := readKey(cmd, key)
			if err != nil {
				return err
			}
			secret, err := pgp.ParseSecretKeyring(data)
			if err != nil {
				return err
			}
			// The flags use the syntax of the file, so that there is one grammar.
			claims, err := license.ParseClaims([]byte(id + "\n" + contexts + "\n" + entitlements + "\n"))
			if err != nil {
				return err
			}
			file, err := license.Seal(claims, secret, w.now())
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = cmd.OutOrStdout().Write(file)
				return err
			}
			return os.WriteFile(out, file, 0o644)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "file with the private keys")
	cmd.Flags().StringVar(&id, "id", "", "license id: 24 lower-case hex digits")
	cmd.Flags().StringVar(&contexts, "contexts", "", "contexts, separated by commas")
	cmd.Flags().StringVar(&entitlements, "entitlements", "", "entitlements, separated by commas, as name or name:slots")
	cmd.Flags().StringVar(&out, "out", "-", "file to write; - is standard output")
	for _, name := range []string{"key", "id", "contexts", "entitlements"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}
