package onelicense

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// demo runs the demo program with the vendor's four values.
func demo(t testing.TB, v *fakeServer) func(args ...string) *exec.Cmd {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", binary, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), binary, append([]string{
			"--server", v.URL + "/api/v1#" + v.root, "--product", product, "--version", version, "--license", first, "--storage", t.TempDir(),
		}, args...)...)
	}
}

// proves C15
func TestDemoPrintsAVerdictForEachStep(t *testing.T) {
	v := newFakeServer(t)
	v.allowance = 3
	run := demo(t, v)
	cmd := run("consume=3", "consume=2", "reserve=ui:rendering", "check=ui:rendering", "release=ui:rendering", "release=ui:rendering",
		"sync", "status", "hold", "shutdown", "consume")
	cmd.Stdin = strings.NewReader("\n")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	want := "consume ok,consume exhausted,reserve ok,check ok,release ok,release not_reserved," +
		"sync ok,status ok,hold ok,shutdown ok,consume not_running,"
	if got := strings.NewReplacer("\t", " ", "\n", ",").Replace(string(out)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	v.set(func() { v.refuse = license.CodeSuspended })
	out, err = run("consume").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || string(out) != "start\tsuspended\n" {
		t.Errorf("%v, %q", err, out)
	}
	if exit, ok := errors.AsType[*exec.ExitError](run("dance").Run()); !ok || exit.ExitCode() != 2 {
		t.Error("a step that there is not")
	}
}

// proves C15
func TestDemoServesOneLicensedRoute(t *testing.T) {
	v := newFakeServer(t)
	v.set(func() { v.allowance, v.settings.Trigger = 1, lease.EveryCall })
	cmd := demo(t, v)("--serve", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	for _, visit := range []struct {
		path   string
		status int
		says   string
	}{{"/", 200, "everybody"}, {"/work", 200, "done"}, {"/work", 403, "exhausted"}, {"/", 200, "everybody"}} {
		answer, err := http.Get(address + visit.path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != visit.status || !strings.Contains(string(body), visit.says) {
			t.Errorf("%s: %d %s", visit.path, answer.StatusCode, body)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// proves C06 L16
func TestProgramExitsWithoutOnVerdict(t *testing.T) {
	for offline, stops := range map[string]map[license.Code]bool{
		"":    {license.CodeLeaseExpired: true, license.CodeGrace: false},
		"yes": {license.CodeLeaseExpired: false, license.CodeUnreachable: false, license.CodeServerError: false, license.CodeSuspended: true},
	} {
		for verdict, stopped := range stops {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "ONELICENSE_TEST_VERDICT="+string(verdict), "ONELICENSE_TEST_OFFLINE="+offline)
			out, err := cmd.CombinedOutput()
			if (err != nil) != stopped || !strings.Contains(string(out), verdict.Verdict().Message) ||
				strings.Contains(string(out), "went on") == stopped {
				t.Errorf("offline %q, %s: %v, %s", offline, verdict, err, out)
			}
		}
	}
}
