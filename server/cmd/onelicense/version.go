package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by -ldflags "-X main.release=v1.2.3" where the build cannot take the version from the module.
var release string

// buildInfo returns the version and the commit of this program; the commit is empty when it is unknown.
func buildInfo() (name, commit string) {
	name = release
	if info, ok := debug.ReadBuildInfo(); ok {
		if name == "" {
			name = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value + commit
			case s.Key == "vcs.modified" && s.Value == "true":
				commit += " with changes"
			}
		}
	}
	if name == "" {
		name = "(devel)"
	}
	return name, commit
}

// version returns one line with the version, the commit, the Go release and the platform.
func version() string {
	name, commit := buildInfo()
	if commit != "" {
		commit = " commit " + commit
	}
	return fmt.Sprintf("onelicense %s%s %s %s/%s", name, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print version and commit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				name, commit := buildInfo()
				return printAny(cmd.OutOrStdout(), map[string]string{
					"version": name, "commit": commit, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
