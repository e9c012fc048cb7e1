package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
	"github.com/spf13/cobra"
)

// keysCommand returns the commands for key files, which need no server and no network. The API's commands about keys are added to the same
// group.
func keysCommand(w environment) *cobra.Command {
	cmd := apicmd.NewParent("keys", "List, rotate, revoke and certify keys, in files and on a server")
	cmd.Long = `The commands list, rotate, revoke, certify and subkeys work on files and need no server; the other commands call a server.

A command that changes keys in files writes two new files and overwrites none: BASE.key.asc with the private keys, and BASE.pub.asc, the
certificate for everybody who verifies. A change has no effect for those who do not have the new certificate.`
	cmd.AddCommand(keysListCommand(w), keysRotateCommand(w), keysRevokeCommand(w), keysCertifyCommand(w), keysSubkeysCommand())
	return cmd
}

func keysListCommand(w environment) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list FILE",
		Short: "Show the keys of a certificate or private key file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readKey(cmd, args[0])
			if err != nil {
				return err
			}
			keys, err := pgp.Parse(data)
			hasPrivateKey := func(string) bool { return false }
			if secret, failed := pgp.ParseSecretKeyring(data); failed == nil {
				keys, err = secret.Public(), nil
				hasPrivateKey = secret.HasPrivateKey
			}
			if err != nil {
				return err
			}
			all := keys.Keys(w.now())
			if asJSON {
				list := make([]listedKey, 0, len(all))
				for _, k := range all {
					list = append(list, listedKey{
						k.Fingerprint, k.Algorithm, k.Primary, k.Uses, k.State, k.Created, k.Expires, k.Revoked, hasPrivateKey(k.Fingerprint),
					})
				}
				return printAny(cmd.OutOrStdout(), list)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "KEY\tUSE\tSTATE\tCREATED\tEXPIRES\tPRIVATE KEY")
			for _, k := range all {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Fingerprint, formatUses(k), k.State, formatDay(k.Created), formatDay(k.Expires),
					yesOrNo(hasPrivateKey(k.Fingerprint)))
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// listedKey is a key as keys list --json prints it, with the names that the API uses.
type listedKey struct {
	Fingerprint string        `json:"fingerprint"`
	Algorithm   string        `json:"algorithm"`
	Root        bool          `json:"root"`
	Uses        []license.Use `json:"uses"`
	State       pgp.State     `json:"state"`
	Created     time.Time     `json:"created"`
	Expires     time.Time     `json:"expires,omitzero"`
	Revoked     time.Time     `json:"revoked,omitzero"`
	HasPrivate  bool          `json:"has_private_key"`
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func formatUses(k pgp.Key) string {
	switch {
	case k.Primary && len(k.Uses) == 0:
		return "root"
	case len(k.Uses) == 0:
		return "none"
	}
	var list []string
	for _, u := range k.Uses {
		list = append(list, string(u))
	}
	return strings.Join(list, ",")
}

func formatDay(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

// keyFileChange are the flags of the commands that change keys: the source file and the base name of the new files.
type keyFileChange struct{ key, base string }

func (c *keyFileChange) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.Flags().StringVar(&c.key, "key", "", "file with the private keys")
	cmd.Flags().StringVar(&c.base, "out", "", "base name of the two files to write: BASE.key.asc and BASE.pub.asc")
	_, _ = cmd.MarkFlagRequired("key"), cmd.MarkFlagRequired("out")
	return cmd
}

func (c *keyFileChange) read(cmd *cobra.Command) (*pgp.SecretKeyring, error) {
	data, err := readKey(cmd, c.key)
	if err != nil {
		return nil, err
	}
	return pgp.ParseSecretKeyring(data)
}

func (c *keyFileChange) write(cmd *cobra.Command, secret *pgp.SecretKeyring, what string) error {
	public, private := c.base+".pub.asc", c.base+".key.asc"
	if err := saveKeys(secret, public, private); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\nprivate keys  %s\ncertificate   %s\n", what, private, public)
	return nil
}

func keysRotateCommand(w environment) *cobra.Command {
	var c keyFileChange
	var use, expires string
	var retire bool
	cmd := c.flags(&cobra.Command{
		Use:   "rotate --key FILE --use USE --out BASE",
		Short: "Create the next key for a use, which signs from then on",
		Long: `Create the next key for a use: file, lease, statement or delegation. It signs from then on. What the previous key signed
stays valid.

Ship the new certificate before the first file that the new key signs, because the old certificate does not contain the new key.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := parseDay("expires", expires)
			if err != nil {
				return err
			}
			secret, err := c.read(cmd)
			if err != nil {
				return err
			}
			now := w.now()
			old := secret.Public().Keys(now)
			if secret, err = secret.AddKeyUntil(license.Use(use), end, w.random, now); err != nil {
				return err
			}
			for _, k := range old {
				if retire && !k.Primary && k.State == pgp.Current && slices.Equal(k.Uses, []license.Use{license.Use(use)}) {
					if secret, err = secret.Revoke(k.Fingerprint, pgp.ReasonSuperseded, now); err != nil {
						return err
					}
				}
			}
			return c.write(cmd, secret, "new key       "+secret.SigningKey(license.Use(use), now))
		},
	})
	cmd.Flags().StringVar(&use, "use", "", "use of the key: file, lease, statement or delegation")
	cmd.Flags().StringVar(&expires, "expires", "", "last day (YYYY-MM-DD) on which signatures of the key are accepted; default: no end")
	cmd.Flags().
		BoolVar(&retire, "retire", false, "revoke the previous keys as superseded: what they signed stays valid, and they sign no more")
	_ = cmd.MarkFlagRequired("use")
	return cmd
}

func parseDay(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("--%s %q is not a date of the form 2030-12-31", flag, text)}
	}
	return day.AddDate(0, 0, 1), nil // the key is valid until the end of the day
}

func keysRevokeCommand(w environment) *cobra.Command {
	var c keyFileChange
	var key, reason string
	reasons := map[string]pgp.RevocationReason{
		"superseded":  pgp.ReasonSuperseded,
		"retired":     pgp.ReasonRetired,
		"compromised": pgp.ReasonCompromised,
	}
	cmd := c.flags(&cobra.Command{
		Use:   "revoke --key FILE --fingerprint KEY --reason REASON --out BASE",
		Short: "Revoke a key",
		Long: `Revoke a key. Everything that a compromised key signed becomes invalid, whatever its date; what a superseded or retired key
signed before stays valid. The fingerprint of the root key revokes the whole product.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			why, ok := reasons[reason]
			if !ok {
				return usageError{fmt.Errorf("--reason %q is not valid; use superseded, retired or compromised", reason)}
			}
			secret, err := c.read(cmd)
			if err != nil {
				return err
			}
			key = strings.ToUpper(key)
			if secret, err = secret.Revoke(key, why, w.now()); err != nil {
				return err
			}
			return c.write(cmd, secret, "revoked       "+key)
		},
	})
	cmd.Flags().StringVar(&key, "fingerprint", "", "fingerprint of the key, as shown by onelicense keys list")
	cmd.Flags().StringVar(&reason, "reason", "", "reason: superseded, retired or compromised")
	_, _ = cmd.MarkFlagRequired("fingerprint"), cmd.MarkFlagRequired("reason")
	return cmd
}

func keysCertifyCommand(w environment) *cobra.Command {
	var c keyFileChange
	var request, use, expires string
	cmd := c.flags(&cobra.Command{
		Use:   "certify --key FILE --request FILE --use USE --out BASE",
		Short: "Certify a key that a server requests, on the machine with the root key",
		Long: `Certify a key that a server without the root key requests. Import BASE.pub.asc into the server; BASE.key.asc replaces the file
given as --key.

--use is the use that you allow. A request for any other use is refused.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := parseDay("expires", expires)
			if err != nil {
				return err
			}
			secret, err := c.read(cmd)
			if err != nil {
				return err
			}
			data, err := readFile(cmd, request, pgp.MaxCertificate)
			if err != nil {
				return usageError{err}
			}
			asked, err := pgp.ParseCertificationRequest(data)
			if err != nil {
				return err
			}
			if secret, err = secret.Certify(asked, license.Use(use), end, w.now()); err != nil {
				return err
			}
			return c.write(cmd, secret, fmt.Sprintf("certified     %s, a %s key of %s", asked.Key, asked.Use, formatDay(asked.Created)))
		},
	})
	cmd.Flags().StringVar(&request, "request", "", "file with the certification request")
	cmd.Flags().StringVar(&use, "use", "", "allowed use of the key: file, lease, statement or delegation")
	cmd.Flags().StringVar(&expires, "expires", "", "last day (YYYY-MM-DD) on which signatures of the key are accepted; default: no end")
	_, _ = cmd.MarkFlagRequired("request"), cmd.MarkFlagRequired("use")
	return cmd
}

func keysSubkeysCommand() *cobra.Command {
	var key, out string
	cmd := &cobra.Command{
		Use:   "subkeys --key FILE --out FILE",
		Short: "Write the signing keys without the root key, for a server",
		Long: `Write the signing keys without the private root key, for a server: it can sign, but neither add keys nor revoke them. Keep the
file given as --key offline.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			secret, err := (&keyFileChange{key: key}).read(cmd)
			if err != nil {
				return err
			}
			if secret, err = secret.WithoutPrivateKeys(secret.Public().Root()); err != nil {
				return err
			}
			text, err := secret.Armored()
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			return createFile(out, text, os.FileMode(0o600))
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "file with the private keys")
	cmd.Flags().StringVar(&out, "out", "", "file to write; - is standard output")
	_, _ = cmd.MarkFlagRequired("key"), cmd.MarkFlagRequired("out")
	return cmd
}
