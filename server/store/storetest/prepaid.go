package storetest

import (
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// checkTotals checks what the lease states, what is stored for it, and what the license has used.
func checkTotals(t *testing.T, i *installation, l *lease.Lease, counted, granted, used int64) {
	t.Helper()
	requireDeepEqual(t, l.Counters, lease.Counters{Used: used, Counted: counted, Granted: granted})
	a, err := i.w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, [2]int64{a.Counted, a.Charged}, [2]int64{counted, granted})
	i.w.checkUsed(t, used)
}

func prepaidBlocks(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	prepay := func(counted, block, allowance int64) func(*licensing.Advance) {
		return charged(licensing.UsageCharge{Counted: counted, Block: block, Allowance: allowance})
	}
	checkTotals(t, a, a.mustAdvance(t, activated, prepay(0, 4, 10)), 0, 4, 4)
	checkTotals(t, b, b.mustAdvance(t, activated, prepay(0, 4, 10)), 0, 4, 8)
	checkTotals(t, a, a.mustAdvance(t, prepay(0, 4, 10)), 0, 4, 8)   // the block is still complete: nothing is charged
	checkTotals(t, a, a.mustAdvance(t, prepay(3, 4, 10)), 3, 6, 10)  // filled up as far as the allowance reaches
	checkTotals(t, b, b.mustAdvance(t, prepay(6, 4, 10)), 4, 4, 10)  // no more is counted than was charged
	checkTotals(t, b, b.mustAdvance(t, prepay(6, 4, 20)), 6, 10, 16) // until the vendor raises it
	checkTotals(t, b, b.mustAdvance(t, prepay(2, 1, 20)), 6, 10, 16) // never down, and nothing is taken back
	checkTotals(t, a, a.mustAdvance(t, prepay(5, 0, 20)), 5, 6, 16)  // prepaid before, charged once
	checkTotals(t, a, a.mustAdvance(t, goodbyes, prepay(6, 0, 20)), 6, 6, 16)
	checkTotals(t, a, a.mustAdvance(t, activated, prepay(6, 2, licensing.Unlimited)), 6, 8, 18)
}

func prepaidBlocksEnd(t *testing.T, w *fixture) {
	a := w.installation("a")
	checkTotals(t, a, a.mustAdvance(t, activated, charged(licensing.UsageCharge{Counted: 1, Block: 5, Allowance: 20})), 1, 6, 6)
	checkTotals(t, a, a.mustAdvance(t, charged(licensing.UsageCharge{Counted: 2, EndPrepaid: true, Allowance: 20})), 6, 6, 6)
	checkTotals(t, a, a.mustAdvance(t, charged(licensing.UsageCharge{Counted: 6, Block: 5, Extra: 3, Allowance: 20})), 6, 11, 11)
	checkTotals(t, a, a.mustAdvance(t, reactivated(3, 1000), charged(licensing.UsageCharge{Counted: 7, Block: 2, EndPrepaid: true, Extra: 4,
		Allowance: 20})), 15, 17, 17)
	_, err := a.tryAdvance(reactivated(1, 1000), charged(licensing.UsageCharge{Counted: 20, Allowance: 20}))
	if err == nil {
		t.Fatal("no re-activation was left")
	}
	checkTotals(t, a, a.mustAdvance(t, charged(licensing.UsageCharge{Counted: 15, Allowance: 20})), 15, 17, 17) // the refusal charged nothing
}

// concurrentPrepaid: what was granted to all together never exceeds the allowance, and equals what the license has used.
func concurrentPrepaid(t *testing.T, w *fixture) {
	const block, calls, rounds = 7, 3, 4
	// The allowance is not a multiple of the block: the last one is granted in part.
	const plenty, allowance = 1 << 30, concurrency*(block+calls) + concurrency/2
	all := make([]*installation, concurrency)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].mustAdvance(t, activated)
	}
	granted := make([]int64, concurrency)
	round := func(calls, allowance int64) (sum int64) {
		runConcurrently(t, func(n int) error {
			l, err := all[n].tryAdvance(charged(licensing.UsageCharge{Counted: calls, Block: block, Allowance: allowance}))
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
		w.checkUsed(t, sum)
		return sum
	}
	requireDeepEqual(t, round(0, plenty), int64(concurrency*block))
	requireDeepEqual(t, round(calls, plenty), int64(concurrency*(block+calls)))
	for n := range int64(rounds) {
		requireDeepEqual(t, round((n+2)*calls, allowance), int64(allowance))
	}
}
