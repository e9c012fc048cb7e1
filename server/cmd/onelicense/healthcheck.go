package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/config"
)

// healthTimeout bounds how long a server may take to answer a health check.
const healthTimeout = 4 * time.Second

// healthcheckCommand returns the command for a container's health check: the image has no shell and no curl.
func healthcheckCommand() *cobra.Command {
	var ready bool
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check that the local server is alive",
		Long: `Check that the server that runs on this machine with the same settings is alive, or with --ready that it can take
requests. It exits with 0 if so, and with 1 and the reason if not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := readSettings(c.Flags())
			var faults config.Faults
			if errors.As(err, &faults) && len(faults) == 1 && faults[0].Setting == "data" {
				err = nil // the check does not need the data
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
	c.Flags().BoolVar(&ready, "ready", false, "check that it can take requests")
	return c
}

func health(ctx context.Context, s config.Settings, path string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	address, err := localAddress(s)
	if err != nil {
		return err
	}
	url := scheme(s) + "://" + address + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The certificate names the public host, which this address is not. Nothing confidential is sent, and only the status is used.
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
