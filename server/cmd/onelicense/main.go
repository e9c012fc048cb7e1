// Command onelicense makes keys, issues license files and checks them.
package main

import (
	"crypto/rand"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(execute(root(world{now: time.Now, random: rand.Reader}), os.Args[1:]))
}

// root assembles the commands; each stands in a file of its own.
func root(w world) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "onelicense",
		Short:         "Make keys, issue license files and check them",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.AddCommand(keygenCommand(w), issueCommand(w), verifyCommand(w), versionCommand())
	for _, c := range cmd.Commands() {
		if c.RunE != nil {
			c.RunE = work(c.RunE)
		}
	}
	return cmd
}
