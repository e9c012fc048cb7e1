package licensing

import (
	"slices"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Range of a license's term, in milliseconds; the longest is that of a policy's durations too.
const (
	minTerm     = 1_000
	MaxDuration = 10 * 366 * 24 * 3600 * 1000
)

// Limit is the largest number of something that is allowed. Unlimited means that any number is; 0 allows none. The stores keep the number.
type Limit int64

// Unlimited is no limit, also of an allowance or of slots.
const Unlimited = -1

// Reached reports whether n is all that the limit allows.
func (l Limit) Reached(n int64) bool { return l != Unlimited && n >= int64(l) }

func (l Limit) check(field string, least, most int64) error {
	if l == Unlimited {
		return nil
	}
	return CheckRange(field, int64(l), least, most)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// checkOneOf returns an *Invalid when the value is not among those allowed. An empty one among them stands for a member that is absent.
func checkOneOf[T ~string](field string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	var names []string
	for _, a := range allowed {
		if a != "" {
			names = append(names, string(a))
		}
	}
	return NewInvalid(field, "is %q, allowed are %s", value, strings.Join(names, ", "))
}

// checkAllowed returns an *Invalid when a member has a value and the other members do not allow one.
func checkAllowed(field string, given, allowed bool, with string) error {
	if given && !allowed {
		return NewInvalid(field, "is given, but is allowed only with %s", with)
	}
	return nil
}

// checkRangeIf is CheckRange for a member that is only used under a condition.
func checkRangeIf(used bool, field string, n, least, most int64) error {
	if !used {
		return nil
	}
	return CheckRange(field, n, least, most)
}

// Check returns an *Invalid error for the first member that is not valid.
func (p Product) Check() error {
	return FirstError(CheckText("name", p.Name, 1, MaxText), CheckText("description", p.Description, 0, MaxDescription),
		CheckMetadata(p.Metadata))
}

// Check returns an *Invalid error for the first member that is not valid, those of the policy included.
func (v Version) Check() error {
	return FirstError(CheckText("name", v.Name, 1, MaxText), CheckText("description", v.Description, 0, MaxDescription),
		CheckMetadata(v.Metadata),
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
			return NewInvalid(at, "is %q: a name has 1 to %d letters, digits, dots, hyphens and underscores and begins with a letter or digit",
				strings.ToValidUTF8(n, "?"), license.MaxName)
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
