package sim

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// Machine is a customer's computer with one installation of the program: a disk, clocks, and at times a process.
type Machine struct {
	w    *World
	Name string
	cfg  abi.Config
	Core func(cfg abi.Config, state string, random []byte) (Core, error) // makes the client of a process; nil: client.New

	Offline     bool
	ClockOffset int64 // ms by which its clock is wrong
	steady      bool  // the clock was not set since the process began
	DiskFull    bool
	LyingDisk   bool // its disk confirms a save before it is durable
	disk        string
	last        int64      // id of the last request that was sent
	asleep      lease.Time // asleep until then; 0: awake
	unsure      lease.Time // the journal may be behind until then: the disk was full, or the machine slept before it was due
	mono        int64      // the monotonic clock does not run while it sleeps
	proc        *process

	// What really happened on this machine.
	used             int64 // calls that the program was granted
	uncertain        int64 // calls that were not granted; they may have been counted all the same
	lost             int64 // calls that a crash or a restore may have cost
	confirmed        int64 // used, as of the last lease
	durable          int64 // used, as of the state on the disk
	recent           []count
	copied           bool // shares its activation with another machine
	restored         int  // from a backup, or with a state that a lying disk kept
	leases           int  // accepted since it was copied
	excess           map[string]bool
	evicted          map[lease.Hash]bool // activations that the vendor ended, or that said goodbye
	activation       lease.Hash          // the present one; before and lostHere are what was used before and lost under it
	position         lease.Position
	before, lostHere int64
	Codes            map[license.Code]int // how often the program got each code
	Final            license.Code         // the last code that ended the work
	LastStart        license.Code
}

type count struct {
	at lease.Time
	n  int64
}

// Core is the client in the form that a process uses.
type Core interface {
	Step(abi.Event) ([]abi.Effect, error)
	Status() abi.Status
}

// process is one run of the program.
type process struct {
	m      *Machine
	core   Core
	state  string
	seed   []byte
	log    []abi.Event // for a copy of a running machine
	booted lease.Time
	timer  int64
	calls  int64
	open   map[int64]*call
	todo   []abi.Effect
	busy   bool
	ready  bool       // its start was answered with ok
	saved  lease.Time // when the last save will be durable
}

// call is a call of the program that is not answered yet.
type call struct {
	kind string
	n    int64
	done func(abi.Verdict, string)
}

// Backup is a copy of the disk that an app's own backup keeps.
type Backup struct {
	disk string
	used int64
}

// NewMachine adds a new installation to the world. It is not running.
func (w *World) NewMachine(name string) *Machine {
	root := rootOf("acme")
	if keys, err := w.Server.issuer.Keyring(w.Server.Product.Keyring); err == nil {
		root = keys.Root()
	}
	m := &Machine{
		w: w, Name: name, Codes: map[license.Code]int{}, excess: map[string]bool{}, evicted: map[lease.Hash]bool{},
		cfg: abi.Config{
			ServerURL: "https://licenses.example.com/api/v1#" + root, ProductID: w.Server.Product.ID,
			VersionID: w.Server.Version.ID, LicenseID: w.Server.License.ID,
			Fingerprint: []abi.FingerprintPart{{Name: "machine", Value: name}}, Program: "1.0",
		},
	}
	w.Machines = append(w.Machines, m)
	return m
}

func (m *Machine) note(format string, args ...any) { m.w.note(m.Name+": "+format, args...) }

// Start begins a process with the state on the disk.
func (m *Machine) Start() {
	m.Stop()
	p := &process{m: m, state: m.disk, seed: m.w.bytes(32), booted: m.w.now, open: map[int64]*call{}}
	m.mono, m.steady = 5_000, true
	if !p.boot() {
		return
	}
	m.proc = p
	m.note("starts")
	p.call("start", 0, abi.Event{Type: abi.EventStart}, func(v abi.Verdict, _ string) {
		m.LastStart = v.Code
		p.ready = v.OK
		m.note("start: %s %s", v.Code, v.Detail)
	})
}

func (p *process) boot() bool {
	made := p.m.Core
	if made == nil {
		made = func(cfg abi.Config, state string, random []byte) (Core, error) {
			return client.New(cfg, state, random, parse)
		}
	}
	core, err := made(p.m.cfg, p.state, p.seed)
	if err != nil {
		p.m.w.fault("%s: its state is refused: %v", p.m.Name, err)
		return false
	}
	p.core = core
	return true
}

// SetClock makes the machine's clock wrong by so many ms, or right again.
func (m *Machine) SetClock(wrong int64) {
	m.ClockOffset, m.steady = wrong, m.steady && wrong == m.ClockOffset
	m.note("its clock is %+.1f h off", float64(wrong)/float64(hour))
}

// Stop ends the process without notice: a crash, a kill, a power cut.
func (m *Machine) Stop() {
	p := m.proc
	if p == nil {
		return
	}
	m.proc = nil
	if m.LyingDisk {
		m.restored++ // what it confirmed is not on the disk
	}
	lost := m.used - m.durable
	// The journal limits what a crash can cost: one second, or its count.
	bound := m.w.Server.Version.Policy.JournalEvery
	for _, c := range m.recent {
		if c.at >= m.w.now-lease.Time(2*second) {
			bound += c.n
		}
	}
	if lost > bound && m.w.now > m.unsure && !m.DiskFull && !m.LyingDisk {
		m.w.fault("%s: a crash costs %d calls, at most %d may be", m.Name, lost, bound)
	}
	m.lost += max(0, lost)
	m.recent = nil
	for _, c := range p.open {
		m.uncertain += c.n
	}
	m.note("stops, %d calls are not on the disk", lost)
}

// Backup returns a copy of the disk.
func (m *Machine) Backup() Backup { return Backup{m.disk, m.durable} }

// Restore replaces the disk by a copy; its present contents are lost.
func (m *Machine) Restore(b Backup) {
	m.Stop()
	m.note("is restored from a backup")
	m.lost += max(0, m.used-max(b.used, m.confirmed)) // nothing proves them if there was no lease since the backup
	m.disk, m.durable = b.disk, m.used
	m.restored++
}

// Copy makes another machine with the same disk and, if there is one, the same process in its present state: the clone of a virtual
// machine.
func (m *Machine) Copy(name string) *Machine {
	c := m.w.NewMachine(name)
	c.disk, c.ClockOffset, c.mono, c.cfg = m.disk, m.ClockOffset, m.mono, m.cfg
	c.position, c.activation = m.position, m.activation
	m.copied, c.copied, m.leases = true, true, 0
	m.note("is copied to %s", name)
	if p := m.proc; p != nil {
		q := &process{m: c, state: p.state, seed: p.seed, booted: p.booted, calls: p.calls, open: map[int64]*call{}, ready: p.ready}
		if !q.boot() {
			return c
		}
		for _, e := range p.log {
			if _, err := q.core.Step(e); err != nil {
				m.w.fault("%s: a copy does not go the way of its original: %v", m.Name, err)
			}
		}
		q.log = append(q.log, p.log...)
		c.proc = q
		// The copy does not get what the original was waiting for.
		c.w.after(timeout, func() {
			if q.alive() {
				for id := range int64(len(q.log) + 64) { // among them is the one that it waits for
					q.step(abi.Event{Type: abi.EventSaveFailed, ID: id + 1, Detail: "the disk was copied"})
					q.step(abi.Event{Type: abi.EventFailed, ID: id + 1, Detail: "the connection is another's"})
				}
				q.step(abi.Event{Type: abi.EventTimer})
			}
		})
	}
	return c
}

func (p *process) alive() bool { return p.m.proc == p }

// awake runs something now, or when the machine wakes.
func (p *process) awake(do func()) {
	if wait := int64(p.m.asleep - p.m.w.now); wait > 0 {
		p.m.w.after(wait, func() { p.awake(do) })
		return
	}
	if p.alive() {
		do()
	}
}

// Sleep suspends the machine for so many ms.
func (m *Machine) Sleep(ms int64) {
	if m.sleeping() {
		return
	}
	m.asleep = m.w.now + lease.Time(ms)
	m.unsure = m.asleep + lease.Time(minute)
	m.mono -= ms
	m.note("sleeps for %.1f h", float64(ms)/float64(hour))
}

func (m *Machine) sleeping() bool { return m.asleep > m.w.now }

// step feeds one event and applies its effects, in order.
func (p *process) step(e abi.Event) {
	p.awake(func() { p.stepNow(e) })
}

func (p *process) stepNow(e abi.Event) {
	m := p.m
	e.Now = max(0, m.w.now+lease.Time(m.ClockOffset))
	e.Mono = max(0, m.mono+int64(m.w.now-p.booted))
	e.Random = m.w.bytes(16)
	p.log = append(p.log, e)
	effects, err := p.core.Step(e)
	if err != nil {
		m.w.fault("%s: %s: %v", m.Name, e.Type, err)
		return
	}
	p.todo = append(p.todo, effects...)
	if p.busy {
		return
	}
	p.busy = true
	for len(p.todo) > 0 {
		f := p.todo[0]
		p.todo = p.todo[1:]
		p.applyEffect(f)
	}
	p.busy = false
	if p.alive() {
		m.checkInvariants()
	}
}

func (p *process) applyEffect(f abi.Effect) {
	w := p.m.w
	switch f.Type {
	case abi.EffectWake:
		p.timer++
		if mine := p.timer; f.In >= 0 {
			w.after(f.In, func() {
				if p.alive() && p.timer == mine {
					p.step(abi.Event{Type: abi.EventTimer})
				}
			})
		}
	case abi.EffectSend:
		if p.alive() {
			w.Network.send(p, f)
		}
	case abi.EffectSave:
		p.save(f)
	case abi.EffectNotify:
		p.onNotify(f)
	}
}

// save makes a state durable a little later, or never if the process ends before.
func (p *process) save(f abi.Effect) {
	m, used := p.m, p.m.used
	for _, c := range p.open { // calls that the saved request carries are answered after it
		used += c.n
	}
	done := func() {
		m.disk, m.durable = f.State, max(m.durable, used)
	}
	if m.LyingDisk {
		p.step(abi.Event{Type: abi.EventSaved, ID: f.ID})
		m.w.after(m.w.between(second, minute), func() {
			if p.alive() {
				done()
			}
		})
		return
	}
	// Saves are done in order: an older state never replaces a newer one.
	p.saved = max(p.saved, m.w.now+lease.Time(m.w.between(0, 20)))
	m.w.after(int64(p.saved-m.w.now), func() {
		switch {
		case !p.alive():
		case m.DiskFull:
			m.unsure = m.w.now + lease.Time(2*minute)
			p.step(abi.Event{Type: abi.EventSaveFailed, ID: f.ID, Detail: "no space left on device"})
		default:
			done()
			p.step(abi.Event{Type: abi.EventSaved, ID: f.ID})
		}
	})
}

func (p *process) onNotify(f abi.Effect) {
	v := *f.Verdict
	m := p.m
	m.Codes[v.Code]++
	if v.Class == license.ClassFinal {
		m.Final = v.Code
	} else if v.OK {
		m.Final = ""
	}
	if f.Call == 0 {
		m.note("is told %s %s", v.Code, v.Detail)
		return
	}
	c := p.open[f.Call]
	if c == nil {
		if p.m.copied {
			return // a call of the original
		}
		m.w.fault("%s: call %d is answered twice, or was never made", m.Name, f.Call)
		return
	}
	delete(p.open, f.Call)
	if c.kind == "consume" {
		if v.OK {
			m.used += c.n
			m.recent = append(m.recent, count{m.w.now, c.n})
		} else {
			m.uncertain += c.n
		}
	}
	if c.done != nil {
		c.done(v, f.Body)
	}
}

// call makes a call of the program.
func (p *process) call(kind string, n int64, e abi.Event, done func(abi.Verdict, string)) {
	p.calls++
	e.Call = p.calls
	p.open[e.Call] = &call{kind, n, done}
	p.step(e)
}

// Consume counts calls; it does nothing while the program does not run.
func (m *Machine) Consume(n int64) {
	if p := m.proc; p != nil && p.ready && !m.sleeping() {
		p.call("consume", n, abi.Event{Type: abi.EventConsume, N: n}, nil)
	}
}

// Ask makes any other call of the program and passes its verdict to done.
func (m *Machine) Ask(e abi.Event, done func(abi.Verdict, string)) {
	if p := m.proc; p != nil && !m.sleeping() {
		p.call(e.Type, 0, e, done)
	}
}

// License returns the machine's license as its client reports it.
func (m *Machine) License() (abi.LicenseStatus, bool) {
	if m.proc == nil {
		return abi.LicenseStatus{}, false
	}
	s := m.proc.core.Status()
	if len(s.Licenses) == 0 {
		return abi.LicenseStatus{}, false
	}
	return s.Licenses[0], true
}
