package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/masterkey"
)

// serveCommand makes the command that runs the server.
func serveCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server, on the embedded store or on MongoDB, until it gets SIGINT or SIGTERM. Requests under way are finished first; a second
signal cuts them short.

In an empty data directory it makes the master key, which seals the products' private keys, and for as long as there is no owner each
start prints a one-time link to make one. There is no default password.

Each setting can also be given in the environment, --public-url as ONELICENSE_PUBLIC_URL, and in a file (--config), as public-url. A flag
beats the environment, and the environment the file. docs/configuration.md describes them all.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := readSettings(c.Flags())
			if err != nil {
				return err
			}
			if check {
				_, err := fmt.Fprintln(c.OutOrStdout(), "the settings are right")
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			context.AfterFunc(ctx, stop) // the second signal is the system's
			return serve(ctx, settings, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	settingsFlags(c.Flags())
	c.Flags().BoolVar(&check, "check", false, "only check the settings, and tell of everything that is wrong with them")
	return c
}

// settingsFlags adds a flag for each setting. All are texts: the settings say themselves what they may be.
func settingsFlags(f *pflag.FlagSet) {
	f.String(config.FileSetting, "", "file with settings, in TOML")
	for _, s := range config.Table() {
		f.String(s.Name, "", flagHelp(s))
		if s.Secret {
			f.String(s.FileName(), "", "file that holds --"+s.Name)
		}
	}
}

func flagHelp(s config.Setting) string {
	text := s.Description + " Allowed: " + s.Allowed + "."
	if s.Default != "" {
		text += " Default: " + s.Default + "."
	}
	return text
}

// readSettings reads the settings from wherever they are given.
func readSettings(f *pflag.FlagSet) (config.Settings, error) {
	given := map[string]string{}
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = flag.Value.String() })
	settings, err := config.Read(config.Sources{Flags: given, Environment: os.LookupEnv})
	if err != nil {
		return settings, usageError{err}
	}
	return settings, nil
}

// masterKeySource is where a master key comes from; nil when nothing is set.
func masterKeySource(key []byte, command string) masterkey.Source {
	switch {
	case key != nil:
		return masterkey.Static(key)
	case command != "":
		return masterkey.Command{Line: command}
	}
	return nil
}

// serve serves until ctx ends. What a person or a script must know goes to out, the log to logs.
func serve(ctx context.Context, s config.Settings, out, logs io.Writer) error {
	log := logger(s, logs)
	// The addresses first: when one is taken, nothing else has happened yet.
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return config.Fault{Setting: "listen", Problem: err.Error()}
	}
	w, err := openTelemetry(ctx, s, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer w.close(log)
	srv, err := server.Open(server.Config{
		Data: s.Data, Mongo: s.Mongo, PublicURL: s.PublicURL, Log: log,
		ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, IdleTimeout: s.IdleTimeout,
		TLSCertificate: s.TLSCertificate, TLSKey: s.TLSKey, TrustedProxies: s.TrustedProxies,
		SyncRateAddress: s.SyncRateAddress, SyncRateLicense: s.SyncRateLicense, SyncRateBurst: s.SyncRateBurst,
		AllowPrivateAddresses: s.AllowPrivateAddresses,
		SMTP:                  server.SMTP{Host: s.SMTPHost, Port: s.SMTPPort, User: s.SMTPUser, Password: s.SMTPPassword, From: s.SMTPFrom, TLS: s.SMTPTLS},
		Metrics:               w.metrics, Traces: w.traces,
		MasterKey: masterKeySource(s.MasterKey, s.MasterKeyCommand), PreviousMasterKey: masterKeySource(s.PreviousMasterKey, s.PreviousMasterKeyCommand),
	})
	if err != nil {
		about := &server.SettingError{Setting: "data", Err: err}
		errors.As(err, &about)
		return errors.Join(config.Fault{Setting: about.Setting, Problem: about.Err.Error()}, l.Close())
	}
	fmt.Fprintf(out, "listening on %s://%s\n", scheme(s), l.Addr())
	if link := srv.SetupURL(l.Addr()); link != "" {
		fmt.Fprintf(out, "There is no owner yet. This link makes one, once, within 24 hours: %s\n", link)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case <-ctx.Done():
	case err := <-served:
		return errors.Join(err, srv.Close())
	}
	log.Info("stopping", "delay", s.StopDelay)
	srv.Drain()
	select {
	case <-time.After(s.StopDelay):
		return errors.Join(srv.Close(), <-served)
	case err := <-served:
		return errors.Join(err, srv.Close())
	}
}

func scheme(s config.Settings) string {
	if s.TLSCertificate != "" {
		return "https"
	}
	return "http"
}

func logger(s config.Settings, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
