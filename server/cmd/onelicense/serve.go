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
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/httpd"
	"github.com/onelicense/onelicense/server/masterkey"
)

func serveCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server, with the embedded store or with MongoDB, until it receives SIGINT or SIGTERM. It finishes the requests
under way first; a second signal ends it at once.

In an empty data directory it creates the master key, which encrypts the products' private keys. Until there is an
owner, each start prints a one-time link that creates one. There is no default password.

Each setting can also be given in the environment (--public-url as ONELICENSE_PUBLIC_URL) and in a file named by
--config (as public-url). Flags take precedence over the environment, the environment over the file.
docs/configuration.md describes all settings.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := readSettings(c.Flags())
			if err != nil {
				return err
			}
			if check {
				_, err := fmt.Fprintln(c.OutOrStdout(), "the settings are valid")
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			context.AfterFunc(ctx, stop) // the second signal has its default effect
			return serve(ctx, settings, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	settingsFlags(c.Flags())
	c.Flags().BoolVar(&check, "check", false, "check the settings, report all that are invalid, and exit")
	return c
}

// settingsFlags adds a flag for each setting. All take text, which package config checks.
func settingsFlags(f *pflag.FlagSet) {
	f.String(config.FileSetting, "", "file with settings, in TOML")
	for _, s := range config.Table() {
		if s.Boolean {
			f.VarPF(new(booleanText), s.Name, "", flagHelp(s)).NoOptDefVal = "true"
		} else {
			f.String(s.Name, "", flagHelp(s))
		}
		if s.Secret {
			f.String(s.FileName(), "", "file that contains --"+s.Name)
		}
	}
}

// booleanText is the value of a flag that needs none. It keeps the text for package config to check.
type booleanText string

func (b *booleanText) String() string { return string(*b) }

// Set accepts any text.
func (b *booleanText) Set(text string) error { *b = booleanText(text); return nil }

// Type makes the flag's help that of a boolean.
func (b *booleanText) Type() string { return "bool" }

func flagHelp(s config.Setting) string {
	text := s.Description + " Allowed: " + s.Allowed + "."
	if s.Default != "" {
		text += " Default: " + s.Default + "."
	}
	return text
}

// readSettings reads the settings from flags, environment and file. Its errors are usage errors.
func readSettings(f *pflag.FlagSet) (config.Settings, error) {
	given := map[string]string{}
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = flag.Value.String() })
	settings, err := config.Read(config.Sources{Flags: given, Environment: os.LookupEnv})
	if err != nil {
		return settings, usageError{err}
	}
	return settings, nil
}

// dataOptions returns what the settings say about the data.
func dataOptions(s config.Settings) data.Options {
	return data.Options{
		Dir: s.Data, Mongo: s.Mongo,
		MasterKey:         masterKeySource(s.MasterKey, s.MasterKeyCommand),
		PreviousMasterKey: masterKeySource(s.PreviousMasterKey, s.PreviousMasterKeyCommand),
	}
}

// masterKeySource returns the source of a master key; nil when neither key nor command is set.
func masterKeySource(key []byte, command string) masterkey.Source {
	switch {
	case key != nil:
		return masterkey.Static(key)
	case command != "":
		return masterkey.Command{Line: command}
	}
	return nil
}

// serve runs the server until ctx ends. It writes addresses and the setup link to out, and the log to logs.
func serve(ctx context.Context, s config.Settings, out, logs io.Writer) error {
	log := newLogger(s, logs)
	// Listen first: when the port is taken, nothing else has happened yet.
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return config.Fault{Setting: "listen", Problem: err.Error()}
	}
	exporters, err := openTelemetry(ctx, s, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer exporters.close(log)
	d := dataOptions(s)
	srv, err := server.Open(server.Config{
		Data: d.Dir, Mongo: d.Mongo, MasterKey: d.MasterKey, PreviousMasterKey: d.PreviousMasterKey,
		PublicURL: s.PublicURL, Log: log, Telemetry: exporters.Telemetry,
		ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, IdleTimeout: s.IdleTimeout,
		TLSCertificate: s.TLSCertificate, TLSKey: s.TLSKey, TrustedProxies: s.TrustedProxies,
		SyncRates:             httpd.SyncRates{PerAddress: s.SyncRateAddress, PerLicense: s.SyncRateLicense, Burst: s.SyncRateBurst},
		AllowPrivateAddresses: s.AllowPrivateAddresses,
		SMTP: server.SMTP{
			Host: s.SMTPHost, Port: s.SMTPPort, User: s.SMTPUser, Password: s.SMTPPassword, From: s.SMTPFrom, TLS: s.SMTPTLS,
		},
	})
	if err != nil {
		cause := &config.SettingError{Setting: "data", Err: err}
		errors.As(err, &cause)
		return errors.Join(config.Fault{Setting: cause.Setting, Problem: cause.Err.Error()}, l.Close())
	}
	fmt.Fprintf(out, "listening on %s://%s\n", scheme(s), l.Addr())
	if link := srv.SetupURL(l.Addr()); link != "" {
		fmt.Fprintf(out, "There is no owner yet. Create one with this one-time link within 24 hours: %s\n", link)
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

func newLogger(s config.Settings, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
