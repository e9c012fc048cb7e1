//go:build mutants

package sim

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Tests that find nothing prove nothing. So each marked rule (markers_test.go) is removed in turn, on both sides, and a suite that is known
// to notice must fail: `make test-sim`.

// suiteCommands are the package and the arguments of each suite, in the order of mutationSuites: the quick ones first. A rule that only a
// lying peer, a license that the simulated vendor does not sell, or two licenses can break is left to the tests of the rule's own package,
// for which the package is empty.
var suiteCommands = [][]string{
	{"server/sim", "-traces=false", "-test.skip", "TestMutant|TestSearch|TestYears", "-test.failfast"},
	{"server/sim", "-test.run", "TestSearch", "-depth", "4"},
	{"server/sim", "-test.run", "TestYears", "-seeds", "100", "-enough", "1"},
	{"", "-test.run", "Test", "-test.failfast"},
}

var only = flag.String("only", "", "remove only rules whose name contains this")

func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := readMutants(root)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	work := make(chan mutant)
	for range 2 {
		wait.Go(func() {
			for m := range work {
				findMissingRule(t, root, m)
			}
		})
	}
	for _, m := range mutants {
		if strings.Contains(m.rule, *only) {
			work <- m
		}
	}
	close(work)
	wait.Wait()
}

// testsOf returns the folder whose tests cover a file's rules. The packages of the domain are tested together, in server/licensing.
func testsOf(file string) string {
	if domain := "server/licensing"; strings.HasPrefix(file, domain+"/") {
		return domain
	}
	return filepath.Dir(file)
}

// findMissingRule removes one rule and runs the suites that may notice, from the marker's own on. It fails the test if none does, or if the
// mutant does not build or does not end.
func findMissingRule(t *testing.T, root string, m mutant) {
	dir := t.TempDir()
	path := filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	without, err := m.apply(source)
	if err != nil {
		t.Error(err)
		return
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	overlay := filepath.Join(dir, "overlay.json")
	plan, _ := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err := os.WriteFile(changed, without, 0o600); err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(overlay, plan, 0o600); err != nil {
		t.Error(err)
		return
	}
	for _, suite := range suiteCommands[slices.Index(mutationSuites, m.suite):] {
		where, arguments := cmp.Or(suite[0], testsOf(m.file)), suite[1:]
		binary := filepath.Join(dir, filepath.Base(where)+".test")
		if _, err := os.Stat(binary); err != nil {
			build := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./"+where)
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%s: does not build, and so proves nothing:\n%s", m.rule, out)
				return
			}
		}
		if where == "wasm/client" {
			arguments = append(arguments, "-traces=false", "-test.skip", "TestSpec") // the page in spec/ would notice any change of the table
		}
		// A mutant may run away: memory and time are limited.
		run := exec.Command("sh", append([]string{"-c", `ulimit -v 6000000; exec "$0" "$@"`, binary, "-test.timeout", "10m"}, arguments...)...)
		run.Dir = filepath.Join(root, where)
		out, err := run.CombinedOutput()
		if strings.Contains(string(out), "panic: test timed out") {
			t.Errorf("%s: the suite does not end, and so proves nothing", m.rule)
			return
		}
		if err != nil {
			first, _, _ := strings.Cut(string(out[max(0, strings.Index(string(out), "--- FAIL")):]), "\n")
			t.Logf("noticed: %s: %s %s", m.rule, where, first)
			return
		}
	}
	t.Errorf("not noticed: %s", m.rule)
}
