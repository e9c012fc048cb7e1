package licensing

import (
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Ranges of a policy, milliseconds for durations. The shortest interval keeps a mistyped policy from turning every installation into a
// load test; the longest keeps a lost machine's deadlines within reach.
const (
	minInterval    = 1_000
	MaxDuration    = 10 * 366 * 24 * 3600 * 1000
	minTerm        = 1_000
	MaxDelay       = 24 * 3600 * 1000
	MaxRetries     = 1_000
	MaxJournal     = 1_000_000
	maxMachines    = 1_000_000_000
	maxActivations = 1_000_000_000
	MaxPrepaid     = 1_000_000_000
)

// The defaults of what cannot be 0: an hour, or the minute of a heartbeat, and the journal of DESIGN's ABI.
const (
	defaultInterval  = 3600 * 1000
	defaultHeartbeat = 60 * 1000
	defaultJournal   = 100

	// One turn can be an honest mistake, a machine that is switched on again after its backup has moved to another; two are not.
	defaultCloneLimit = 2
)

func (p Policy) WithDefaults() Policy {
	if p.Trigger == "" {
		p.Trigger = lease.Interval
	}
	if p.Interval == 0 {
		p.Interval = defaultInterval
		if p.Trigger == lease.EveryCall {
			p.Interval = defaultHeartbeat
		}
	}
	if p.JournalEvery == 0 {
		p.JournalEvery = defaultJournal
	}
	if p.CloneAction == "" {
		p.CloneAction = CloneRefuse
	}
	if p.CloneLimit == 0 {
		p.CloneLimit = defaultCloneLimit
	}
	return p
}

// WithOverrides gives the policy with the license's own values.
func (p Policy) WithOverrides(o Overrides) Policy {
	set(&p.Trigger, o.Trigger)
	set(&p.Interval, o.Interval)
	set(&p.MaxRetries, o.MaxRetries)
	set(&p.Grace, o.Grace)
	set(&p.ActivationDelay, o.ActivationDelay)
	set(&p.ActivationLimit, o.ActivationLimit)
	set(&p.MaxMachines, o.MaxMachines)
	set(&p.MoveLimit, o.MoveLimit)
	set(&p.Queue, o.Queue)
	set(&p.MaxBorrow, o.MaxBorrow)
	set(&p.Prepaid, o.Prepaid)
	set(&p.FingerprintAction, o.FingerprintAction)
	set(&p.FingerprintTolerance, o.FingerprintTolerance)
	set(&p.CloneAction, o.CloneAction)
	return p
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Check holds a policy to its ranges; at is where it stands in the request, policy or overrides.
func (p Policy) Check(at string) error {
	switch p.Type {
	case lease.Calls, lease.Timed, lease.TimeAndCalls, lease.Perpetual:
	default:
		return NewInvalid(at+".type", "is %q, allowed are calls, time, time_and_calls, perpetual", p.Type)
	}
	if p.Trigger != lease.EveryCall && p.Trigger != lease.Interval {
		return NewInvalid(at+".trigger", "is %q, allowed are every_call, interval", p.Trigger)
	}
	switch p.CloneAction {
	case CloneRefuse, CloneSuspend, CloneReport:
	default:
		return NewInvalid(at+".clone_action", "is %q, allowed are refuse, suspend, report", p.CloneAction)
	}
	switch p.FingerprintAction {
	case "", FingerprintReport, FingerprintRefuse:
	default:
		return NewInvalid(at+".fingerprint_action", "is %q, allowed are report, refuse", p.FingerprintAction)
	}
	if p.Prepaid > 0 && !p.Type.LimitsCalls() {
		return NewInvalid(at+".prepaid", "is %d, but the type %s does not count calls", p.Prepaid, p.Type)
	}
	if err := p.checkPeriod(at); err != nil {
		return err
	}
	return FirstError(
		CheckRange(at+".interval", p.Interval, minInterval, MaxDuration),
		CheckRange(at+".max_retries", int64(p.MaxRetries), 0, MaxRetries),
		CheckRange(at+".grace", p.Grace, 0, MaxDuration),
		CheckRange(at+".activation_delay", p.ActivationDelay, 0, MaxDelay),
		CheckRange(at+".clock_tolerance", p.ClockTolerance, 0, MaxDuration),
		CheckRange(at+".journal_every", p.JournalEvery, 1, MaxJournal),
		CheckRange(at+".activation_limit", p.ActivationLimit, 0, maxActivations),
		CheckRange(at+".max_machines", p.MaxMachines, 0, maxMachines),
		CheckRange(at+".move_limit", p.MoveLimit, 0, maxMachines),
		CheckRange(at+".queue", p.Queue, 0, MaxDuration),
		CheckRange(at+".max_borrow", p.MaxBorrow, 0, MaxDuration),
		CheckRange(at+".prepaid", p.Prepaid, 0, MaxPrepaid),
		CheckRange(at+".fingerprint_tolerance", p.FingerprintTolerance, 0, lease.MaxFingerprintParts),
		CheckRange(at+".clone_limit", p.CloneLimit, 1, ReactivationBudget),
	)
}

func (p Product) Check() error {
	return FirstError(CheckText("name", p.Name, 1, MaxText), CheckText("description", p.Description, 0, MaxDescription), CheckMetadata(p.Metadata))
}

func (v Version) Check() error {
	return FirstError(CheckText("name", v.Name, 1, MaxText), CheckText("description", v.Description, 0, MaxDescription), CheckMetadata(v.Metadata),
		CheckRange("released", int64(v.Released), 0, lease.MaxCount), v.Policy.Check("policy"))
}

// Check holds a license to what a license file can say and to what the policy's type needs.
func (l License) Check(p Policy) error {
	switch l.Status {
	case Active, Suspended, Revoked:
	default:
		return NewInvalid("status", "is %q, allowed are active, suspended, revoked", l.Status)
	}
	if p.Type.LimitsCalls() && l.Allowance == 0 {
		return NewInvalid("allowance", "is missing: the type %s needs one", p.Type)
	}
	if p.Type.LimitsTime() && l.Expires == 0 && l.Term.From != FromActivation {
		return NewInvalid("expires", "is missing: the type %s needs one", p.Type)
	}
	if l.Trial && !p.Type.LimitsTime() {
		return NewInvalid("trial", "is set, but a license of the type %s has no end", p.Type)
	}
	if err := l.Term.check(p.Type); err != nil {
		return err
	}
	return FirstError(
		CheckText("name", l.Name, 0, MaxText),
		CheckText("customer", l.Customer, 0, MaxText),
		CheckMetadata(l.Metadata),
		checkNames("contexts", l.Contexts, license.MaxContexts, func(s string) string { return s }),
		checkNames("entitlements", l.Entitlements, license.MaxEntitlements, func(e license.Entitlement) string { return e.Name }),
		checkSlots(l.Entitlements),
		CheckRange("allowance", l.Allowance, 0, lease.MaxCount),
		CheckRange("expires", int64(l.Expires), 0, lease.MaxCount),
		CheckRange("maintenance", int64(l.Maintenance), 0, lease.MaxCount),
		p.WithOverrides(l.Overrides).Check("overrides"),
	)
}

func (t Term) check(kind lease.PolicyType) error {
	switch {
	case t == Term{}:
		return nil
	case !kind.LimitsTime():
		return NewInvalid("expires_after_ms", "is given, but a license of the type %s has no end", kind)
	case t.From != FromCreation && t.From != FromActivation:
		return NewInvalid("expires_from", "is %q, allowed are creation, activation", t.From)
	}
	return CheckRange("expires_after_ms", t.After, minTerm, MaxDuration)
}

// checkNames holds a list to the rules of a license file: at least one, none twice, each well formed.
func checkNames[T any](field string, list []T, most int, name func(T) string) error {
	if len(list) == 0 {
		return NewInvalid(field, "is empty")
	}
	if len(list) > most {
		return NewInvalid(field, "has %d items, at most %d are allowed", len(list), most)
	}
	seen := map[string]bool{}
	for i, item := range list {
		at, n := field+"."+strconv.Itoa(i), name(item)
		if !license.ValidName(n) {
			return NewInvalid(at, "is %q: a name has 1 to %d letters, digits, dots, hyphens and underscores and begins with a letter or digit", strings.ToValidUTF8(n, "?"), license.MaxName)
		}
		if seen[n] {
			return NewInvalid(at, "repeats %s", n)
		}
		seen[n] = true
	}
	return nil
}

func checkSlots(list []license.Entitlement) error {
	for i, e := range list {
		if err := CheckRange("entitlements."+strconv.Itoa(i)+".slots", int64(e.Slots), 0, license.MaxSlots); err != nil {
			return err
		}
	}
	return nil
}
