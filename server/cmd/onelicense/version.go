package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by -ldflags "-X main.release=v1.2.3" where the build does not know it from the module.
var release string

// buildInfo says what was built and from which commit.
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

// version says what was built, from which commit and with which Go.
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
		Short: "Say what was built, from which commit",
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
