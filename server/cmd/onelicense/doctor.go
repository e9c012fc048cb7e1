package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/config"
)

func doctorCommand(w environment) *cobra.Command {
	var asJSON, offline bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with a server and its data, and say what to do",
		Long: `Look for what is wrong with a server and its data: settings, directory and disk, master key, database, schema, the products' private keys, what
waits to be tidied, clocks, the audit log, and whether the server answers. It takes the settings as serve does, changes nothing, and may run
beside the server. docs/cli.md lists the codes.

Exit code 0: nothing is wrong, though there may be warnings. 1: something is. 2: the call is wrong.`,
		Example: "  onelicense doctor --config /etc/onelicense.toml\n  onelicense doctor --data /var/lib/onelicense --offline --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := diagnose(cmd, w, offline)
			bad := 0
			for _, f := range findings {
				if f.Level == server.Bad {
					bad++
				}
			}
			if asJSON {
				if err := printAny(cmd.OutOrStdout(), findings); err != nil {
					return err
				}
			} else {
				printFindings(cmd.OutOrStdout(), findings)
			}
			if bad > 0 {
				return fmt.Errorf("%d of %d findings are bad", bad, len(findings))
			}
			return nil
		},
	}
	settingsFlags(cmd.Flags())
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask the server itself")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// diagnose looks at the settings first; what they say is where the rest is.
func diagnose(cmd *cobra.Command, w environment, offline bool) []server.Finding {
	settings, err := readSettings(cmd.Flags())
	var faults config.Faults
	if errors.As(err, &faults) {
		var findings []server.Finding
		for _, f := range faults {
			findings = append(findings, server.Finding{Code: "settings", Level: server.Bad, Detail: f.Error(), Remedy: "correct it; serve would not start"})
		}
		return findings
	}
	address := ""
	if !offline {
		address = serverURL(settings)
	}
	findings := []server.Finding{{Code: "settings", Level: server.Good, Detail: "they are right"}}
	return append(findings, server.Diagnose(cmd.Context(), server.DiagnoseConfig{
		MasterKey: masterKeySource(settings.MasterKey, settings.MasterKeyCommand),
		Data:      settings.Data, Mongo: settings.Mongo, URL: address, HTTP: &http.Client{Transport: w.transport}, Now: w.now,
	})...)
}

// serverURL is where the settings say that the server is.
func serverURL(s config.Settings) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if s.TLSCertificate != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

func printFindings(out io.Writer, findings []server.Finding) {
	for _, f := range findings {
		fmt.Fprintf(out, "%-8s %-15s %s\n", f.Level, f.Code, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(out, "%24s what to do: %s\n", "", f.Remedy)
		}
	}
}
