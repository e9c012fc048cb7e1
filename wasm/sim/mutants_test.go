//go:build mutants

package sim

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A world that finds nothing proves nothing. So each rule is taken away in turn, of the machine and of the chain, on both sides, and the
// world must notice: `make test-mutants`.

type mutant struct {
	name     string // the rule that is missing
	file     string
	old, new string
}

const (
	clientFiles = "wasm/client/"
	domainFiles = "server/licensing/"
)

var mutants = []mutant{
	// The server's side.
	{"the next number follows the head's link", domainFiles + "position.go", ` && r.Previous == head.Link:`, `:`},
	{"the next number is one more", domainFiles + "position.go", `r.Number == head.Number+1 && r.Previous`, `r.Number >= head.Number && r.Previous`},
	{"records that were rolled back catch up", domainFiles + "position.go", `case known && follows && x.now <= ahead.NotAfter:`, `case false:`},
	{"an unknown installation with a lease is waited for", domainFiles + "position.go", `case !known && ahead != nil:`, `case false:`},
	{"who is closed stays closed", domainFiles + "position.go", "	case closed:\n		return at, refusal(license.CodeDeactivated", "	case false:\n		return at, refusal(license.CodeDeactivated"},
	{"clones that were suspended are both refused", domainFiles + "position.go", `case held.Past.Cloned != 0:`, `case false:`},
	{"nothing new is granted after a restore", domainFiles + "position.go", `	if x.now >= end {
		return nil
	}`, `	if x.now >= end || true {
		return nil
	}`},
	{"a rollback that is found out begins an epoch", domainFiles + "position.go", `if answer.Lease.Epoch >= x.epoch.Value {`, `if false {`},
	{"the same request is given the same lease", domainFiles + "sync.go", `if known && held.Request == x.hash {`, `if false {`},
	{"a stored lease is signed for the present epoch", domainFiles + "sync.go", `if stored.Epoch < x.epoch.Value {`, `if false {`},
	{"suspended licenses are refused", domainFiles + "sync.go", `case l.Status == Suspended:`, `case false:`},
	{"seats of a lost record are held again", domainFiles + "fill.go", `if _, granted := x.slots(h.Entitlement); granted && !dropped`, `if false && !dropped`},
	{"usage of a lost record is taken in full", domainFiles + "fill.go", `		c.Counted = max(c.Counted, at.healed.Counters.Counted)`, `		c.Counted = held.Counted`},
	{"after a re-activation the server's number stands", domainFiles + "fill.go", `		c.Counted = held.Counted
		c.Lapse`, `		c.Lapse`},
	{"a restored state pays for what was prepaid to it", domainFiles + "fill.go", `c.Lapse, c.Extra = x.policy.Prepaid > 0, x.policy.Prepaid`, `c.Lapse, c.Extra = false, 0`},
	{"usage stays within the allowance", domainFiles + "charge.go", `	left := max(0, min(c.limit(a), lease.MaxCount)-a.Used)`, `	left := max(0, min(c.limit(a), lease.MaxCount)-a.Used) + 1<<40`},
	{"what was counted once is not charged again", domainFiles + "charge.go", `	pay(c.Counted - a.Granted)`, `	pay(c.Counted)`},
	{"turns are counted", domainFiles + "clone.go", `	if e.Alternation {
		past.Alternations++`, `	if e.Alternation {
		past.Alternations += 0`},
	{"an old state is not a turn", domainFiles + "clone.go", `		e.Alternation = past.Left.Number > 0 && (`, `		e.Alternation = past.Left.Number > 0 || (`},
	{"turns are remembered for a long window", domainFiles + "clone.go", `if x.now >= past.AlternatedAt+window {`, `if window > 0 {`},
	{"the closed chain's last lease is remembered", domainFiles + "clone.go", `		past.Left = held.Head
`, ``},
	{"re-activations have a budget", domainFiles + "fill.go", `Budget: restoreBudget,`, `Budget: 1000,`},
	{"activating anew takes no machine's place", domainFiles + "fill.go", `	if at.begins {
		a.Activate`, `	if at.begins || at.again != nil {
		a.Activate`},

	// The machine's side.
	{"a request is on the disk before it is sent", clientFiles + "chain.go", `	ch.request, ch.asked, ch.hash = string(text), r, lease.HashOfText(text)
	ch.save()`, `	ch.request, ch.asked, ch.hash = string(text), r, lease.HashOfText(text)
	ch.c.savedAt, ch.waitsFor, ch.state = ch.c.clock.mono, 0, sending
	ch.send()`},
	{"the same bytes are sent again", clientFiles + "table.go", `{waiting, due, saving, (*chain).resend,`, `{waiting, due, saving, (*chain).form,`},
	{"after a refusal too", clientFiles + "table.go", `{sending, refused, waiting, (*chain).fail,`, `{sending, refused, ready, (*chain).drop,`},
	{"an answer is for this device", clientFiles + "trust.go", `case product != ch.c.cfg.ProductID || id != ch.license || activation != ch.activation:`, `case false:`},
	{"an answer is for this request", clientFiles + "trust.go", `case request != ch.hash || nonce != ch.asked.Nonce:`, `case false:`},
	{"the root is the pinned one", clientFiles + "trust.go", `if c.root != "" && j.keys.Root() != c.root {`, `if false {`},
	{"a keyring forgets nothing", clientFiles + "trust.go", `		if c.keys != nil {
			if j.keys, j.certificate, err = j.keys.Union(c.keys); err != nil {`, `		if false {
			if j.keys, j.certificate, err = j.keys.Union(c.keys); err != nil {`},
	{"a named list must be at hand", clientFiles + "trust.go", `, c.upToDate(l.List, j))`, `)`},
	{"a stale state activates anew", clientFiles + "table.go", `{sending, stale, saving, (*chain).restore,`, `{sending, stale, waiting, (*chain).fail,`},
	{"counts made during a sync are kept", clientFiles + "chain.go", `ch.counted = l.Counters.Counted + (ch.counted - ch.asked.Counted)`, `ch.counted = l.Counters.Counted`},
	{"the server's number stands", clientFiles + "chain.go", `	ch.counted = l.Counters.Counted + (ch.counted - ch.asked.Counted)
`, ``},
	{"a request that is given up counts nothing", clientFiles + "calls.go", `			ch.counted -= k.n
`, ``},
	{"a lease ends", clientFiles + "standing.go", `case c.clock.now() > ch.held.NotAfter &&`, `case false &&`},
	{"what is final does not ride the grace", clientFiles + "standing.go", `	case ch.problem.Class == license.ClassFinal:
		return ch.problem.Code`, `	case false:
		return ch.problem.Code`},
	{"what was prepaid is spent when it is read back", clientFiles + "chain.go", `		if a.Lease.Settings.Prepaid > 0 {`, `		if false {`},
	{"the journal is written", clientFiles + "client.go", `if c.dirty && (c.clock.mono`, `if false && (c.clock.mono`},
	{"the request is part of the state", clientFiles + "snapshot.go", `ch.delegation, ch.request})`, `ch.delegation, ""})`},
	{"the lease is part of the state", clientFiles + "snapshot.go", `ch.counted, ch.text,`, `ch.counted, "",`},
	{"a re-activation shows what was refused", clientFiles + "chain.go", `r.Generation, r.Refused = ch.generation, ch.hash`, `r.Generation = ch.generation`},
}

var only = flag.String("only", "", "hunt those alone that have this in their name")

func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	work := make(chan mutant)
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for m := range work {
				hunt(t, root, m)
			}
		}()
	}
	for _, m := range mutants {
		if strings.Contains(m.name, *only) {
			work <- m
		}
	}
	close(work)
	wait.Wait()
}

// hunt takes one rule away and has the world look for it: in the stories and the search first, then in random years.
func hunt(t *testing.T, root string, m mutant) {
	dir := t.TempDir()
	path := filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if strings.Count(string(source), m.old) != 1 {
		t.Errorf("%s: %s does not have it once", m.name, m.file)
		return
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	overlay := filepath.Join(dir, "overlay.json")
	plan, _ := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(overlay, plan, 0o600); err != nil {
		t.Error(err)
		return
	}
	// The stories and the search first, then random years; what needs a liar on the other side than the world has, or two licenses, stands
	// in the tests of the side itself.
	unit := "./" + filepath.Dir(m.file)
	for _, stage := range [][]string{
		{"./wasm/sim", "-traces=false", "-test.run", "Test[^YS]"},
		{"./wasm/sim", "-test.run", "TestSearch", "-depth", "4"},
		{"./wasm/sim", "-test.run", "TestYears", "-seeds", "100"},
		{unit, "-test.run", "Test"},
	} {
		binary := filepath.Join(dir, filepath.Base(stage[0])+".test")
		if _, err := os.Stat(binary); err != nil {
			build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, stage[0])
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%s: does not build, and so proves nothing:\n%s", m.name, out)
				return
			}
		}
		arguments := stage[1:]
		if stage[0] == "./wasm/client" {
			arguments = append(arguments, "-traces=false", "-test.skip", "TestSpec") // the page would notice anything
		}
		// A mutant may run wild: time and memory have an end.
		run := exec.Command("sh", append([]string{"-c", `ulimit -v 6000000; exec "$0" "$@"`, binary, "-test.timeout", "10m"}, arguments...)...)
		run.Dir = filepath.Join(root, stage[0])
		out, err := run.CombinedOutput()
		if strings.Contains(string(out), "panic: test timed out") {
			t.Errorf("%s: the hunt takes too long, and so proves nothing", m.name)
			return
		}
		if err != nil {
			first, _, _ := strings.Cut(string(out[max(0, strings.Index(string(out), "--- FAIL")):]), "\n")
			t.Logf("caught: %s: %s %s", m.name, stage[0], first)
			return
		}
	}
	t.Errorf("not caught: %s", m.name)
}
