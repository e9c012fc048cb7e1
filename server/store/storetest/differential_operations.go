package storetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

func (a *generator) createRecord() (string, operation) {
	switch a.IntN(5) {
	case 0:
		o := licensing.Organisation{ID: a.org(), Name: a.name(), Created: a.now}
		return fmt.Sprintf("create %+v", o), func(s licensing.Store) string { return describe(nil, s.CreateOrganisation(ctx, o)) }
	case 1:
		p := licensing.Product{Record: a.meta(a.product()), Name: a.name(), Description: a.name(), Archived: a.IntN(3) == 0,
			Keyring: []byte("k\x00"), SealedKeys: []byte{0xff}}
		return fmt.Sprintf("create %+v", p), func(s licensing.Store) string { return describe(nil, s.CreateProduct(ctx, p)) }
	case 2:
		v := licensing.Version{Record: a.meta(a.version()), Product: a.product(), Name: a.name(), Archived: a.IntN(3) == 0,
			Policy: licensing.Policy{Settings: lease.Settings{Type: pick(a, lease.Calls, lease.Perpetual)}}}
		return fmt.Sprintf("create %+v", v), func(s licensing.Store) string { return describe(nil, s.CreateVersion(ctx, v)) }
	}
	l := a.newLicense(a.license())
	return fmt.Sprintf("create %+v", l), func(s licensing.Store) string {
		// As in the domain, a license is created below a version that was read.
		v, err := s.Version(ctx, l.Organisation, l.Version)
		if err != nil {
			return describe(nil, err)
		}
		l.Product = v.Product
		return describe(nil, s.CreateLicense(ctx, l))
	}
}

func (a *generator) newLicense(id license.ID) licensing.License {
	return licensing.License{Record: a.meta(id), Version: a.version(), Name: a.name(), Customer: a.name(),
		Contexts:     pick(a, nil, []string{"ui"}),
		Entitlements: []license.Entitlement{{Name: "seat", Slots: 2}, {Name: "desk", Slots: 1}, {Name: "x.y"}}, Allowance: pick[int64](a, 0, 30,
			licensing.Unlimited),
		Expires: pick(a, 0, a.now, a.now-5), Status: pick(a, licensing.Active, licensing.Suspended), Maintenance: pick(a, 0, a.now),
		Holds: pick(a, nil, []licensing.Hold{{ID: "h", Entitlement: "seat", Slots: 1}})}
}

// period returns the start of the present period of a license's allowance: one of the licenses has periods.
func (a *generator) period(of license.ID) lease.Time {
	if of != id("license", 1) {
		return 0
	}
	return a.now - a.now%40
}

// revisionOffset returns an offset to a revision, mostly 0.
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

// describeEdit describes the record after an edit; of an edit that failed only the error.
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
		return fmt.Sprint("delete product ", product, org, revision), func(s licensing.Store) string {
			return describe(nil,
				s.DeleteProduct(ctx, org, product, revision))
		}
	case 1:
		return fmt.Sprint("delete version ", version, org, revision), func(s licensing.Store) string {
			return describe(nil,
				s.DeleteVersion(ctx, org, version, revision))
		}
	}
	return fmt.Sprint("delete license ", sold, org, revision), func(s licensing.Store) string {
		return describe(nil,
			s.DeleteLicense(ctx, org, sold, revision))
	}
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
				m.Charge(licensing.UsageCharge{Period: a.period(sold), Allowance: licensing.Unlimited}, 0, 0) // as every reader does
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
		filter = licensing.LicenseFilter{Product: pick(a, "", product), Version: pick(a, "", a.version()), Status: pick(a, "", licensing.Active),
			Customer: pick(a, "", "", a.name()),
			Type:     pick(a, "", lease.Calls), ExpiresFrom: pick(a, 0, a.now-20), ExpiresUntil: pick(a, 0, a.now-3), NeverActivated: a.IntN(3) == 0}
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
			slices.SortFunc(all, func(a, b licensing.Activation) int {
				return cmp.Compare(a.Activation,
					b.Activation)
			}) // an activation that came again may be newer
			return describe(all, err)
		},
		func(s licensing.Store) string {
			all, err := allPages(plain, func(p licensing.Page) (licensing.Listing[licensing.Reservation], error) {
				return s.Reservations(ctx, org, sold, p)
			})
			all = slices.DeleteFunc(all, func(r licensing.Reservation) bool { return r.Until <= a.now }) // a lapsed one may still be listed
			slices.SortFunc(all, func(a, b licensing.Reservation) int {
				return cmp.Or(cmp.Compare(a.Activation, b.Activation), cmp.Compare(a.Entitlement, b.Entitlement))
			})
			return describe(all, err)
		},
	}
	n := a.IntN(len(lists))
	return fmt.Sprintf("list %d of %s %s %s %+v %+v", n, org, product, sold, page, filter), lists[n]
}

// advance returns a request of any kind, mostly one that fits what is stored.
func (a *generator) advance() (string, operation) {
	a.requests++
	next := licensing.Advance{Key: a.key(), Org: a.org(), Request: lease.HashOf(fmt.Append(nil, a.requests)), Device: "device", Now: a.now,
		Until: a.now + pick[lease.Time](a, 5, 50),
		LastReport: licensing.LastReport{Address: pick(a, "", "::1"), Fingerprint: pick(a, nil,
			[]lease.FingerprintPart{{Name: "disk", Hash: "00"}})},
		UsageCharge: licensing.UsageCharge{Allowance: pick[int64](a, 20, 40, licensing.Unlimited), Block: pick[int64](a, 0, 0, 10),
			EndPrepaid: a.IntN(4) == 0, Extra: pick[int64](a, 0, 0, 0, 3)},
		Goodbye: a.IntN(12) == 0}
	next.Period = a.period(next.Key.License)
	for _, n := range a.Perm(3)[:a.IntN(3)] {
		next.Reserve = append(next.Reserve, licensing.ReservationRequest{Slot: lease.Slot{Entitlement: []string{"seat", "desk", "x.y"}[n],
			Context: pick(a, "ui", "batch")},
			Slots: pick(a, []int64{2, 1, licensing.Unlimited}[n], []int64{2, 1, licensing.Unlimited}[n], 0,
				licensing.Unlimited), Until: next.Until + pick[lease.Time](a, 0, 0, 30)})
	}
	if a.IntN(3) == 0 {
		next.Release = []string{pick(a, "seat", "desk")}
	}
	limits := licensing.ActivationLimits{
		Limit: pick[licensing.Limit](a, 2, 100), Window: 20, MaxMachines: pick[licensing.Limit](a, licensing.Unlimited, 0, 1, 2, 2),
		TransferLimit: pick[licensing.Limit](a, licensing.Unlimited, 0, 1), TransferWindow: 50,
	}
	restores, off, counts, back, again, fails := a.IntN(6) == 0, a.revisionOffset(), pick[int64](a, 0, 1,
		7), a.IntN(20) == 0, a.IntN(10) == 0, a.IntN(20) == 0
	return fmt.Sprintf("advance %+v, %+v, restores %t, off by %d, counts %d, back %t, again %t, fails %t", next, limits, restores, off, counts,
			back, again, fails), func(s licensing.Store) string {
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
			n.To = lease.Position{Generation: max(1, n.From.Generation), Number: n.From.Number + 1,
				Link: lease.NextLink(lease.OriginLink, n.Request)}
			if !known || held.Closed != 0 {
				n.NewActivation = &limits
				n.Counted = counts
			}
			if known && held.Closed == 0 && restores {
				n.Reactivation = &licensing.ReactivationLimits{Budget: 2, Window: 30,
					History: licensing.ReactivationHistory{Revision: held.Reactivations.Revision + 1 + off,
						Evidence: []licensing.Evidence{{Time: a.now, Request: n.Request}}}}
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

// vendorAction returns an action of the vendor on an installation, or saves a re-activation history.
func (a *generator) vendorAction() (string, operation) {
	org, key, name, entitlement, off, restores := a.org(), a.key(), a.name(), pick(a, "seat", "desk",
		"x.y"), a.revisionOffset(), a.IntN(2) == 0
	options := []operation{
		func(s licensing.Store) string { return describe(nil, s.Deactivate(ctx, org, key, a.now)) },
		func(s licensing.Store) string {
			return describe(nil, s.FreeReservation(ctx, org, key, entitlement, a.now))
		},
		func(s licensing.Store) string { return describe(nil, s.NameActivation(ctx, org, key, name)) },
		func(s licensing.Store) string {
			held, _ := s.Activation(ctx, key)
			return describe(nil, s.SaveReactivationHistory(ctx, key, held.Head,
				licensing.ReactivationHistory{Revision: held.Reactivations.Revision + 1 + off, ClonedSince: a.now}, restores))
		},
	}
	n := a.IntN(len(options))
	return fmt.Sprint("intervene ", n, org, key, name, entitlement, off, restores), options[n]
}

func (a *generator) entryOperation() (string, operation) {
	e := licensing.Entry{Kind: pick(a, "hook", "token"), ID: pick(a, "a", "a:b", "Ä", "x.y"), Org: pick(a, "", a.org()),
		List: pick(a, "", "l"), Search: a.name(), Created: a.now,
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
