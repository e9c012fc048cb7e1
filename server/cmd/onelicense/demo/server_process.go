package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// serverProcess is the vendor's server: the same binary in a process of its own, so that it can be killed.
type serverProcess struct {
	binary, data string
	mongo        string // mongodb:// address; empty: the embedded store
	address      string // host:port, the same after a restart
	setupLink    string // one-time link for the first owner
	cmd          *exec.Cmd
	log          *os.File
}

func (s *runner) newServerProcess(name string) *serverProcess {
	return &serverProcess{binary: s.Binary, data: s.path(name), mongo: s.Mongo, address: "127.0.0.1:0"}
}

// start runs the server and waits until it prints its address.
func (w *serverProcess) start(ctx context.Context) error {
	var err error
	if err = os.MkdirAll(w.data, 0o700); err != nil {
		return err
	}
	if w.log, err = os.OpenFile(w.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	w.cmd = exec.CommandContext(ctx, w.binary, "serve", "--listen", w.address, "--data", w.data, "--mongo", w.mongo)
	w.cmd.Stderr = w.log
	w.cmd.Cancel = func() error { return w.cmd.Process.Signal(os.Interrupt) }
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return err
	}
	said := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if address, ok := strings.CutPrefix(lines.Text(), "listening on http://"); ok {
				w.address = address
			}
			if i := strings.Index(lines.Text(), "http://"); i >= 0 && strings.Contains(lines.Text(), "/setup?token=") {
				w.setupLink = lines.Text()[i:]
			}
			if w.address != "127.0.0.1:0" && w.isReady() {
				said <- nil
				break
			}
		}
		if err := lines.Err(); err != nil {
			said <- err
		}
		select {
		case said <- errors.New("the server ended before it listened; see " + w.data + ".log"):
		default:
		}
		for lines.Scan() { // so that its output never blocks it
		}
	}()
	select {
	case err := <-said:
		return err
	case <-time.After(stepTimeout):
		return errors.New("the server did not say where it listens")
	}
}

// isReady reports whether the first start has printed the owner's link, which follows the address.
func (w *serverProcess) isReady() bool { return w.setupLink != "" }

// kill ends the process as a power failure would.
func (w *serverProcess) kill() error {
	if err := w.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = w.cmd.Wait() // "signal: killed" is expected
	return w.log.Close()
}

func (w *serverProcess) stop() error {
	if w.cmd == nil {
		return nil
	}
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	return errors.Join(w.cmd.Wait(), w.log.Close())
}

func (w *serverProcess) url() string { return "http://" + w.address }
