package storetest

import (
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// account checks what a lease says, what is stored of it, and what the license has used.
func account(t *testing.T, i *installation, l *lease.Lease, counted, granted, used int64) {
	t.Helper()
	equal(t, l.Counters, lease.Counters{Used: used, Counted: counted, Granted: granted})
	a, err := i.w.Activation(ctx, i.key)
	must(t, err)
	equal(t, [2]int64{a.Counted, a.Granted}, [2]int64{counted, granted})
	i.w.used(t, used)
}

func prepaidBlocks(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	prepay := func(counted, block, allowance int64) func(*licensing.Advance) {
		return charged(licensing.Charge{Counted: counted, Block: block, Allowance: allowance})
	}
	account(t, a, a.does(t, activated, prepay(0, 4, 10)), 0, 4, 4)
	account(t, b, b.does(t, activated, prepay(0, 4, 10)), 0, 4, 8)
	account(t, a, a.does(t, prepay(0, 4, 10)), 0, 4, 8)   // the block is still whole: nothing is charged
	account(t, a, a.does(t, prepay(3, 4, 10)), 3, 6, 10)  // filled up as far as the license reaches
	account(t, b, b.does(t, prepay(6, 4, 10)), 4, 4, 10)  // no more is counted than was paid
	account(t, b, b.does(t, prepay(6, 4, 20)), 6, 10, 16) // until the vendor raises it
	account(t, b, b.does(t, prepay(2, 1, 20)), 6, 10, 16) // never down, and nothing is taken back
	account(t, a, a.does(t, prepay(5, 0, 20)), 5, 6, 16)  // prepaid before, charged once
	account(t, a, a.does(t, goodbyes, prepay(6, 0, 20)), 6, 6, 16)
	account(t, a, a.does(t, activated, prepay(6, 2, licensing.Unlimited)), 6, 8, 18)
}

func prepaidLapse(t *testing.T, w *world) {
	a := w.installation("a")
	account(t, a, a.does(t, activated, charged(licensing.Charge{Counted: 1, Block: 5, Allowance: 20})), 1, 6, 6)
	account(t, a, a.does(t, charged(licensing.Charge{Counted: 2, Lapse: true, Allowance: 20})), 6, 6, 6)
	account(t, a, a.does(t, charged(licensing.Charge{Counted: 6, Block: 5, Extra: 3, Allowance: 20})), 6, 11, 11)
	account(t, a, a.does(t, restored(3, 1000), charged(licensing.Charge{Counted: 7, Block: 2, Lapse: true, Extra: 4, Allowance: 20})), 15, 17, 17)
	_, err := a.try(restored(1, 1000), charged(licensing.Charge{Counted: 20, Allowance: 20}))
	if err == nil {
		t.Fatal("no re-activation was left")
	}
	account(t, a, a.does(t, charged(licensing.Charge{Counted: 15, Allowance: 20})), 15, 17, 17) // the refusal charged nothing
}

// prepaidAtOnce: what was granted to all never exceeds the license, and is what the license has used.
func prepaidAtOnce(t *testing.T, w *world) {
	const block, calls, rounds = 7, 3, 4
	const plenty, allowance = 1 << 30, many*(block+calls) + many/2 // no round number: the last block is granted in part
	all := make([]*installation, many)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].does(t, activated)
	}
	granted := make([]int64, many)
	round := func(calls, allowance int64) (sum int64) {
		atOnce(t, func(n int) error {
			l, err := all[n].try(charged(licensing.Charge{Counted: calls, Block: block, Allowance: allowance}))
			if err != nil {
				return err
			}
			granted[n] = l.Counters.Granted
			if l.Counters.Used > allowance || l.Counters.Counted > l.Counters.Granted {
				return fmt.Errorf("of %d calls: %+v", allowance, l.Counters)
			}
			return nil
		}, func(error) bool { return false })
		for _, n := range granted {
			sum += n
		}
		w.used(t, sum)
		return sum
	}
	equal(t, round(0, plenty), int64(many*block))
	equal(t, round(calls, plenty), int64(many*(block+calls)))
	for n := range int64(rounds) {
		equal(t, round((n+2)*calls, allowance), int64(allowance))
	}
}
