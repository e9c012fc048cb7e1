package licensing

import (
	"github.com/onelicense/onelicense/license/lease"
)

// UsageTotals are the calls that an activation has counted and been charged, and those charged for its license.
type UsageTotals struct {
	Counted int64 // calls of the activation, as accepted; never above Charged
	Charged int64 // charged for the activation; what is above Counted is prepaid
	Used    int64 // charged for all activations of the license

	Period           lease.Time // start of the current period of the allowance; 0: it has no periods
	UsedBeforePeriod int64      // Used when the period began
	ClosedPeriod     Period     // that the charge has closed, if anything was charged in it
}

// UsageCharge is the charge of one request.
type UsageCharge struct {
	Counted    int64      // the activation's calls as reported, cumulative
	Allowance  int64      // of the license, in each period if it has periods; Unlimited if its type does not count calls
	Period     lease.Time // start of the current period; 0: the allowance is for the whole life
	Block      int64      // prepaid calls that are to be left after the counted ones
	EndPrepaid bool       // forfeit what was prepaid before
	Extra      int64      // calls charged on top: those that a state restored from a backup may have used twice
}

// Apply returns the totals after the charge. No total decreases: a period begins at the calls used until then, and its allowance is added
// to them; a clock that is set back does not end a period. A report beyond what is charged is charged as far as the allowance reaches;
// calls beyond it are not counted.
func (c UsageCharge) Apply(a UsageTotals) UsageTotals {
	a.ClosedPeriod = Period{}
	//mutant:tests operator !=: a period does not end because a clock went back
	//mutant:tests never: an allowance begins anew with its period
	if c.Period > a.Period {
		if a.Period != 0 && a.Used > a.UsedBeforePeriod {
			a.ClosedPeriod = Period{a.Period, a.Used - a.UsedBeforePeriod}
		}
		a.Period, a.UsedBeforePeriod = c.Period, a.Used
	}
	//mutant:years value _ + 1<<40: usage stays within the allowance
	left := max(0, min(c.limit(a), lease.MaxCount)-a.Used)
	a.Charged = max(a.Charged, a.Counted) // records from before there was prepayment
	pay := func(n int64) {
		n = min(max(0, n), left)
		left, a.Charged, a.Used = left-n, a.Charged+n, a.Used+n
	}
	//mutant:stories left: what was counted once is not charged again
	pay(c.Counted - a.Charged)
	a.Counted = max(a.Counted, min(c.Counted, a.Charged))
	pay(c.Extra)
	if c.EndPrepaid {
		a.Counted = a.Charged
	}
	pay(a.Counted + c.Block - a.Charged)
	return a
}

// limit returns the highest total that the license may be charged, from the license's creation on, as all counters that programs see.
func (c UsageCharge) limit(a UsageTotals) int64 {
	switch {
	case c.Allowance == Unlimited:
		return lease.MaxCount
	case c.Period == 0:
		return c.Allowance
	}
	return min(a.UsedBeforePeriod+c.Allowance, lease.MaxCount)
}

// Outcome returns the outcome of an advance with these totals.
func (a UsageTotals) Outcome() Outcome {
	return Outcome{Used: a.Used, Counted: a.Counted, Charged: a.Charged, UsedBeforePeriod: a.UsedBeforePeriod, ClosedPeriod: a.ClosedPeriod}
}
