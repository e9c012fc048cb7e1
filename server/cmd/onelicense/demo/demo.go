// Package demo is the story that `onelicense demo` plays: a vendor, a server, and programs in several languages that are licensed by it,
// with every refusal that there is to see. Nothing is staged: each step runs what a user would run, and its verdict is compared with
// what it must be.
//
// Run plays it; the steps stand in story.go and files.go.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Settings of one showing.
type Settings struct {
	Binary      string    // onelicense itself
	Mongo       string    // mongodb:// address; empty: the embedded store
	Programs    []Program // the licensed programs, one for each language
	Skipped     []string  // what this machine cannot show, and why
	Strict      bool      // nothing may be left out
	KeepRunning bool      // keep the server running at the end, until ctx ends
	Out         io.Writer
}

// Program is a licensed program and how it is started. Its arguments are those of hosts/*/demo.
type Program struct {
	Name    string
	Command []string
}

// stepTimeout is how long anything may take before the demo calls it stuck.
const stepTimeout = 60 * time.Second

// runner is a showing under way.
type runner struct {
	Settings
	ctx      context.Context
	dir      string // everything is made in here
	steps    int
	failures int
}

// Run plays the story and prints a table. An error tells that a step did not end as it must.
func Run(ctx context.Context, s Settings) (err error) {
	dir, err := os.MkdirTemp("", "onelicense-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	st := &runner{Settings: s, ctx: ctx, dir: dir}
	fmt.Fprintf(s.Out, "    %-58s %-20s %s\n", "step", "expected", "got")
	st.licenseFiles()
	if err := st.serverStory(); err != nil {
		return err
	}
	if st.failures > 0 {
		return fmt.Errorf("%d of %d steps did not end as they must", st.failures, st.steps)
	}
	return nil
}

// verdict shows one step.
func (s *runner) verdict(text, expected, got string) {
	s.steps++
	mark := "ok"
	if got != expected {
		mark = "WRONG"
		s.failures++
	}
	fmt.Fprintf(s.Out, "%3d %-58s %-20s %-20s %s\n", s.steps, text, expected, got, mark)
}

func (s *runner) heading(text string) { fmt.Fprintf(s.Out, "\n%s\n", text) }

// summary closes the table. What is left out is named; where nothing may be, that is an error of its own.
func (s *runner) summary() {
	fmt.Fprintln(s.Out)
	for _, what := range s.Skipped {
		fmt.Fprintf(s.Out, "left out: %s\n", what)
	}
	if s.Strict && len(s.Skipped) > 0 {
		s.failures++
		fmt.Fprintln(s.Out, "with CI=true nothing may be left out")
	}
	if s.failures == 0 {
		fmt.Fprintf(s.Out, "%d steps, every verdict as expected\n", s.steps)
	}
}

func (s *runner) path(name string) string { return filepath.Join(s.dir, name) }
