// Package demo implements `onelicense demo`: a vendor, a server and licensed programs in several languages, with every refusal that there
// is to see. Nothing is simulated: each step runs what a user would run, and its verdict is compared with the expected one.
//
// Run runs the demo; the steps are in story.go and license_files.go.
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

// Settings configure one run.
type Settings struct {
	Binary      string    // path of onelicense itself
	Mongo       string    // mongodb:// address; empty: the embedded store
	Programs    []Program // licensed programs, one for each language
	Skipped     []string  // steps that this machine cannot run, and why
	Strict      bool      // fail if a step is skipped
	KeepRunning bool      // keep the server running at the end, until ctx ends
	Out         io.Writer
}

// Program is a licensed program and its command. Its arguments are those of hosts/*/demo.
type Program struct {
	Name    string
	Command []string
}

// stepTimeout bounds the time of a step.
const stepTimeout = 60 * time.Second

// runner is the state of one run.
type runner struct {
	Settings
	ctx      context.Context
	dir      string // temporary folder of the run
	steps    int
	failures int
}

// Run runs the demo and prints a table. It returns an error if a step did not end as expected.
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

// verdict prints one step.
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

// summary ends the table and lists the skipped steps; with Strict, a skipped step is an error.
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
