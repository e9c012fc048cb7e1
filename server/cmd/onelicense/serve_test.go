package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proves S28
func TestServeRefusesSettings(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		name string
		args string
		exit int
		says string
	}{
		{"no_data", "", exitUsage, "data: required; use a directory"},
		{"listen_without_port", "--data " + data + " --listen localhost", exitUsage, "set by --listen, ONELICENSE_LISTEN"},
		{"listen_beyond_ports", "--data " + data + " --listen 127.0.0.1:65536", exitUsage, "--listen"},
		{"listen_taken", "--data " + data + " --listen " + taken.Addr().String(), exitRefused, "--listen"},
		{"public_url", "--data " + data + " --public-url example.com", exitUsage, "set by --public-url, ONELICENSE_PUBLIC_URL"},
		{"log_format", "--data " + data + " --log-format xml", exitUsage, `log-format: "xml" is not valid; use text or json`},
		{"data_below_a_file", "--listen 127.0.0.1:0 --data " + filepath.Join(file, "data"), exitRefused, "--data"},
		{"checked_only", "--check --listen x --log-format xml", exitUsage, "--log-format"},
		{"unknown_setting", "--data " + data + " --lisen x", exitUsage, "--lisen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out, errs := run(nil, append([]string{"serve"}, strings.Fields(c.args)...)...)
			if exit != c.exit || out != "" || !strings.Contains(errs, c.says) {
				t.Errorf("exit %d, %q, %q, want exit %d and %q", exit, out, errs, c.exit, c.says)
			}
		})
	}
	if exit, out, errs := run(nil, "serve", "--check", "--data", data); exit != exitOK || out == "" || errs != "" {
		t.Errorf("good settings: exit %d, %q, %q", exit, out, errs)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a start that was refused has left a data directory")
	}
}

// TestMain lets a test run the program as a process: this binary, with the arguments in the environment.
func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv("ONELICENSE_TEST_ARGUMENTS"); ok {
		os.Exit(execute(root(environment{now: time.Now, random: rand.Reader}), strings.Fields(args)))
	}
	os.Exit(m.Run())
}

// From the first start to the owner, with exactly the documented output; then SIGTERM.
//
// proves part of S02
func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := startServe(t, data)
	token := first.tokenIn(t)
	page := get(t, first.base+"/setup?token="+token)
	if !strings.Contains(page, "curl") || !strings.Contains(page, first.base+"/api/v1/setup") || !strings.Contains(page, token) {
		t.Errorf("the page does not say how to go on:\n%s", page)
	}
	founding := `{"token":"` + token + `","organisation":"Acme","name":"Ada","email":"ada@acme.test","password":"correct horse battery"}`
	response, err := http.Post(first.base+"/api/v1/setup", "application/json", strings.NewReader(founding))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("setup: %d", response.StatusCode)
	}
	first.stop(t)
	if log := first.log.String(); strings.Contains(log, token) || strings.Contains(log, "correct horse") {
		t.Errorf("the log tells secrets:\n%s", log)
	}
	again := startServe(t, data)
	again.stop(t)
	if again.second != "" {
		t.Errorf("there is an owner, and it prints %q", again.second)
	}
}

type serving struct {
	cmd    *exec.Cmd
	base   string
	second string // the line after the address, if it is there
	lines  chan string
	log    bytes.Buffer
}

func startServe(t *testing.T, data string, settings ...string) *serving {
	t.Helper()
	s := &serving{cmd: exec.Command(os.Args[0]), lines: make(chan string, 10)}
	s.cmd.Env = append(os.Environ(), "ONELICENSE_TEST_ARGUMENTS=serve --log-format json", "ONELICENSE_LISTEN=127.0.0.1:0",
		"ONELICENSE_DATA="+data)
	s.cmd.Env = append(s.cmd.Env, settings...)
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	line := <-s.lines
	base, ok := strings.CutPrefix(line, "listening on ")
	if !ok {
		t.Fatalf("it says %q, and to the log %s", line, &s.log)
	}
	s.base = base
	return s
}

func (s *serving) tokenIn(t *testing.T) string {
	t.Helper()
	line := <-s.lines
	_, token, ok := strings.Cut(line, s.base+"/setup?token=")
	if !ok || len(token) != 64 {
		t.Fatalf("it says %q", line)
	}
	return token
}

// stop ends the process as a supervisor would.
func (s *serving) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.second = <-s.lines // or the end
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v: %s", err, &s.log)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
