package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// RunDifferential applies the same random operations to two stores, over few records so that they meet, and compares the results. Time
// advances by a millisecond with each operation. The operations follow from the seed.
func RunDifferential(t *testing.T, one, other licensing.Store, seed uint64, steps int) {
	t.Helper()
	a := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), now: noon}
	a.populate(t, one, other)
	for n := range steps {
		a.now++
		what, do := a.draw()
		first, second := do(one), do(other)
		if first != second {
			t.Fatalf("seed %d, step %d: %s\nfirst  %s\nsecond %s", seed, n, what, first, second)
		}
	}
}

type generator struct {
	*rand.Rand
	now      lease.Time
	requests int64
}

// operation applies an operation to a store and returns a description of its result.
type operation func(licensing.Store) string

// populate creates two organisations, the first one with most of the records that the operations use.
func (a *generator) populate(t *testing.T, stores ...licensing.Store) {
	t.Helper()
	meta := func(kind string, n, org int) licensing.Record {
		a.now++
		return licensing.Record{ID: id(kind, n), Organisation: id("org", org), Revision: 1, Created: a.now, Updated: a.now}
	}
	products, versions, licenses := []licensing.Product{}, []licensing.Version{}, []licensing.License{}
	for n, org := range []int{0, 0, 1} {
		products = append(products, licensing.Product{Record: meta("product", n, org), Name: string(rune('a' + n)), Keyring: []byte{1},
			SealedKeys: []byte{2}})
	}
	for n, of := range []int{0, 0, 1, 2} {
		p := products[of]
		v := licensing.Version{Record: meta("version", n, 0), Product: p.ID, Name: string(rune('a' + n)),
			Policy: licensing.Policy{Settings: lease.Settings{Type: pick(a, lease.Calls, lease.Perpetual)}}}
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

// id returns the id of record n of a kind.
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

// describe returns a text that is the same for the same result. Empty values are left out, since stores may differ in whether they return
// them.
func describe(v any, err error) string {
	var limit *licensing.LimitError
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

// withoutEmpty returns the value without the empty values in it.
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

// allPages returns a whole list, read page by page.
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
	return licensing.Page{Limit: pick(a, 1, 2, 50), Search: pick(a, "", "", "", "a", "Ä", "a.", "%", "_", "\\", "\x00", "\xff"),
		Archived: pick(a, nil, nil, &archived),
		Sort: pick(a, "", licensing.ByCreated, licensing.OldestFirst, licensing.ByName, licensing.ByNameDescending, licensing.ByUpdated,
			licensing.LeastRecentlyUpdated)}
}

func (a *generator) draw() (string, operation) {
	type option struct {
		weight int
		make   func() (string, operation)
	}
	options := []option{
		{4, a.createRecord}, {4, a.editRecord}, {1, a.deleteRecord}, {6, a.readRecord}, {4, a.listRecords}, {32, a.advance}, {8,
			a.vendorAction}, {8, a.entryOperation}, {1, a.epochOperation},
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
