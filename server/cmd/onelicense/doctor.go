package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/ops"
)

func doctorCommand(e environment) *cobra.Command {
	var asJSON, offline bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a server and its data, and suggest what to do about problems",
		Long: `Check a server and its data: settings, directory and disk, master key, database, schema, the products' private keys,
background jobs, clocks, the audit log, and whether the server answers. It takes the settings of serve, changes
nothing, and may run beside the server. docs/cli.md lists the codes of its findings.

Exit code 0: no problems, though there may be warnings. 1: at least one problem. 2: invalid usage.`,
		Example: "  onelicense doctor --config /etc/onelicense.toml\n  onelicense doctor --data /var/lib/onelicense --offline --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := diagnose(cmd, e, offline)
			bad := 0
			for _, f := range findings {
				if f.Level == ops.Bad {
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
	cmd.Flags().BoolVar(&offline, "offline", false, "do not contact the server")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// diagnose checks the settings first: they say where everything else is.
func diagnose(cmd *cobra.Command, e environment, offline bool) []ops.Finding {
	settings, err := readSettings(cmd.Flags())
	var faults config.Faults
	if errors.As(err, &faults) {
		var findings []ops.Finding
		for _, f := range faults {
			findings = append(findings, ops.Finding{
				Code: "settings", Level: ops.Bad, Detail: f.Error(), Remedy: "correct the setting; serve would not start with it",
			})
		}
		return findings
	}
	url := ""
	if !offline {
		url = serverURL(settings)
	}
	d := dataOptions(settings)
	findings := []ops.Finding{{Code: "settings", Level: ops.Good, Detail: "valid"}}
	return append(findings, ops.Diagnose(cmd.Context(), ops.DiagnoseOptions{
		Data: d.Dir, Mongo: d.Mongo, MasterKey: d.MasterKey, URL: url, HTTP: &http.Client{Transport: e.transport}, Now: e.now,
	})...)
}

// serverURL returns the base URL of the server that has these settings, or "" when they do not determine it.
func serverURL(s config.Settings) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	address, err := localAddress(s)
	if _, port, _ := net.SplitHostPort(address); err != nil || port == "0" {
		return ""
	}
	return scheme(s) + "://" + address
}

// localAddress returns host and port at which this machine reaches the server.
func localAddress(s config.Settings) (string, error) {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

func printFindings(out io.Writer, findings []ops.Finding) {
	for _, f := range findings {
		fmt.Fprintf(out, "%-8s %-15s %s\n", f.Level, f.Code, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(out, "%24s remedy: %s\n", "", f.Remedy)
		}
	}
}
