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
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server"
)

// serveSettings are the flags of serve. Each can also come from the environment, as ONELICENSE_ and its name in capitals.
type serveSettings struct {
	listen, data, mongo, publicURL, logFormat string
}

// serveCommand makes the command that runs the server.
func serveCommand() *cobra.Command {
	var s serveSettings
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server, on the embedded store or on MongoDB, until it gets SIGINT or SIGTERM. Requests under way are finished first.

In an empty data directory it makes the master key, which seals the products' private keys, and for as long as there is no owner each
start prints a one-time link to make one. There is no default password.

Each setting can also be given in the environment: ONELICENSE_LISTEN, ONELICENSE_DATA, ONELICENSE_MONGO,
ONELICENSE_PUBLIC_URL, ONELICENSE_LOG_FORMAT.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return s.run(ctx, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&s.listen, "listen", fromEnvironment("listen", "127.0.0.1:4000"), "address and port to listen at; port 0: a free one")
	f.StringVar(&s.data, "data", fromEnvironment("data", ""), "directory of the database and the master key")
	f.StringVar(&s.mongo, "mongo", fromEnvironment("mongo", ""), "mongodb:// address of the database; without it, the embedded one in the data directory")
	f.StringVar(&s.publicURL, "public-url", fromEnvironment("public-url", ""), "how browsers and programs reach the server, such as https://licenses.example.com")
	f.StringVar(&s.logFormat, "log-format", fromEnvironment("log-format", "text"), "text or json, on stderr")
	return c
}

func fromEnvironment(flag, otherwise string) string {
	if v, ok := os.LookupEnv(variable(flag)); ok {
		return v
	}
	return otherwise
}

func variable(flag string) string {
	return "ONELICENSE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setting says which setting is wrong, in both of its spellings.
func setting(flag string, err error) error {
	return fmt.Errorf("setting --%s (%s): %w", flag, variable(flag), err)
}

// run serves until ctx ends. What a person or a script must know goes to out, the log to logs.
func (s serveSettings) run(ctx context.Context, out, logs io.Writer) error {
	log, err := s.logger(logs)
	if err != nil {
		return err
	}
	if s.data == "" {
		return usage{setting("data", errors.New("is missing: name a directory for the database and the master key"))}
	}
	if err := checkListen(s.listen); err != nil {
		return usage{setting("listen", err)}
	}
	if err := server.CheckPublicURL(s.publicURL); err != nil {
		return usage{setting("public-url", err)}
	}
	// The address first: when it is taken, nothing else has happened yet.
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return setting("listen", err)
	}
	srv, err := server.Open(server.Config{Data: s.data, Mongo: s.mongo, PublicURL: s.publicURL, Log: log})
	if err != nil {
		flag := "data"
		if about := (*server.SettingError)(nil); errors.As(err, &about) {
			flag, err = about.Setting, about.Err
		}
		return errors.Join(setting(flag, err), l.Close())
	}
	fmt.Fprintf(out, "listening on http://%s\n", l.Addr())
	if link := srv.SetupURL(l.Addr()); link != "" {
		fmt.Fprintf(out, "There is no owner yet. This link makes one, once, within 24 hours: %s\n", link)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return errors.Join(srv.Close(), <-served)
	case err := <-served:
		return errors.Join(err, srv.Close())
	}
}

func (s serveSettings) logger(to io.Writer) (*slog.Logger, error) {
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(to, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, nil)), nil
	}
	return nil, usage{setting("log-format", fmt.Errorf("%q is neither text nor json", s.logFormat))}
}

func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not of the form host:port", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no port from 0 to 65535", address)
	}
	return nil
}
