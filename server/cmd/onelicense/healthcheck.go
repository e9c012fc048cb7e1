package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/config"
)

// healthTimeout is how long a server may take to say that it lives.
const healthTimeout = 4 * time.Second

// healthcheckCommand makes the command that a container's health check runs: the image has no shell and no curl.
func healthcheckCommand() *cobra.Command {
	var ready bool
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on this machine whether it lives",
		Long: `Ask the server that runs on this machine with the same settings whether it lives, or with --ready whether it can take requests. It exits
with 0 if so, and with 1 and the reason if not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := readSettings(c.Flags())
			var faults config.Faults
			if errors.As(err, &faults) && len(faults) == 1 && faults[0].Setting == "data" {
				err = nil // nothing is asked of the data
			}
			if err != nil {
				return err
			}
			path := "/livez"
			if ready {
				path = "/readyz"
			}
			return health(c.Context(), settings, path)
		},
	}
	settingsFlags(c.Flags())
	c.Flags().BoolVar(&ready, "ready", false, "ask whether it can take requests")
	return c
}

func health(ctx context.Context, s config.Settings, path string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	url := scheme(s) + "://" + net.JoinHostPort(host, port) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The certificate names the public host, which this address is not. Nothing is sent and nothing believed but that somebody answers.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, text)
	}
	return nil
}
