package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/demo"
)

// demoCommand returns the command that runs the demo in a temporary folder.
func demoCommand() *cobra.Command {
	var s demo.Settings
	var programs []string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a demo: a vendor, a server and licensed programs, with every verdict checked",
		Long: `Run a vendor, a server on the embedded store and licensed programs in a temporary folder, and compare every verdict with the
expected one. The exit code is 1 if one differs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, p := range programs {
				name, command, ok := strings.Cut(p, "=")
				words := strings.Fields(command)
				if !ok || len(words) == 0 {
					return usageError{fmt.Errorf("--program %q is not of the form NAME=COMMAND", p)}
				}
				s.Programs = append(s.Programs, demo.Program{Name: name, Command: words})
			}
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			s.Binary, s.Out = binary, c.OutOrStdout()
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return demo.Run(ctx, s)
		},
	}
	f := c.Flags()
	f.StringVar(&s.Mongo, "mongo", "", "mongodb:// address of an empty database to run on; default: the embedded store")
	f.StringArrayVar(&programs, "program", nil, "licensed program, as NAME=COMMAND; can be repeated")
	f.StringArrayVar(&s.Skipped, "left-out", nil, "step that this machine cannot run, and why; can be repeated")
	f.BoolVar(&s.Strict, "strict", false, "fail if a step is left out")
	f.BoolVar(&s.KeepRunning, "stay", false, "keep the server running at the end, until Ctrl-C")
	return c
}
