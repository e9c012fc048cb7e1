package licensing

import (
	"github.com/onelicense/onelicense/license/lease"
)

// UsageTotals is what an activation has counted and what was charged for it, and what was charged for its license altogether.
type UsageTotals struct {
	Counted int64 // calls of the activation, as accepted; never above Granted
	Charged int64 // charged for the activation; what is above Counted is prepaid
	Used    int64 // charged for all activations of the license

	Period           lease.Time // start of the allowance's period; 0: it has none
	UsedBeforePeriod int64      // Used when the period began
	ClosedPeriod     Period     // that the charge has closed, if anything was charged in it
}

// UsageCharge is what one request changes of an account.
type UsageCharge struct {
	Counted    int64      // the activation's calls as reported, cumulative
	Allowance  int64      // of the license, in a period if it has any; Unlimited when its type does not count
	Period     lease.Time // start of the present period; 0: the allowance is for the whole life
	Block      int64      // prepaid: this much is to be left after what is counted
	EndPrepaid bool       // what was prepaid before is over
	Extra      int64      // charged, and gone, on top: what a state that came back from a backup may have used twice
}

// Apply gives the account after the charge. Nothing in it goes down: a period begins at what was used until then, and its allowance is on
// top of that. A period does not end because a clock went back. A report beyond what is paid is charged as far as the allowance
// reaches, and what it does not reach is not counted.
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

// limit is how far the account may be charged. It counts from the license's beginning, as all that a program is told does.
func (c UsageCharge) limit(a UsageTotals) int64 {
	switch {
	case c.Allowance == Unlimited:
		return lease.MaxCount
	case c.Period == 0:
		return c.Allowance
	}
	return min(a.UsedBeforePeriod+c.Allowance, lease.MaxCount)
}

// Outcome is what an advance tells of the account.
func (a UsageTotals) Outcome() Outcome {
	return Outcome{Used: a.Used, Counted: a.Counted, Charged: a.Charged, UsedBeforePeriod: a.UsedBeforePeriod, ClosedPeriod: a.ClosedPeriod}
}
