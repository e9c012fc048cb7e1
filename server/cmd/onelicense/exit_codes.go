package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/server/cmd/onelicense/remote"
)

// environment is what commands take from outside, so that tests can choose it.
type environment struct {
	now    func() time.Time
	random io.Reader

	transport http.RoundTripper // nil: the system's
}

// remote is the world of the commands that ask a server.
func (w environment) remote() remote.Environment {
	return remote.Environment{UserAgent: strings.Replace(version(), " ", "/", 1), Transport: w.transport}
}

// The exit codes. A script can tell a refused license from a mistake in its own call.
const (
	exitOK      = 0
	exitRefused = 1 // or failed
	exitUsage   = 2
)

// workError is an error of the work itself; every other error that comes out of cobra is one of usage.
type workError struct{ error }

func (f workError) Unwrap() error { return f.error }

// wrapErrors marks the errors of a command's body.
func wrapErrors(body func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := body(cmd, args)
		var u usageError
		var r remote.UsageError
		if err == nil || errors.As(err, &u) || errors.As(err, &r) {
			return err
		}
		return workError{err}
	}
}

// usageError is an error in the body of a command that is a mistake in the call.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func execute(cmd *cobra.Command, args []string) int {
	if args == nil {
		args = []string{} // cobra takes nil for the arguments of the process
	}
	cmd.SetArgs(args)
	called, err := cmd.ExecuteC()
	if err == nil {
		return exitOK
	}
	remote.PrintError(cmd.ErrOrStderr(), err)
	var f workError
	if errors.As(err, &f) {
		return exitRefused
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "see %s --help\n", called.CommandPath())
	return exitUsage
}

// checkedWriter is standard output, and remembers that something did not get there: a disk that is full must not look like a success.
type checkedWriter struct {
	*os.File
	err error
}

func (k *checkedWriter) Write(p []byte) (int, error) {
	n, err := k.File.Write(p)
	if k.err == nil {
		k.err = err
	}
	return n, err
}

// exitCode is the exit code when it has been seen whether all was written.
func (k *checkedWriter) exitCode(exit int, errs io.Writer) int {
	if exit != exitOK || k.err == nil {
		return exit
	}
	fmt.Fprintln(errs, k.err)
	return exitRefused
}
