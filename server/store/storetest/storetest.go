// Package storetest is the contract of licensing.Store and access.Store: what every store must do, alone and under concurrent requests. A
// store's own tests call Run and RunAccess.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Run checks a store against the contract. Each part gets an empty store of its own from open, which also closes it at the end of the test.
// Parts run in parallel.
func Run(t *testing.T, open func(*testing.T) licensing.Store) {
	parts := []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"catalogue_round_trip", catalogueRoundTrip},
		{"unique_names_per_parent", uniqueNamesPerParent},
		{"edits_need_revision", editsNeedRevision},
		{"parents_with_children", parentsWithChildren},
		{"deleted_license", deletedLicense},
		{"other_organisations", otherOrganisations},
		{"pagination_and_search", paginationAndSearch},
		{"sort_orders", sortOrders},
		{"license_filters", licenseFilters},
		{"empty_lists", emptyLists},

		{"entry_round_trip", entryRoundTrip},
		{"entries_with_one_id", entriesWithOneID},
		{"entries_out_of_bounds", entriesOutOfBounds},
		{"entries_are_replaced_by_revision", entriesAreReplacedByRevision},
		{"entries_are_deleted", entriesAreDeleted},
		{"entries_in_lists", entriesInLists},
		{"entries_come_due", entriesComeDue},
		{"expired_entries_are_deleted", expiredEntriesAreDeleted},

		{"first_activation", firstActivation},
		{"resend_after_each_kind", resendAfterEachKind},
		{"stale_advances", staleAdvances},
		{"cumulative_usage", cumulativeUsage},
		{"unlimited_usage", unlimitedUsage},
		{"failed_lease", failedLease},
		{"activation_window", activationWindow},
		{"machine_limit", machineLimit},
		{"reactivation_budget", reactivationBudget},
		{"prepaid_blocks", prepaidBlocks},
		{"prepaid_blocks_end", prepaidBlocksEnd},
		{"periods", periods},
		{"periods_keep_their_start", periodsKeepTheirStart},
		{"transfers", transfers},
		{"returns_are_not_transfers", returnsAreNotTransfers},
		{"activation_names", activationNames},
		{"all_meter_counters", allMeterCounters},
		{"history_is_stored", historyIsStored},
		{"history_of_other_head_is_stale", historyOfOtherHeadIsStale},
		{"history_revisions", historyRevisions},
		{"history_resets_budget", historyResetsBudget},
		{"last_report_at_every_advance", lastReportAtEveryAdvance},
		{"goodbye_and_return", goodbyeAndReturn},
		{"vendor_deactivates", vendorDeactivates},

		{"seat_limit", seatLimit},
		{"seats_lapse", seatsLapse},
		{"seat_renewal", seatRenewal},
		{"release_twice", releaseTwice},
		{"vendor_releases_seat", vendorReleasesSeat},
		{"entitlement_without_slots", entitlementWithoutSlots},
		{"seat_deadlines", seatDeadlines},
		{"borrowed_seats", borrowedSeats},
		{"repeated_request_extends", repeatedRequestExtends},
		{"unlimited_seats", unlimitedSeats},
		{"overdrawn_pool", overdrawnPool},
		{"lowered_limit", loweredLimit},
		{"denied_activation", deniedActivation},

		{"epoch_is_monotonic", epochIsMonotonic},
		{"epoch_raised_first", epochRaisedFirst},
		{"end_freeze_of_older_epoch", endFreezeOfOlderEpoch},

		{"concurrent_activations", concurrentActivations},
		{"concurrent_reports", concurrentReports},
		{"concurrent_prepaid", concurrentPrepaid},
		{"concurrent_period_start", concurrentPeriodStart},
		{"concurrent_transfers", concurrentTransfers},
		{"concurrent_seats", concurrentSeats},
		{"concurrent_unlimited_seats", concurrentUnlimitedSeats},
		{"concurrent_history", concurrentHistory},
		{"concurrent_history_revisions", concurrentHistoryRevisions},
		{"concurrent_reactivation_and_history", concurrentReactivationAndHistory},
		{"concurrent_epochs", concurrentEpochs},
		{"concurrent_end_freeze_and_raise", concurrentEndFreezeAndRaise},
		{"concurrent_same_request", concurrentSameRequest},
		{"concurrent_edits", concurrentEdits},
		{"concurrent_entry_creation", concurrentEntryCreation},
		{"concurrent_entry_updates", concurrentEntryUpdates},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.test(t, newFixture(t, open(t)))
		})
	}
}

// concurrency is the number of concurrent calls in the tests of concurrency.
const concurrency = 64

// noon is the time of the tests; no clock is read.
const noon lease.Time = 1_770_000_000_000

var ctx = context.Background()

// fixture is a store with one organisation, product, version and license.
type fixture struct {
	licensing.Store
	org     license.ID
	product licensing.Product
	version licensing.Version
	license licensing.License
}

var ids atomic.Int64

func newID() license.ID { return license.ID(fmt.Sprintf("%024x", ids.Add(1))) }

func newFixture(t *testing.T, s licensing.Store) *fixture {
	t.Helper()
	w := &fixture{Store: s, org: newID()}
	must(t, s.CreateOrganisation(ctx, licensing.Organisation{ID: w.org, Name: "Example", Created: noon}))
	w.product = w.newProduct("CAD")
	must(t, s.CreateProduct(ctx, w.product))
	w.version = w.newVersion("1.0")
	must(t, s.CreateVersion(ctx, w.version))
	w.license = w.newLicense("first")
	must(t, s.CreateLicense(ctx, w.license))
	return w
}

func (w *fixture) checkUsed(t *testing.T, want int64) {
	t.Helper()
	m, err := w.Meter(ctx, w.license.ID)
	must(t, err)
	requireDeepEqual(t, m.Used, want)
}

func (w *fixture) newRecord() licensing.Record {
	return licensing.Record{ID: newID(), Organisation: w.org, Revision: 1, Created: noon, Updated: noon,
		Metadata: map[string]string{"order": "4711"}}
}

func (w *fixture) newProduct(name string) licensing.Product {
	return licensing.Product{Record: w.newRecord(), Name: name, Description: "draws", Keyring: []byte("certificate\x00"),
		SealedKeys: []byte{0, 1, 0xff}, Statement: []byte("statement\n\x80")}
}

func (w *fixture) newVersion(name string) licensing.Version {
	return licensing.Version{Record: w.newRecord(), Product: w.product.ID, Name: name, Description: "the first", Released: noon - 5,
		Policy: licensing.Policy{
			Settings: lease.Settings{Type: lease.TimeAndCalls, Trigger: lease.Interval, Interval: 60_000, MaxRetries: 2, Grace: 600_000,
				ActivationDelay: 5, ClockTolerance: 7, JournalEvery: 100, Prepaid: 50, Statistics: true},
			ActivationLimit: 1000, MaxMachines: 9, TrialOnce: true, TransferLimit: 4, Period: licensing.PeriodFixed, PeriodLength: 3_600_000,
			MaxBorrow: 86_400_000, CloneAction: licensing.CloneSuspend, CloneLimit: 3,
			FingerprintAction: licensing.FingerprintRefuse, FingerprintTolerance: 1, QueueTimeout: 5_000,
		}}
}

func (w *fixture) newLicense(name string) licensing.License {
	trigger, action, machine, retries := lease.EveryCall, licensing.CloneReport, licensing.FingerprintReport, 2
	n := func(n int64) *int64 { return &n }
	limit := func(n licensing.Limit) *licensing.Limit { return &n }
	return licensing.License{Record: w.newRecord(), Product: w.product.ID, Version: w.version.ID, Name: name, Customer: "Miller",
		CustomerID: newID(),
		Contexts:   []string{"ui", "automation"}, Entitlements: []license.Entitlement{{Name: "modeling", Slots: 5}, {Name: "rendering"}},
		Allowance: 1000, Expires: noon + 1, Status: licensing.Active, Archived: true, Trial: true, Maintenance: noon + 2,
		Term: licensing.Term{After: 6, From: licensing.FromActivation},
		RecentHistory: []licensing.HistoryEntry{{Key: "4711", Kind: licensing.Renewed, Time: noon, Extend: 1, Calls: 2, MaintenanceAdded: 3,
			From: "a", To: "b", FromID: newID(), ToID: newID(), Expires: noon + 1,
			Allowance: 1000, Maintenance: noon + 2}},
		Holds: []licensing.Hold{{ID: newID(), Entitlement: "modeling", Slots: 2, Note: "Ada", Activation: lease.OriginLink,
			Part: lease.FingerprintPart{Name: "user", Hash: "ffeeddccbbaa99887766554433221100"}, From: noon, Until: noon + 3}},
		Fingerprint: []lease.FingerprintPart{{Name: "disk", Hash: "00112233445566778899aabbccddeeff"}}, Overrides: licensing.Overrides{
			Trigger: &trigger, Interval: n(1), MaxRetries: &retries, Grace: n(0), ActivationDelay: n(3), ActivationLimit: limit(4),
			MaxMachines: limit(5), TransferLimit: limit(8), MaxBorrow: n(6), Prepaid: n(7), CloneAction: &action, FingerprintAction: &machine,
			FingerprintTolerance: n(9), QueueTimeout: n(10),
		}}
}

// installation is a program that advances its chain, as the domain would.
type installation struct {
	w      *fixture
	key    licensing.ActivationKey
	device string
	head   lease.Position
	seq    int
}

func (w *fixture) installation(name string) *installation {
	device := string(lease.HashOf([]byte(name)))
	return &installation{w: w, device: device, key: licensing.ActivationKey{License: w.license.ID, Activation: lease.HashOf([]byte(device))}}
}

// nextAdvance returns the next advance, changed by each of with. It does not move the installation's head.
func (i *installation) nextAdvance(with ...func(*licensing.Advance)) licensing.Advance {
	i.seq++
	request := lease.HashOf(fmt.Appendf(nil, "%s %d", i.device, i.seq))
	a := licensing.Advance{
		Key: i.key, Org: i.w.org, From: i.head, Request: request, Device: i.device, Revision: i.w.license.Revision,
		To:  lease.Position{Generation: max(1, i.head.Generation), Number: i.head.Number + 1, Link: lease.NextLink(lease.OriginLink, request)},
		Now: noon, UsageCharge: licensing.UsageCharge{Allowance: licensing.Unlimited}, Until: noon + 100, LastReport: report(i.seq),
	}
	for _, f := range with {
		f(&a)
	}
	for n := range a.Reserve {
		if a.Reserve[n].Until == 0 {
			a.Reserve[n].Until = a.Until
		}
	}
	if r := a.Reactivation; r != nil && r.History.Revision == 0 { // it follows the stored history
		held, _ := i.w.Activation(ctx, i.key)
		r.History.Revision = held.Reactivations.Revision + 1
	}
	a.Lease = func(o licensing.Outcome) (lease.Document, error) {
		return lease.Lease{License: a.Key.License, Activation: a.Key.Activation, Generation: a.To.Generation, Number: a.To.Number,
			Link:    a.To.Link,
			Request: a.Request, Time: a.Now, Counters: lease.Counters{Used: o.Used, Counted: o.Counted,
				Granted: o.Charged}, Reservations: o.Reservations, Denied: o.Denied,
		}.Document(), nil
	}
	return a
}

// tryAdvance advances, and moves the head when the advance was accepted.
func (i *installation) tryAdvance(with ...func(*licensing.Advance)) (*lease.Lease, error) {
	a := i.nextAdvance(with...)
	done, err := i.w.Advance(ctx, a)
	if err != nil {
		return nil, err
	}
	i.head = a.To
	if done.Replayed {
		return nil, errors.New("the first advance to a lease is called replayed")
	}
	return read(done.Document)
}

// mustAdvance is tryAdvance that must be accepted.
func (i *installation) mustAdvance(t *testing.T, with ...func(*licensing.Advance)) *lease.Lease {
	t.Helper()
	l, err := i.tryAdvance(with...)
	must(t, err)
	return l
}

func activate(limit licensing.Limit, window int64, machines licensing.Limit) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		a.NewActivation = &licensing.ActivationLimits{Limit: limit, Window: window, MaxMachines: machines, TransferLimit: licensing.Unlimited}
		if a.From != (lease.Position{}) {
			a.To.Generation, a.To.Number = a.From.Generation+1, 1
		}
	}
}

// activated makes the advance an activation that no limit refuses.
func activated(a *licensing.Advance) { activate(licensing.Unlimited, 1000, licensing.Unlimited)(a) }

// reactivated makes the advance a re-activation with a history in which only the revision is set.
func reactivated(budget, window int64) func(*licensing.Advance) {
	return reactivatedAs(licensing.ReactivationHistory{}, budget, window)
}

func reactivatedAs(past licensing.ReactivationHistory, budget, window int64) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		a.Reactivation = &licensing.ReactivationLimits{Budget: budget, Window: window, History: past}
		a.To.Generation, a.To.Number = a.From.Generation+1, 1
	}
}

func at(now lease.Time) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.Now, a.Until = now, now+100 }
}

func counted(n, allowance int64) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.Counted, a.Allowance = n, allowance }
}

// charged sets the whole charge, where counted is not enough.
func charged(c licensing.UsageCharge) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.UsageCharge = c }
}

// reserves requests a slot until the advance's Until.
func reserves(entitlement string, slots int64) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		a.Reserve = append(a.Reserve, licensing.ReservationRequest{Slot: lease.Slot{Entitlement: entitlement, Context: "ui"}, Slots: slots})
	}
}

// borrows requests a slot until a deadline of its own.
func borrows(entitlement string, slots int64, until lease.Time) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		a.Reserve = append(a.Reserve, licensing.ReservationRequest{Slot: lease.Slot{Entitlement: entitlement, Context: "ui"}, Slots: slots,
			Until: until})
	}
}

func releases(entitlement string) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.Release = append(a.Release, entitlement) }
}

func goodbyes(a *licensing.Advance) { a.Goodbye = true }

// runConcurrently runs f many times at the same time and returns the number of calls that returned nil. Other errors must satisfy the
// check.
func runConcurrently(t *testing.T, f func(n int) error, other func(error) bool) int {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, concurrency)
	start := make(chan struct{})
	for n := range concurrency {
		wait.Add(1)
		go func() { defer wait.Done(); <-start; errs[n] = f(n) }()
	}
	close(start)
	wait.Wait()
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
		} else if !other(err) {
			t.Errorf("unexpected: %v", err)
		}
	}
	return accepted
}

func read(document lease.Document) (*lease.Lease, error) {
	var l lease.Lease
	return &l, unmarshal(document, &l)
}

func requireError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// requireLimit checks the code and the retry time of a refusal by a limit.
func requireLimit(t *testing.T, err error, code license.Code, retryAt lease.Time) {
	t.Helper()
	var limit *licensing.LimitError
	if !errors.As(err, &limit) || limit.Code != code || limit.RetryAt != retryAt {
		t.Fatalf("got %v, want %s until %d", err, code, retryAt)
	}
}

func isCode(code license.Code) func(error) bool {
	return func(err error) bool {
		var e *license.Error
		return errors.As(err, &e) && e.Code == code
	}
}

// checkSeats checks which seats the lease states.
func checkSeats(t *testing.T, l *lease.Lease, want ...string) {
	t.Helper()
	var got []string
	for _, r := range l.Reservations {
		got = append(got, r.Entitlement)
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Fatalf("holds %v, want %v", got, want)
	}
}
