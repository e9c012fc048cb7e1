package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// programInput are the values that a vendor's developer puts into a program.
type programInput struct{ server, product, version, license string }

// process is a running licensed program. It prints one line for each step, its verdict; at the step "hold" it waits for a line of input.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

// launch starts a program that keeps its license state in the folder state.
func (s *runner) launch(p Program, t programInput, state string, steps ...string) (*process, error) {
	args := append(p.Command[1:len(p.Command):len(p.Command)],
		"--server", t.server, "--product", t.product, "--version", t.version, "--license", t.license, "--storage", s.path(state))
	cmd := exec.CommandContext(s.ctx, p.Command[0], append(args, steps...)...)
	cmd.Stderr = io.Discard // its verdicts say enough
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &process{cmd, in, make(chan string)}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			r.lines <- lines.Text()
		}
		close(r.lines)
	}()
	return r, nil
}

// verdictOf reads lines until the one of the step and returns its verdict; a start that failed is the verdict of every step.
func (r *process) verdictOf(step string) string {
	limit, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				return "ended without a verdict"
			}
			name, code, _ := strings.Cut(line, "\t")
			if name == step || name == "start" && code != "ok" {
				return code
			}
		case <-limit.Done():
			return fmt.Sprintf("silent for %s", stepTimeout)
		}
	}
}

// resume ends a hold.
func (r *process) resume() { fmt.Fprintln(r.in) }

// wait waits until the program has ended by itself.
func (r *process) wait() error {
	_ = r.in.Close()
	done := make(chan error, 1)
	go func() {
		for range r.lines {
		}
		done <- r.cmd.Wait()
	}()
	select {
	case err := <-done:
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
			return nil // one of its verdicts was a refusal
		}
		return err
	case <-time.After(stepTimeout):
		return errors.Join(errors.New("the program does not end"), r.cmd.Process.Kill())
	}
}

// runToEnd runs a program to its end and returns the verdict of its last step.
func (s *runner) runToEnd(p Program, t programInput, state string, steps ...string) string {
	r, err := s.launch(p, t, state, steps...)
	if err != nil {
		return err.Error()
	}
	last, _, _ := strings.Cut(steps[len(steps)-1], "=")
	got := r.verdictOf(last)
	if err := r.wait(); err != nil {
		return err.Error()
	}
	return got
}

func splitServer(server string) (address, pin string, ok bool) { return strings.Cut(server, "#") }

func joinCommand(command []string) string { return strings.Join(command, " ") }

// codeOr returns code unless it is "ok", and otherwise the result of next.
func codeOr(code string, next func() string) string {
	if code != "ok" {
		return code
	}
	return next()
}
