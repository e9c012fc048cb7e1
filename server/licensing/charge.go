package licensing

import "github.com/onelicense/onelicense/license/lease"

// Account is what an activation has counted and what was charged for it, and what was charged for its license altogether.
type Account struct {
	Counted int64 // calls of the activation, as accepted; never above Granted
	Granted int64 // charged for the activation; what is above Counted is prepaid
	Used    int64 // charged for all activations of the license
}

// Charge is what one request changes of an account.
type Charge struct {
	Counted   int64 // the activation's calls as reported, cumulative
	Allowance int64 // of the license; Unlimited when its type does not count
	Block     int64 // prepaid: this much is to be left after what is counted
	Lapse     bool  // what was prepaid before is over
	Extra     int64 // charged, and gone, on top: what a state that came back from a backup may have used twice
}

// Apply gives the account after the charge. Nothing in it goes down. A report beyond what is paid is charged as far as the allowance
// reaches, and what it does not reach is not counted.
func (c Charge) Apply(a Account) Account {
	left := max(0, lease.MaxCount-a.Used)
	if c.Allowance != Unlimited {
		left = max(0, c.Allowance-a.Used)
	}
	a.Granted = max(a.Granted, a.Counted) // records from before there was prepayment
	pay := func(n int64) {
		n = min(max(0, n), left)
		left, a.Granted, a.Used = left-n, a.Granted+n, a.Used+n
	}
	pay(c.Counted - a.Granted)
	a.Counted = max(a.Counted, min(c.Counted, a.Granted))
	pay(c.Extra)
	if c.Lapse {
		a.Counted = a.Granted
	}
	pay(a.Counted + c.Block - a.Granted)
	return a
}
