package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// RunDifferentialAccess is RunDifferential for members and their sessions.
func RunDifferentialAccess(t *testing.T, one, other access.Store, seed uint64, steps int) {
	t.Helper()
	a := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), now: noon}
	for _, s := range []access.Store{one, other} {
		for n := range 2 {
			must(t, s.CreateOrganisation(ctx, licensing.Organisation{ID: id("org", n)}))
		}
	}
	founder := access.Member{ID: id("founder", 0), Organisation: id("org", 2), Role: access.Owner, Email: "founder@a.test", Name: "Ada",
		Revision: 1}
	for _, s := range []access.Store{one, other} {
		must(t, s.SetSetupToken(ctx, access.SetupToken{Hash: lease.OriginLink}))
		must(t, s.CreateFirstOwner(ctx, lease.OriginLink, licensing.Organisation{ID: founder.Organisation, Name: "Example"}, founder))
	}
	for n := range steps {
		a.now++
		what, do := a.accessOperation()
		first, second := do(one), do(other)
		if first != second {
			t.Fatalf("seed %d, step %d: %s\nfirst  %s\nsecond %s", seed, n, what, first, second)
		}
	}
}

func (a *generator) member() license.ID { return a.randomID("member", 4) }

func (a *generator) session() lease.Hash { return lease.HashOf([]byte{byte(a.IntN(6))}) }

func (a *generator) email() string {
	return pick(a, "ada@a.test", "ADA@a.test", "äda@a.test", "bob@a.test", "a.$b@a.test")
}

func (a *generator) accessOperation() (string, func(access.Store) string) {
	org, member, off := a.org(), a.member(), a.revisionOffset()
	made := access.Member{ID: member, Organisation: org, Email: a.email(), Verified: a.IntN(2) == 0, Name: a.name(),
		Role:     pick(a, access.Owner, access.Viewer),
		Password: pick(a, "", "p", "q"), Disabled: a.IntN(4) == 0, Revision: 1, Created: a.now}
	session := access.Session{ID: a.session(), Member: member, AuthMethod: pick(a, access.AuthPassword, access.AuthTOTP), Created: a.now,
		Expires: a.now + pick[lease.Time](a, 5, 50)}
	keep, password, setup := pick(a, "", a.session()), pick(a, "", "p", "q"), lease.HashOf([]byte{byte(a.IntN(2))})
	page := licensing.Page{Limit: pick(a, 1, 2, 50), Search: pick(a, "", "", "a", "Ä", "%", ".", "\x00")}
	// right returns the member's password, or sometimes one that may be wrong.
	guesses := a.IntN(3) == 0
	right := func(s access.Store) string {
		if m, err := s.Member(ctx, org, member); err == nil && !guesses {
			return m.Password
		}
		return password
	}
	options := []func(access.Store) string{
		func(s access.Store) string { return describe(nil, s.CreateMember(ctx, made)) },
		func(s access.Store) string { return describe(s.Member(ctx, org, member)) },
		func(s access.Store) string { return describe(s.MemberByEmail(ctx, made.Email)) },
		func(s access.Store) string {
			all, err := allPages(page, func(p licensing.Page) (licensing.Listing[access.Member], error) { return s.Members(ctx, org, p) })
			slices.SortFunc(all, func(a, b access.Member) int { return cmp.Compare(a.ID, b.ID) })
			return describe(all, err)
		},
		func(s access.Store) string {
			held, err := s.Member(ctx, org, member)
			if err != nil {
				return describe(nil, err)
			}
			next := made
			next.Revision, next.Created, next.Password = held.Revision+off, held.Created, held.Password
			return describeEdit(s.UpdateMember(ctx, next))
		},
		func(s access.Store) string {
			held, _ := s.Member(ctx, org, member)
			return describe(nil, s.DeleteMember(ctx, org, member, held.Revision+off))
		},
		func(s access.Store) string {
			return describe(nil, s.SetPassword(ctx, org, member, right(s), made.Password, keep))
		},
		func(s access.Store) string { return describe(nil, s.CreateSession(ctx, session, right(s))) },
		func(s access.Store) string {
			found, of, err := s.Session(ctx, session.ID)
			return describe([]any{found, of}, err)
		},
		func(s access.Store) string { return describe(s.Sessions(ctx, org, member)) },
		func(s access.Store) string { return describe(nil, s.EndSession(ctx, session.ID)) },
		func(s access.Store) string { return describe(nil, s.EndSessions(ctx, org, member, keep)) },
		func(s access.Store) string { return describe(nil, s.DeleteExpiredSessions(ctx, a.now)) },
		func(s access.Store) string { return describe(s.HasOwner(ctx)) },
		func(s access.Store) string {
			return describe(nil, s.SetSetupToken(ctx, access.SetupToken{Hash: setup, Expires: a.now}))
		},
		func(s access.Store) string { return describe(s.SetupToken(ctx)) },
		func(s access.Store) string {
			founder := made
			founder.ID, founder.Organisation, founder.Role, founder.Email = id("founder", 0), id("org", 2), access.Owner, "founder@a.test"
			return describe(nil, s.CreateFirstOwner(ctx, setup, licensing.Organisation{ID: id("org", 2), Name: "Example"}, founder))
		},
	}
	n := pick(a, 0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 7, 7, 7, 8, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16)
	return fmt.Sprintf("people %d of %s: %+v, %+v, keep %s, setup %s, off by %d, %+v", n, org, made, session, keep, setup, off,
		page), options[n]
}
