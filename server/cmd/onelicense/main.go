// Command onelicense is the license server and its tools: the command line for the API, for keys and license files, and a demo.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
)

func main() {
	out := &checkedWriter{File: os.Stdout}
	cmd := root(environment{now: time.Now, random: rand.Reader})
	cmd.SetOut(out)
	os.Exit(out.exitCode(execute(cmd, os.Args[1:]), os.Stderr))
}

// root assembles the commands, each of which has a file of its own.
func root(w environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "onelicense",
		Short:         "License server, keys and license files, and a command for every operation of the API",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.AddCommand(serveCommand(), organisationCommand(w), epochCommand(w), healthcheckCommand(), backupCommand(w), restoreCommand(w),
		doctorCommand(w), licenseCommand(w), auditCommand(w), keygenCommand(w), keysCommand(w), issueCommand(w), verifyCommand(w), demoCommand(),
		versionCommand())
	cmd.AddGroup(&cobra.Group{ID: "local", Title: "Local commands:"})
	for _, c := range cmd.Commands() {
		c.GroupID = "local"
	}
	if err := apicmd.AddCommands(cmd, w.apiEnvironment()); err != nil {
		panic(err) // the document is our own
	}
	wrapAllErrors(cmd)
	return cmd
}

// wrapAllErrors marks the errors of commands' bodies, so that execute can distinguish them from errors of the command line.
func wrapAllErrors(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.RunE != nil {
			c.RunE = wrapErrors(c.RunE)
		}
		wrapAllErrors(c)
	}
}
