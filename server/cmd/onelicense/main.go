// Command onelicense is the server and everything around it: keys, license files, and a demo.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/remote"
)

func main() {
	out := &checkedWriter{File: os.Stdout}
	cmd := root(environment{now: time.Now, random: rand.Reader})
	cmd.SetOut(out)
	os.Exit(out.exitCode(execute(cmd, os.Args[1:]), os.Stderr))
}

// root assembles the commands; each stands in a file of its own.
func root(w environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "onelicense",
		Short:         "License software: the server, its keys and license files",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.AddCommand(serveCommand(), organisationCommand(w), epochCommand(w), healthcheckCommand(), backupCommand(w), restoreCommand(w), doctorCommand(w), licenseCommand(w), auditCommand(w), keygenCommand(w), keysCommand(w), issueCommand(w), verifyCommand(w), demoCommand(), versionCommand())
	cmd.AddGroup(&cobra.Group{ID: "here", Title: "Here:"})
	for _, c := range cmd.Commands() {
		c.GroupID = "here"
	}
	if err := remote.AddCommands(cmd, w.remote()); err != nil {
		panic(err) // the document is our own
	}
	wrapAllErrors(cmd)
	return cmd
}

// wrapAllErrors lets execute tell the errors of commands' bodies from those of their calls.
func wrapAllErrors(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.RunE != nil {
			c.RunE = wrapErrors(c.RunE)
		}
		wrapAllErrors(c)
	}
}
