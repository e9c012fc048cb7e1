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

	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
)

// environment holds what commands take from outside, so that tests can replace it.
type environment struct {
	now    func() time.Time
	random io.Reader

	transport http.RoundTripper // nil: http.DefaultTransport
}

// apiEnvironment returns the environment of the commands that call a server's API.
func (e environment) apiEnvironment() apicmd.Environment {
	return apicmd.Environment{UserAgent: strings.Replace(version(), " ", "/", 1), Transport: e.transport}
}

// The exit codes. A script can tell a refused license from invalid usage.
const (
	exitOK      = 0
	exitRefused = 1 // or failed
	exitUsage   = 2
)

// workError is an error of a command's work; every other error that cobra returns is one of usage.
type workError struct{ error }

func (e workError) Unwrap() error { return e.error }

// wrapErrors makes the errors of a command's body work errors, except usage errors.
func wrapErrors(body func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := body(cmd, args)
		var u usageError
		var r apicmd.UsageError
		if err == nil || errors.As(err, &u) || errors.As(err, &r) {
			return err
		}
		return workError{err}
	}
}

// usageError is an error in the body of a command that invalid usage caused.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// execute runs a command and returns the exit code. It prints the error to standard error.
func execute(cmd *cobra.Command, args []string) int {
	if args == nil {
		args = []string{} // cobra takes nil for the arguments of the process
	}
	cmd.SetArgs(args)
	called, err := cmd.ExecuteC()
	if err == nil {
		return exitOK
	}
	apicmd.PrintError(cmd.ErrOrStderr(), err)
	var e workError
	if errors.As(err, &e) {
		return exitRefused
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "see %s --help\n", called.CommandPath())
	return exitUsage
}

// checkedWriter is standard output that remembers the first failed write: output lost on a full disk must not look like a success.
type checkedWriter struct {
	*os.File
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// exitCode returns the exit code of a command that ended with the given one: a failed write makes success a failure.
func (w *checkedWriter) exitCode(exit int, errs io.Writer) int {
	if exit != exitOK || w.err == nil {
		return exit
	}
	fmt.Fprintln(errs, w.err)
	return exitRefused
}
