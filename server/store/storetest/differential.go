package storetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// RunDifferential has two stores do the same, drawn at random from all that a store does, over few records so that they meet: whatever one answers
// the other must. Time goes on by a millisecond from one to the next. What it draws follows from the seed.
func RunDifferential(t *testing.T, one, other licensing.Store, seed uint64, steps int) {
	t.Helper()
	a := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), now: noon}
	a.populate(t, one, other)
	for n := range steps {
		a.now++
		what, do := a.draw()
		first, second := do(one), do(other)
		if first != second {
			t.Fatalf("seed %d, step %d: %s\none    %s\nother  %s", seed, n, what, first, second)
		}
	}
}

type generator struct {
	*rand.Rand
	now      lease.Time
	requests int64
}

// operation is one thing to be done, and what is answered.
type operation func(licensing.Store) string

// populate makes two organisations, with what most of the draws are about below the first.
func (a *generator) populate(t *testing.T, stores ...licensing.Store) {
	t.Helper()
	meta := func(kind string, n, org int) licensing.Record {
		a.now++
		return licensing.Record{ID: id(kind, n), Organisation: id("org", org), Revision: 1, Created: a.now, Updated: a.now}
	}
	products, versions, licenses := []licensing.Product{}, []licensing.Version{}, []licensing.License{}
	for n, org := range []int{0, 0, 1} {
		products = append(products, licensing.Product{Record: meta("product", n, org), Name: string(rune('a' + n)), Keyring: []byte{1}, SealedKeys: []byte{2}})
	}
	for n, of := range []int{0, 0, 1, 2} {
		p := products[of]
		v := licensing.Version{Record: meta("version", n, 0), Product: p.ID, Name: string(rune('a' + n)), Policy: licensing.Policy{Settings: lease.Settings{Type: pick(a, lease.Calls, lease.Perpetual)}}}
		v.Organisation = p.Organisation
		versions = append(versions, v)
	}
	for n, of := range []int{0, 0, 3} {
		l := a.newLicense(id("license", n))
		l.Organisation, l.Version, l.Product = versions[of].Organisation, versions[of].ID, versions[of].Product
		licenses = append(licenses, l)
	}
	for _, s := range stores {
		for n := range 2 {
			must(t, s.CreateOrganisation(ctx, licensing.Organisation{ID: id("org", n)}))
		}
		for _, p := range products {
			must(t, s.CreateProduct(ctx, p))
		}
		for _, v := range versions {
			must(t, s.CreateVersion(ctx, v))
		}
		for _, l := range licenses {
			must(t, s.CreateLicense(ctx, l))
		}
	}
}

// id is that of record n of a kind.
func id(kind string, n int) license.ID {
	return license.ID(fmt.Sprintf("%s%d", string(lease.HashOf([]byte(kind)))[:23], n))
}

func (a *generator) randomID(kind string, n int) license.ID { return id(kind, a.IntN(n)) }

func (a *generator) org() license.ID     { return id("org", pick(a, 0, 0, 0, 0, 1)) }
func (a *generator) product() license.ID { return a.randomID("product", 3) }
func (a *generator) version() license.ID { return a.randomID("version", 4) }
func (a *generator) license() license.ID { return a.randomID("license", 3) }

func (a *generator) key() licensing.ActivationKey {
	return licensing.ActivationKey{License: a.license(), Activation: lease.HashOf([]byte{byte(a.IntN(3))})}
}

func pick[T any](a *generator, of ...T) T { return of[a.IntN(len(of))] }

func (a *generator) name() string { return pick(a, "Ada", "ada", "Äda", "a.$b", "%_\\", "x") }

func (a *generator) meta(id license.ID) licensing.Record {
	return licensing.Record{ID: id, Organisation: a.org(), Revision: 1, Created: a.now, Updated: a.now,
		Metadata: pick(a, nil, map[string]string{}, map[string]string{"a.b": "$x", "$c": "", "Ä": "1"})}
}

// describe is an answer in words that are the same for the same answer: what is empty is left out, also where one store gives nothing.
func describe(v any, err error) string {
	var limit *licensing.Limit
	var invalid *licensing.Invalid
	switch {
	case errors.As(err, &limit):
		return fmt.Sprintf("%s %s %d", limit.Code, limit.Detail, limit.RetryAt)
	case errors.As(err, &invalid):
		return "invalid " + invalid.Field
	}
	for _, known := range []error{licensing.ErrNotFound, licensing.ErrExists, licensing.ErrStale, licensing.ErrInUse} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return "fails: " + err.Error()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err.Error()
	}
	text, _ = json.Marshal(withoutEmpty(plain))
	return string(text)
}

// withoutEmpty is a value without what is empty in it.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			if v[k] = withoutEmpty(m); v[k] == nil {
				delete(v, k)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for n := range v {
			v[n] = withoutEmpty(v[n])
		}
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// allPages is a whole list, page by page.
func allPages[T any](page licensing.Page, read func(licensing.Page) (licensing.Listing[T], error)) ([]T, error) {
	var all []T
	for range 100 {
		found, err := read(page)
		if err != nil {
			return nil, err
		}
		all = append(all, found.Items...)
		if page.After = found.Next; page.After == "" {
			return all, nil
		}
	}
	return nil, errors.New("the list has no end")
}

func (a *generator) page() licensing.Page {
	archived := a.IntN(2) == 0
	return licensing.Page{Limit: pick(a, 1, 2, 50), Search: pick(a, "", "", "", "a", "Ä", "a.", "%", "_", "\\", "\x00", "\xff"), Archived: pick(a, nil, nil, &archived),
		Sort: pick(a, "", licensing.ByCreated, licensing.OldestFirst, licensing.ByName, licensing.ByNameDescending, licensing.ByUpdated, licensing.LeastRecentlyUpdated)}
}

func (a *generator) draw() (string, operation) {
	type option struct {
		weight int
		make   func() (string, operation)
	}
	options := []option{
		{4, a.createRecord}, {4, a.editRecord}, {1, a.deleteRecord}, {6, a.readRecord}, {4, a.listRecords}, {32, a.advance}, {8, a.vendorAction}, {8, a.entryOperation}, {1, a.epochOperation},
	}
	sum := 0
	for _, o := range options {
		sum += o.weight
	}
	n := a.IntN(sum)
	for _, o := range options {
		if n -= o.weight; n < 0 {
			return o.make()
		}
	}
	panic("no weight is left")
}

func (a *generator) createRecord() (string, operation) {
	switch a.IntN(5) {
	case 0:
		o := licensing.Organisation{ID: a.org(), Name: a.name(), Created: a.now}
		return fmt.Sprintf("create %+v", o), func(s licensing.Store) string { return describe(nil, s.CreateOrganisation(ctx, o)) }
	case 1:
		p := licensing.Product{Record: a.meta(a.product()), Name: a.name(), Description: a.name(), Archived: a.IntN(3) == 0, Keyring: []byte("k\x00"), SealedKeys: []byte{0xff}}
		return fmt.Sprintf("create %+v", p), func(s licensing.Store) string { return describe(nil, s.CreateProduct(ctx, p)) }
	case 2:
		v := licensing.Version{Record: a.meta(a.version()), Product: a.product(), Name: a.name(), Archived: a.IntN(3) == 0,
			Policy: licensing.Policy{Settings: lease.Settings{Type: pick(a, lease.Calls, lease.Perpetual)}}}
		return fmt.Sprintf("create %+v", v), func(s licensing.Store) string { return describe(nil, s.CreateVersion(ctx, v)) }
	}
	l := a.newLicense(a.license())
	return fmt.Sprintf("create %+v", l), func(s licensing.Store) string {
		// As the domain does, a license is made below a version that was read.
		v, err := s.Version(ctx, l.Organisation, l.Version)
		if err != nil {
			return describe(nil, err)
		}
		l.Product = v.Product
		return describe(nil, s.CreateLicense(ctx, l))
	}
}

func (a *generator) newLicense(id license.ID) licensing.License {
	return licensing.License{Record: a.meta(id), Version: a.version(), Name: a.name(), Customer: a.name(), Contexts: pick(a, nil, []string{"ui"}),
		Entitlements: []license.Entitlement{{Name: "seat", Slots: 2}, {Name: "desk", Slots: 1}, {Name: "x.y"}}, Allowance: pick[int64](a, 0, 30, licensing.Unlimited),
		Expires: pick(a, 0, a.now, a.now-5), Status: pick(a, licensing.Active, licensing.Suspended), Maintenance: pick(a, 0, a.now),
		Holds: pick(a, nil, []licensing.Hold{{ID: "h", Entitlement: "seat", Slots: 1}})}
}

// period is the present one of a license's allowance: one of them has periods.
func (a *generator) period(of license.ID) lease.Time {
	if of != id("license", 1) {
		return 0
	}
	return a.now - a.now%40
}

// revisionOffset draws a revision or a turn that is mostly the right one.
func (a *generator) revisionOffset() int64 { return pick[int64](a, 0, 0, 0, 0, 1, -1) }

func (a *generator) editRecord() (string, operation) {
	org, off := a.org(), a.revisionOffset()
	switch a.IntN(3) {
	case 0:
		id, name, archived := a.product(), a.name(), a.IntN(3) == 0
		return fmt.Sprintf("edit product %s of %s, off by %d, named %q", id, org, off, name), func(s licensing.Store) string {
			p, err := s.Product(ctx, org, id)
			if err != nil {
				return describe(nil, err)
			}
			p.Revision, p.Updated, p.Name, p.Archived, p.Statement = p.Revision+off, a.now, name, archived, []byte(name)
			return describeEdit(s.UpdateProduct(ctx, p))
		}
	case 1:
		id, name, archived := a.version(), a.name(), a.IntN(3) == 0
		return fmt.Sprintf("edit version %s of %s, off by %d, named %q", id, org, off, name), func(s licensing.Store) string {
			v, err := s.Version(ctx, org, id)
			if err != nil {
				return describe(nil, err)
			}
			v.Revision, v.Updated, v.Name, v.Archived, v.Released = v.Revision+off, a.now, name, archived, a.now
			return describeEdit(s.UpdateVersion(ctx, v))
		}
	}
	l := a.newLicense(a.license())
	return fmt.Sprintf("edit license %s of %s, off by %d: %+v", l.ID, org, off, l), func(s licensing.Store) string {
		held, err := s.License(ctx, org, l.ID)
		if err != nil {
			return describe(nil, err)
		}
		next := l
		next.Record, next.Product, next.Version = held.Record, held.Product, held.Version
		next.Revision, next.Updated, next.Metadata = held.Revision+off, a.now, l.Metadata
		return describeEdit(s.UpdateLicense(ctx, next))
	}
}

// describeEdit is the record after an edit; of one that failed nothing is given.
func describeEdit[T any](record T, err error) string {
	if err != nil {
		return describe(nil, err)
	}
	return describe(record, nil)
}

func (a *generator) deleteRecord() (string, operation) {
	org, revision := a.org(), pick[int64](a, 0, 0, 1, 2)
	product, version, sold := a.product(), a.version(), a.license()
	switch a.IntN(3) {
	case 0:
		return fmt.Sprint("delete product ", product, org, revision), func(s licensing.Store) string { return describe(nil, s.DeleteProduct(ctx, org, product, revision)) }
	case 1:
		return fmt.Sprint("delete version ", version, org, revision), func(s licensing.Store) string { return describe(nil, s.DeleteVersion(ctx, org, version, revision)) }
	}
	return fmt.Sprint("delete license ", sold, org, revision), func(s licensing.Store) string { return describe(nil, s.DeleteLicense(ctx, org, sold, revision)) }
}

func (a *generator) readRecord() (string, operation) {
	org, product, version, sold, key := a.org(), a.product(), a.version(), a.license(), a.key()
	reads := []operation{
		func(s licensing.Store) string { return describe(s.Organisation(ctx, org)) },
		func(s licensing.Store) string { return describe(s.Product(ctx, org, product)) },
		func(s licensing.Store) string { return describe(s.ProductKeyring(ctx, product)) },
		func(s licensing.Store) string { return describe(s.ProductWithKeys(ctx, product)) },
		func(s licensing.Store) string { return describe(s.Version(ctx, org, version)) },
		func(s licensing.Store) string { return describe(s.License(ctx, org, sold)) },
		func(s licensing.Store) string { return describe(s.LicenseContext(ctx, sold)) },
		func(s licensing.Store) string {
			m, err := s.Meter(ctx, sold)
			if err == nil {
				m.Charge(licensing.UsageCharge{Period: a.period(sold), Allowance: licensing.Unlimited}, 0, 0) // as whoever reads it does
			}
			return describe(m, err)
		},
		func(s licensing.Store) string { return describe(s.LastSync(ctx, sold)) },
		func(s licensing.Store) string { return describe(s.Activation(ctx, key)) },
	}
	n := a.IntN(len(reads))
	return fmt.Sprint("read ", n, org, product, version, key), reads[n]
}

func (a *generator) listRecords() (string, operation) {
	org, product, sold, page := a.org(), a.product(), a.license(), a.page()
	filter := licensing.LicenseFilter{}
	if a.IntN(2) == 0 {
		filter = licensing.LicenseFilter{Product: pick(a, "", product), Version: pick(a, "", a.version()), Status: pick(a, "", licensing.Active), Customer: pick(a, "", "", a.name()),
			Type: pick(a, "", lease.Calls), ExpiresFrom: pick(a, 0, a.now-20), ExpiresUntil: pick(a, 0, a.now-3), NeverActivated: a.IntN(3) == 0}
	}
	plain := licensing.Page{Limit: page.Limit, Search: page.Search}
	lists := []operation{
		func(s licensing.Store) string {
			return describe(allPages(page, func(p licensing.Page) (licensing.Listing[licensing.Product], error) { return s.Products(ctx, org, p) }))
		},
		func(s licensing.Store) string {
			return describe(allPages(page, func(p licensing.Page) (licensing.Listing[licensing.Version], error) {
				return s.Versions(ctx, org, product, p)
			}))
		},
		func(s licensing.Store) string {
			return describe(allPages(page, func(p licensing.Page) (licensing.Listing[licensing.License], error) {
				return s.Licenses(ctx, org, filter, p)
			}))
		},
		func(s licensing.Store) string {
			all, err := allPages(plain, func(p licensing.Page) (licensing.Listing[licensing.Activation], error) {
				return s.Activations(ctx, org, sold, p)
			})
			slices.SortFunc(all, func(a, b licensing.Activation) int { return cmp.Compare(a.Activation, b.Activation) }) // who came again may be newer
			return describe(all, err)
		},
		func(s licensing.Store) string {
			all, err := allPages(plain, func(p licensing.Page) (licensing.Listing[licensing.Reservation], error) {
				return s.Reservations(ctx, org, sold, p)
			})
			all = slices.DeleteFunc(all, func(r licensing.Reservation) bool { return r.Until <= a.now }) // one that has lapsed may still be there
			slices.SortFunc(all, func(a, b licensing.Reservation) int {
				return cmp.Or(cmp.Compare(a.Activation, b.Activation), cmp.Compare(a.Entitlement, b.Entitlement))
			})
			return describe(all, err)
		},
	}
	n := a.IntN(len(lists))
	return fmt.Sprintf("list %d of %s %s %s %+v %+v", n, org, product, sold, page, filter), lists[n]
}

// advance draws a request of any kind, mostly one that fits what is stored.
func (a *generator) advance() (string, operation) {
	a.requests++
	next := licensing.Advance{Key: a.key(), Org: a.org(), Request: lease.HashOf(fmt.Append(nil, a.requests)), Device: "device", Now: a.now, Until: a.now + pick[lease.Time](a, 5, 50),
		LastReport:  licensing.LastReport{Address: pick(a, "", "::1"), Fingerprint: pick(a, nil, []lease.FingerprintPart{{Name: "disk", Hash: "00"}})},
		UsageCharge: licensing.UsageCharge{Allowance: pick[int64](a, 20, 40, licensing.Unlimited), Block: pick[int64](a, 0, 0, 10), EndPrepaid: a.IntN(4) == 0, Extra: pick[int64](a, 0, 0, 0, 3)},
		Goodbye:     a.IntN(12) == 0}
	next.Period = a.period(next.Key.License)
	for _, n := range a.Perm(3)[:a.IntN(3)] {
		next.Reserve = append(next.Reserve, licensing.ReservationRequest{Slot: lease.Slot{Entitlement: []string{"seat", "desk", "x.y"}[n], Context: pick(a, "ui", "batch")},
			Slots: pick(a, []int64{2, 1, licensing.Unlimited}[n], []int64{2, 1, licensing.Unlimited}[n], 0, licensing.Unlimited), Until: next.Until + pick[lease.Time](a, 0, 0, 30)})
	}
	if a.IntN(3) == 0 {
		next.Release = []string{pick(a, "seat", "desk")}
	}
	limits := licensing.ActivationLimits{Limit: pick[int64](a, 2, 100), Window: 20, MaxMachines: pick[int64](a, 0, 1, 2), MoveLimit: pick[int64](a, 0, 1), MoveWindow: 50}
	restores, off, counts, back, again, fails := a.IntN(6) == 0, a.revisionOffset(), pick[int64](a, 0, 1, 7), a.IntN(20) == 0, a.IntN(10) == 0, a.IntN(20) == 0
	return fmt.Sprintf("advance %+v, %+v, restores %t, off by %d, counts %d, back %t, again %t, fails %t", next, limits, restores, off, counts, back, again, fails), func(s licensing.Store) string {
		n := next
		terms, err := s.LicenseContext(ctx, n.Key.License)
		if err != nil {
			return describe(nil, err)
		}
		held, err := s.Activation(ctx, n.Key)
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			return describe(nil, err)
		}
		known := err == nil
		n.Revision, n.From, n.Counted = terms.License.Revision+off, held.Head, held.Counted+counts
		n.To = lease.Position{Generation: max(1, n.From.Generation), Number: n.From.Number + 1, Link: lease.NextLink(lease.OriginLink, n.Request)}
		if !known || held.Closed != 0 {
			n.NewActivation = &limits
			n.Counted = counts
		}
		if known && held.Closed == 0 && restores {
			n.Reactivation = &licensing.ReactivationLimits{Budget: 2, Window: 30, History: licensing.ReactivationHistory{Revision: held.Reactivations.Revision + 1 + off, Evidence: []licensing.Evidence{{Time: a.now, Request: n.Request}}}}
		}
		if n.NewActivation != nil && known || n.Reactivation != nil {
			n.To.Generation, n.To.Number = n.From.Generation+1, 1
		}
		if back {
			n.From.Number--
		}
		n.Lease = func(o licensing.Outcome) (lease.Document, error) {
			if fails {
				return nil, &licensing.Invalid{Field: "compose"}
			}
			o.ClosedPeriod = licensing.Period{} // a store may close a period when something is charged, as its meter tells
			text, err := json.Marshal(o)
			return text, err
		}
		done, err := s.Advance(ctx, n)
		said := describe(fmt.Sprint(string(done.Document), done.Replayed, done.Outcome.Used, done.Outcome.Reservations), err)
		if again { // the same bytes once more
			done, err = s.Advance(ctx, n)
			said += " and again " + describe(fmt.Sprint(string(done.Document), done.Replayed, done.Outcome.Used, done.Outcome.Reservations), err)
		}
		return said
	}
}

// vendorAction is what the vendor does about an installation, and what the domain remembers of it.
func (a *generator) vendorAction() (string, operation) {
	org, key, name, entitlement, off, restores := a.org(), a.key(), a.name(), pick(a, "seat", "desk", "x.y"), a.revisionOffset(), a.IntN(2) == 0
	options := []operation{
		func(s licensing.Store) string { return describe(nil, s.Deactivate(ctx, org, key, a.now)) },
		func(s licensing.Store) string {
			return describe(nil, s.FreeReservation(ctx, org, key, entitlement, a.now))
		},
		func(s licensing.Store) string { return describe(nil, s.NameActivation(ctx, org, key, name)) },
		func(s licensing.Store) string {
			held, _ := s.Activation(ctx, key)
			return describe(nil, s.SaveReactivationHistory(ctx, key, held.Head, licensing.ReactivationHistory{Revision: held.Reactivations.Revision + 1 + off, ClonedSince: a.now}, restores))
		},
	}
	n := a.IntN(len(options))
	return fmt.Sprint("intervene ", n, org, key, name, entitlement, off, restores), options[n]
}

func (a *generator) entryOperation() (string, operation) {
	e := licensing.Entry{Kind: pick(a, "hook", "token"), ID: pick(a, "a", "a:b", "Ä", "x.y"), Org: pick(a, "", a.org()), List: pick(a, "", "l"), Search: a.name(), Created: a.now,
		Due: pick(a, 0, a.now, a.now+20), Until: pick(a, 0, a.now+10, a.now+40), Body: pick(a, nil, []byte{}, []byte("\x00body"))}
	off, page := a.revisionOffset(), a.page()
	page = licensing.Page{Limit: page.Limit, Search: page.Search}
	options := []operation{
		func(s licensing.Store) string { return describe(nil, s.CreateEntry(ctx, e)) },
		func(s licensing.Store) string { return describe(s.Entry(ctx, e.Kind, e.ID)) },
		func(s licensing.Store) string {
			held, err := s.Entry(ctx, e.Kind, e.ID)
			if err != nil {
				return describe(nil, err)
			}
			next := e
			next.Revision = held.Revision + off
			return describeEdit(s.ReplaceEntry(ctx, next))
		},
		func(s licensing.Store) string { return describe(nil, s.DeleteEntry(ctx, e.Kind, e.ID, max(0, off))) },
		func(s licensing.Store) string {
			return describe(allPages(page, func(p licensing.Page) (licensing.Listing[licensing.Entry], error) {
				return s.Entries(ctx, e.Kind, e.Org, e.List, p)
			}))
		},
		func(s licensing.Store) string { return describe(s.DueEntries(ctx, e.Kind, a.now, 2)) },
		func(s licensing.Store) string { return describe(nil, s.DeleteExpiredEntries(ctx, a.now)) },
	}
	n := pick(a, 0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 6)
	return fmt.Sprintf("entry %d %+v, off by %d, %+v", n, e, off, page), options[n]
}

func (a *generator) epochOperation() (string, operation) {
	value := pick[int64](a, 1, 2, 3)
	options := []operation{
		func(s licensing.Store) string { return describe(s.Epoch(ctx, value)) },
		func(s licensing.Store) string { return describe(s.RaiseEpoch(ctx, value, a.now)) },
		func(s licensing.Store) string { return describe(nil, s.EndFreeze(ctx, value)) },
	}
	n := a.IntN(len(options))
	return fmt.Sprint("epoch ", n, value), options[n]
}
