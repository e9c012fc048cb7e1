//go:build mutants

package sim

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A world that finds nothing proves nothing, nor does a test. So each rule is taken away in turn, of the machine and of the chain, on both
// sides, and one that is known to notice it must: `make test-sim`.

type mutant struct {
	name     string // the rule that is missing
	by       hunter // that is known to notice; a story in which a mutant runs wild is none
	file     string
	old, new string
}

// hunter looks for what is missing. The quick come first; what needs a liar on the other side than the world has, a license that the world does
// not sell, or two, stands in the tests of the side itself.
type hunter int

const (
	stories hunter = iota
	searching
	years
	tests
)

// hunts are their commands: where, and with what. The tests of a side run there.
var hunts = [][]string{
	stories:   {"wasm/sim", "-traces=false", "-test.run", "Test[^YS]", "-test.failfast"},
	searching: {"wasm/sim", "-test.run", "TestSearch", "-depth", "4"},
	years:     {"wasm/sim", "-test.run", "TestYears", "-seeds", "100", "-enough", "1"},
	tests:     {"", "-test.run", "Test", "-test.failfast"},
}

const (
	clientFiles = "wasm/client/"
	domainFiles = "server/licensing/"
)

var mutants = []mutant{
	// The server's side.
	{"the next number follows the head's link", stories, domainFiles + "position.go", ` && r.Previous == head.Link:`, `:`},
	{"the next number is one more", stories, domainFiles + "position.go", `r.Number == head.Number+1 && r.Previous`, `r.Number >= head.Number && r.Previous`},
	{"records that were rolled back catch up", stories, domainFiles + "position.go", `case known && follows && x.now <= ahead.NotAfter:`, `case false:`},
	{"an unknown installation with a lease is waited for", tests, domainFiles + "position.go", `case !known && ahead != nil:`, `case false:`},
	{"who is closed stays closed", years, domainFiles + "position.go", "	case closed:\n		return at, refusal(license.CodeDeactivated", "	case false:\n		return at, refusal(license.CodeDeactivated"},
	{"clones that were suspended are both refused", stories, domainFiles + "position.go", `case held.Past.Cloned != 0:`, `case false:`},
	{"nothing new is granted after a restore", stories, domainFiles + "position.go", `	if x.now >= end {
		return nil
	}`, `	if x.now >= end || true {
		return nil
	}`},
	{"a rollback that is found out begins an epoch", stories, domainFiles + "position.go", `if answer.Lease.Epoch >= x.epoch.Value {`, `if false {`},
	{"the same request is given the same lease", stories, domainFiles + "sync.go", `if known && held.Request == x.hash {`, `if false {`},
	{"a stored lease is signed for the present epoch", tests, domainFiles + "sync.go", `if stored.Epoch < x.epoch.Value {`, `if false {`},
	{"suspended licenses are refused", stories, domainFiles + "sync.go", `case l.Status == Suspended:`, `case false:`},
	{"seats of a lost record are held again", stories, domainFiles + "fill.go", `if _, granted := x.slots(h.Entitlement); granted && !dropped`, `if false && !dropped`},
	{"usage of a lost record is taken in full", stories, domainFiles + "fill.go", `		c.Counted = max(c.Counted, at.healed.Counters.Counted)`, `		c.Counted = held.Counted`},
	{"after a re-activation the server's number stands", stories, domainFiles + "fill.go", `		c.Counted = held.Counted
		c.Lapse`, `		c.Lapse`},
	{"a restored state pays for what was prepaid to it", stories, domainFiles + "fill.go", `c.Lapse, c.Extra = x.policy.Prepaid > 0, x.policy.Prepaid`, `c.Lapse, c.Extra = false, 0`},
	{"usage stays within the allowance", years, domainFiles + "charge.go", `	left := max(0, min(c.limit(a), lease.MaxCount)-a.Used)`, `	left := max(0, min(c.limit(a), lease.MaxCount)-a.Used) + 1<<40`},
	{"what was counted once is not charged again", stories, domainFiles + "charge.go", `	pay(c.Counted - a.Granted)`, `	pay(c.Counted)`},
	{"turns are counted", stories, domainFiles + "clone.go", `	if e.Alternation {
		past.Alternations++`, `	if e.Alternation {
		past.Alternations += 0`},
	{"an old state is not a turn", stories, domainFiles + "clone.go", `		e.Alternation = past.Left.Number > 0 && (`, `		e.Alternation = past.Left.Number > 0 || (`},
	{"turns are remembered for a long window", stories, domainFiles + "clone.go", `if x.now >= past.AlternatedAt+window {`, `if window > 0 {`},
	{"the closed chain's last lease is remembered", stories, domainFiles + "clone.go", `		past.Left = held.Head
`, ``},
	{"re-activations have a budget", stories, domainFiles + "fill.go", `Budget: restoreBudget,`, `Budget: 1000,`},
	{"activating anew takes no machine's place", stories, domainFiles + "fill.go", `	if at.begins {
		a.Activate`, `	if at.begins || at.again != nil {
		a.Activate`},

	// The server's side, where the world has no such license.
	{"an allowance begins anew with its period", tests, domainFiles + "charge.go", `	if c.Period > a.Period {`, `	if a.Period == 0 && c.Period > 0 {`},
	{"a period does not end because a clock went back", tests, domainFiles + "charge.go", `	if c.Period > a.Period {`, `	if c.Period != a.Period {`},
	{"the allowance that is told is the period's", tests, domainFiles + "fill.go", `min(o.Before+l.Counters.Allowance, lease.MaxCount)`, `l.Counters.Allowance`},
	{"a report past the allowance is told so", tests, domainFiles + "fill.go", `if o.Counted < x.request.Counted && at.again == nil ||`, `if false ||`},
	{"activations have a limit in each window", tests, domainFiles + "meter.go", `if is.WindowCount >= l.Limit {`, `if false {`},
	{"machines have a limit", tests, domainFiles + "meter.go", `if l.MaxMachines > 0 && is.Machines >= l.MaxMachines {`, `if false {`},
	{"moves have a limit", tests, domainFiles + "meter.go", `if l.MoveLimit > 0 && is.Moves >= l.MoveLimit {`, `if false {`},
	{"who comes back to its own place does not move", tests, domainFiles + "meter.go", `case !l.Elsewhere && is.forget(who) || l.MaxMachines == 0:`, `case l.MaxMachines == 0:`},
	{"what the vendor frees is no move", tests, domainFiles + "meter.go", `	m.Places = max(m.Machines, m.Places-1)
`, ``},
	{"a machine may change in few parts at once", tests, domainFiles + "machine.go", `if int64(len(differs)) <= x.policy.FingerprintTolerance {`, `if x.policy.FingerprintTolerance >= 0 {`},
	{"a license for one machine is for no other", tests, domainFiles + "machine.go", `if len(foreign) > 0 {`, `if false {`},
	{"who asked first has the slot first", tests, domainFiles + "fill.go", `slots = max(0, slots-x.ahead(want.Entitlement))`, `slots = max(0, slots)`},
	{"who does not ask is passed over", tests, domainFiles + "line.go", `return w.Asked+lease.Time(x.policy.Queue) > x.now }`, `return x.policy.Queue > 0 }`},
	{"who is closed does not wait", tests, domainFiles + "holders.go", `return s.leave(ctx, org, key, true)`, `return nil`},
	{"a slot that is held ahead is for one", tests, domainFiles + "line.go", `if h.isFor(x) && left > 0 {`, `if left > 0 {`},
	{"who has a slot held goes before the line", tests, domainFiles + "line.go", `	if holder {`, `	if holder && false {`},
	{"what was taken of a hold is not held any more", tests, domainFiles + "line.go", `if c.Hold == h.ID && c.Until > x.now && c.Activation`, `if false && c.Activation`},
	{"holds fit into the slots", tests, domainFiles + "hold.go", `if has := int64(l.Entitlements[at].Slots); most > has {`, `if has := int64(l.Entitlements[at].Slots); most > has && most < 0 {`},
	{"a slot is borrowed as long as the policy allows", tests, domainFiles + "fill.go", `lease.Time(min(want.Borrow, x.policy.MaxBorrow))`, `lease.Time(want.Borrow)`},
	{"a customer tries a product once", tests, domainFiles + "trial.go", `license.ID(kept.Body) != l.ID`, `license.ID(kept.Body) == ""`},
	{"a trial that changes hands is tried by both", tests, domainFiles + "catalogue.go", `if !old.Trial || anothers {`, `if !old.Trial {`},
	{"a refused edit takes nobody's trial", tests, domainFiles + "trial.go", `if tried.Revision != 1 || !certain {`, `if tried.Revision != 0 || !certain {`},
	{"maintenance ends", tests, domainFiles + "sync.go", `x.runs.ID != l.Version && (x.runs.Released == 0 || x.runs.Released > l.Maintenance)`, `false`},
	{"a version without a release has no maintenance", tests, domainFiles + "sync.go", `(x.runs.Released == 0 || x.runs.Released`, `(x.runs.Released`},
	{"a refused activation begins no term", tests, domainFiles + "term.go", `			err = m.Admit(begins, x.now, x.key.Activation)`, `			_ = m`},
	{"a renewal comes once", tests, domainFiles + "history.go", `} else if known {`, `} else if false {`},
	{"a transfer closes what was there before it", tests, domainFiles + "term.go", `if a.Closed == 0 && a.Created <= until {`, `if a.Closed == 0 {`},
	{"every node learns of an epoch", tests, domainFiles + "epoch.go", `seen <= known.Value && e.at <= now && now <= e.at+epochAge`, `seen <= known.Value`},
	{"leases do not go back in time", years, domainFiles + "fill.go", `return max(l.Time, x.now)`, `return x.now`},

	// The machine's side.
	{"a request is on the disk before it is sent", stories, clientFiles + "chain.go", `	ch.request, ch.asked, ch.hash = string(text), r, lease.HashOfText(text)
	ch.save()`, `	ch.request, ch.asked, ch.hash = string(text), r, lease.HashOfText(text)
	ch.c.savedAt, ch.waitsFor, ch.state = ch.c.clock.mono, 0, sending
	ch.send()`},
	{"the same bytes are sent again", stories, clientFiles + "table.go", `{waiting, due, saving, (*chain).resend,`, `{waiting, due, saving, (*chain).form,`},
	{"after a refusal too", stories, clientFiles + "table.go", `{sending, refused, waiting, (*chain).fail,`, `{sending, refused, ready, (*chain).drop,`},
	{"an answer is for this device", stories, clientFiles + "trust.go", `case product != ch.c.cfg.ProductID || id != ch.license || activation != ch.activation:`, `case false:`},
	{"an answer is for this request", years, clientFiles + "trust.go", `case request != ch.hash || nonce != ch.asked.Nonce:`, `case false:`},
	{"the root is the pinned one", tests, clientFiles + "trust.go", `if c.root != "" && j.keys.Root() != c.root {`, `if false {`},
	{"a keyring forgets nothing", tests, clientFiles + "trust.go", `		if c.keys != nil {
			if j.keys, j.certificate, err = j.keys.Union(c.keys); err != nil {`, `		if false {
			if j.keys, j.certificate, err = j.keys.Union(c.keys); err != nil {`},
	{"a named list must be at hand", tests, clientFiles + "trust.go", `, c.upToDate(l.List, j))`, `)`},
	{"a stale state activates anew", stories, clientFiles + "table.go", `{sending, stale, saving, (*chain).restore,`, `{sending, stale, waiting, (*chain).fail,`},
	{"counts made during a sync are kept", searching, clientFiles + "chain.go", `ch.counted = l.Counters.Counted + (ch.counted - ch.asked.Counted)`, `ch.counted = l.Counters.Counted`},
	{"the server's number stands", stories, clientFiles + "chain.go", `	ch.counted = l.Counters.Counted + (ch.counted - ch.asked.Counted)
`, ``},
	{"a request that is given up counts nothing", tests, clientFiles + "calls.go", `			ch.counted -= k.n
`, ``},
	{"a lease ends", stories, clientFiles + "standing.go", `case c.clock.now() > ch.held.NotAfter &&`, `case false &&`},
	{"what is final does not ride the grace", stories, clientFiles + "standing.go", `	case ch.problem.Class == license.ClassFinal:
		return ch.problem.Code`, `	case false:
		return ch.problem.Code`},
	{"what was prepaid is spent when it is read back", stories, clientFiles + "chain.go", `		if a.Lease.Settings.Prepaid > 0 {`, `		if false {`},
	{"the journal is written", searching, clientFiles + "client.go", `if c.dirty && (c.clock.mono`, `if false && (c.clock.mono`},
	{"the request is part of the state", stories, clientFiles + "snapshot.go", `ch.delegation, ch.request})`, `ch.delegation, ""})`},
	{"the lease is part of the state", searching, clientFiles + "snapshot.go", `ch.counted, ch.text,`, `ch.counted, "",`},
	{"a re-activation shows what was refused", stories, clientFiles + "chain.go", `r.Generation, r.Refused = ch.generation, ch.hash`, `r.Generation = ch.generation`},
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

// hunt takes one rule away and has it looked for, by the one that is known to notice first, and by those after it.
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
	for _, how := range hunts[m.by:] {
		where, arguments := cmp.Or(how[0], filepath.Dir(m.file)), how[1:]
		binary := filepath.Join(dir, filepath.Base(where)+".test")
		if _, err := os.Stat(binary); err != nil {
			build := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./"+where)
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				t.Errorf("%s: does not build, and so proves nothing:\n%s", m.name, out)
				return
			}
		}
		if where == "wasm/client" {
			arguments = append(arguments, "-traces=false", "-test.skip", "TestSpec") // the page would notice anything
		}
		// A mutant may run wild: time and memory have an end.
		run := exec.Command("sh", append([]string{"-c", `ulimit -v 6000000; exec "$0" "$@"`, binary, "-test.timeout", "10m"}, arguments...)...)
		run.Dir = filepath.Join(root, where)
		out, err := run.CombinedOutput()
		if strings.Contains(string(out), "panic: test timed out") {
			t.Errorf("%s: the hunt takes too long, and so proves nothing", m.name)
			return
		}
		if err != nil {
			first, _, _ := strings.Cut(string(out[max(0, strings.Index(string(out), "--- FAIL")):]), "\n")
			t.Logf("caught: %s: %s %s", m.name, where, first)
			return
		}
	}
	t.Errorf("not caught: %s", m.name)
}
