package sim

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// Beside the random years stands a search through everything that can happen in a small world: one activation with one holder or two, two
// restores from a backup, two silent rollbacks of the server, a suspension, and packets that stay deliverable for ever. Time stands still
// in it, so only the order of things counts. Every state that can be reached in so many steps is looked at, each once.
var depth = flag.Int("depth", 4, "steps of the exhaustive search")

// holder is one process with its disk. Saves are done at once; a request waits on the wire until the search decides.
type holder struct {
	core     *client.Client
	disk     string
	steps    int64
	wire     *abi.Effect
	consumed int64 // told ok
	verdict  license.Code
	codes    map[license.Code]bool
}

// searchWorld is the world of the search.
type searchWorld struct {
	now       lease.Time
	store     *memory.Store
	domain    *services.Services
	org       license.ID
	license   license.ID
	cfg       abi.Config
	holders   []*holder
	packets   []string
	backup    string
	snapshot  *memory.Store
	restores  int
	rollbacks int
	suspended bool
	toggles   int
}

type counter struct{ n *int64 }

func (c counter) Read(p []byte) (int, error) {
	*c.n++
	sum := sha256.Sum256(fmt.Append(nil, "server", *c.n))
	return copy(p, sum[:]), nil
}

func newSearchWorld(holders int) *searchWorld {
	s := &searchWorld{now: begin, store: memory.New()}
	s.restart()
	org, err := s.domain.Catalogue.CreateOrganisation(ctx, "Acme")
	check(err)
	meta := licensing.Record{Organisation: org.ID}
	p, err := s.domain.Catalogue.CreateProduct(ctx, licensing.Product{Record: meta, Name: "CAD"})
	check(err)
	policy := licensing.DefaultPolicy(lease.Calls, lease.Interval)
	policy.Interval, policy.MaxRetries, policy.Grace, policy.JournalEvery = day, 3, day, 1
	policy.ActivationLimit, policy.MaxMachines = 1, 1
	v, err := s.domain.Catalogue.CreateVersion(ctx, licensing.Version{Record: meta, Product: p.ID, Name: "1", Policy: policy})
	check(err)
	l, err := s.domain.Catalogue.CreateLicense(ctx, licensing.License{Record: meta, Version: v.ID, Allowance: 1000, Contexts: []string{ui},
		Entitlements: []license.Entitlement{{Name: modeling, Slots: 1}}})
	check(err)
	s.org, s.license = org.ID, l.ID
	s.cfg = abi.Config{ServerURL: "https://x.example/api/v1#" + rootOf("acme"), ProductID: p.ID, VersionID: v.ID, LicenseID: l.ID}
	first := &holder{codes: map[license.Code]bool{}}
	s.holders = []*holder{first}
	s.start(first)
	s.answer(first, true, true)
	s.backup = first.disk
	for len(s.holders) < holders {
		h := &holder{disk: first.disk, steps: int64(1000 * len(s.holders)), codes: map[license.Code]bool{}}
		s.holders = append(s.holders, h)
		s.start(h)
	}
	s.snapshot = s.store.Copy()
	return s
}

func (s *searchWorld) restart() {
	drawn := int64(0)
	s.domain = services.New(s.store, fakeIssuer{root: "acme"},
		services.Options{Clock: func() time.Time { return s.now.Std() }, Random: counter{&drawn}, Epoch: 1,
			Secret: []byte("the challenges' secret, 32 bytes")})
}

func (s *searchWorld) start(h *holder) {
	h.steps++
	seed := sha256.Sum256(fmt.Append(nil, "start", h.steps))
	core, err := client.New(s.cfg, h.disk, seed[:], parse)
	check(err)
	h.core, h.wire = core, nil
	s.step(h, abi.Event{Type: abi.EventStart, Call: 1})
}

func (s *searchWorld) step(h *holder, e abi.Event) {
	h.steps++
	seed := sha256.Sum256(fmt.Append(nil, "step", h.steps))
	e.Now, e.Mono, e.Random = s.now, 1000+h.steps, seed[:16]
	effects, err := h.core.Step(e)
	check(err)
	for _, f := range effects {
		switch f.Type {
		case abi.EffectSave:
			h.disk = f.State
			s.step(h, abi.Event{Type: abi.EventSaved, ID: f.ID})
		case abi.EffectSend:
			h.wire = &f
			s.packets = append(s.packets, f.Body)
		case abi.EffectNotify:
			h.verdict = f.Verdict.Code
			h.codes[f.Verdict.Code] = true
			if f.Call == 2 && f.Verdict.OK {
				h.consumed++
			}
		}
	}
}

func (s *searchWorld) deliver(body string) (int, string) {
	a, err := s.domain.Leasing.Sync(context.Background(), []byte(body), "")
	check(err)
	if a.Refused != "" {
		return 403, string(a.Body)
	}
	return 200, string(a.Body)
}

// answer has the request on a holder's wire arrive or not, and its answer.
func (s *searchWorld) answer(h *holder, arrives, back bool) {
	f := h.wire
	h.wire = nil
	e := abi.Event{Type: abi.EventFailed, ID: f.ID, Detail: "timeout"}
	if arrives {
		status, body := s.deliver(f.Body)
		if back {
			e = abi.Event{Type: abi.EventReply, ID: f.ID, Status: status, Body: body}
		}
	}
	s.step(h, e)
}

// moves are all that can happen next, by name.
func (s *searchWorld) moves() map[string]func() {
	m := map[string]func(){}
	for i, h := range s.holders {
		if h.wire != nil {
			m[fmt.Sprintf("%d: answered", i)] = func() { s.answer(h, true, true) }
			m[fmt.Sprintf("%d: answer lost", i)] = func() { s.answer(h, true, false) }
			m[fmt.Sprintf("%d: request lost", i)] = func() { s.answer(h, false, false) }
		} else {
			m[fmt.Sprintf("%d: syncs", i)] = func() { s.step(h, abi.Event{Type: abi.EventSync, Call: 1}) }
		}
		if h.consumed < 2 {
			m[fmt.Sprintf("%d: counts", i)] = func() { s.step(h, abi.Event{Type: abi.EventConsume, N: 1, Call: 2}) }
		}
		m[fmt.Sprintf("%d: crashes", i)] = func() { s.start(h) }
		if s.restores < 2 {
			m[fmt.Sprintf("%d: restored", i)] = func() {
				s.restores++
				h.disk = s.backup
				s.start(h)
			}
		}
	}
	for i, p := range s.packets {
		if !slices.Contains(s.packets[:i], p) {
			m[fmt.Sprintf("packet %d comes late", i)] = func() { s.deliver(p) }
		}
	}
	if s.rollbacks < 2 {
		m["server rolled back"] = func() {
			s.rollbacks++
			s.store = s.snapshot.Copy()
			s.restart()
			s.suspended = false
		}
	}
	if s.toggles < 2 {
		m["suspended or reinstated"] = func() { s.toggles++; s.suspend(!s.suspended) }
	}
	return m
}

func (s *searchWorld) suspend(on bool) {
	l, err := s.domain.Catalogue.License(ctx, s.org, s.license)
	check(err)
	s.suspended, l.Status = on, licensing.Active
	if on {
		l.Status = licensing.Suspended
	}
	_, err = s.domain.Catalogue.UpdateLicense(ctx, l)
	check(err)
}

// key tells states apart.
func (s *searchWorld) key() [32]byte {
	h := sha256.New()
	for _, x := range s.holders {
		status, err := json.Marshal(x.core.Status())
		check(err)
		fmt.Fprintf(h, "%s|%s|%v|%d\n", x.disk, status, x.wire != nil, x.consumed)
	}
	held, _ := s.store.Activation(ctx, s.activation())
	meter, err := s.store.Meter(ctx, s.license)
	check(err)
	epoch, err := s.store.Epoch(ctx, 1)
	check(err)
	held.Reactivations.Evidence, held.LastReport = nil, licensing.LastReport{}
	packets := slices.Clone(s.packets)
	slices.Sort(packets)
	fmt.Fprintf(h, "%+v|%d|%v|%v|%d|%d|%d", held, meter.Used, epoch, slices.Compact(packets), s.restores, s.rollbacks, s.toggles)
	return [32]byte(h.Sum(nil))
}

func (s *searchWorld) activation() licensing.ActivationKey {
	return licensing.ActivationKey{License: s.license, Activation: s.holders[0].core.Status().Licenses[0].Activation}
}

// heal mends everything: the license is active, the administrator says that nothing is outstanding, and each holder reaches the server.
func (s *searchWorld) heal() {
	s.suspend(false)
	check(s.domain.Leasing.EndFreeze(ctx))
	for range 3 {
		for _, h := range s.holders {
			s.syncs(h)
		}
		check(s.domain.Leasing.EndFreeze(ctx))
	}
}

func (s *searchWorld) syncs(h *holder) {
	if h.wire == nil {
		s.step(h, abi.Event{Type: abi.EventSync, Call: 1})
	}
	for range 4 {
		if h.wire == nil {
			return
		}
		s.answer(h, true, true)
	}
}

// judge says what is wrong with a state, after it was healed.
func (s *searchWorld) judge() string {
	meter, err := s.store.Meter(ctx, s.license)
	check(err)
	consumed := int64(0)
	for _, h := range s.holders {
		consumed += h.consumed
	}
	if meter.Used > consumed {
		return fmt.Sprintf("%d calls are charged, %d were counted", meter.Used, consumed)
	}
	if len(s.holders) == 1 {
		h := s.holders[0]
		switch {
		case h.codes[license.CodeCloned]:
			return "a single holder is called a clone"
		case h.verdict == license.CodeOK:
		default:
			return "a single holder does not work in the end: " + string(h.verdict)
		}
		if s.restores == 0 && meter.Used < consumed { // what a restore costs is the holder's
			return fmt.Sprintf("%d calls are charged, %d were counted", meter.Used, consumed)
		}
		if s.restores == 0 && h.core.Status().Licenses[0].Generation != 1 {
			return "a holder that was never restored has activated anew"
		}
		return ""
	}
	// Two holders that both go on are found out, before the budget is spent.
	for range 8 {
		for _, h := range s.holders {
			s.syncs(h)
			if h.verdict == license.CodeCloned || h.verdict == license.CodeRestoredTooOften {
				held, err := s.store.Activation(ctx, s.activation())
				check(err)
				if held.ReactivationCount > 3 {
					return fmt.Sprintf("%d re-activations", held.ReactivationCount)
				}
				return ""
			}
		}
	}
	return "two holders go on, and nobody is called a clone"
}

// again makes the state that a path leads to.
func again(holders int, path []string) *searchWorld {
	s := newSearchWorld(holders)
	for _, name := range path {
		s.moves()[name]()
	}
	return s
}

// search looks at every state that can be reached.
func search(t *testing.T, holders, depth int) {
	seen := map[[32]byte]bool{}
	level := [][]string{nil}
	looked := 0
	for d := 0; d <= depth; d++ {
		var next [][]string
		for _, path := range level {
			s := again(holders, path)
			if k := s.key(); seen[k] {
				continue
			} else {
				seen[k] = true
			}
			looked++
			names := make([]string, 0, 16)
			for name := range s.moves() {
				names = append(names, name)
			}
			slices.Sort(names)
			s.heal()
			if wrong := s.judge(); wrong != "" {
				t.Fatalf("%s, after: %s", wrong, strings.Join(path, "; "))
			}
			for _, name := range names {
				next = append(next, append(slices.Clone(path), name))
			}
		}
		level = next
	}
	t.Logf("%d holders, %d steps: %d states", holders, depth, looked)
}

// proves N02 N11 C14
func TestSearchOneHolder(t *testing.T) { search(t, 1, *depth) }

// proves N02 N11
func TestSearchTwoHolders(t *testing.T) { search(t, 2, max(*depth-1, 1)) }
