package licensing_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/store/memory"
)

// interruptedStore is a store in which another node's change comes first at the next update of a product.
type interruptedStore struct {
	licensing.Store
	first func()
}

func (s *interruptedStore) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	if f := s.first; f != nil {
		s.first = nil
		f()
	}
	return s.Store.UpdateProduct(ctx, p)
}

// node returns another node of the same server.
func (s *server) node(t *testing.T, store licensing.Store) domain {
	t.Helper()
	keys, err := issuer.New(bytes.Repeat([]byte{1}, issuer.MasterKeySize), nil)
	must(t, err)
	return newDomain(store, keys, services.Options{Clock: s.clock, Epoch: 5, Secret: bytes.Repeat([]byte{2}, 32)})
}

func refusedWith(t *testing.T, err error, want license.Code) {
	t.Helper()
	var conflict *licensing.Conflict
	if !errors.As(err, &conflict) || conflict.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func (s *server) keysIn(t *testing.T, use license.Use, state licensing.KeyState) (found []licensing.Key) {
	t.Helper()
	_, keys, err := s.Keys(t.Context(), s.org, s.product.ID)
	must(t, err)
	for _, k := range keys {
		if slices.Contains(k.Uses, use) && k.State == state {
			found = append(found, k)
		}
	}
	return found
}

// Another node changes the keys between reading and storing: the change is repeated on the new record, or refused because of it.
//
// proves part of N04
func TestConcurrentKeyRotation(t *testing.T) {
	s := newServer(t)
	ctx, one := t.Context(), &interruptedStore{Store: s.store}
	node, other := s.node(t, one), s.node(t, s.store)
	var err error
	one.first = func() {
		_, err := other.AddKey(ctx, s.org, s.product.ID, license.UseFile, time.Time{})
		must(t, err)
	}
	_, err = node.AddKey(ctx, s.org, s.product.ID, license.UseLease, time.Time{})
	must(t, err)
	equal(t, "next file keys", len(s.keysIn(t, license.UseFile, licensing.KeyNext)), 1)
	equal(t, "next lease keys", len(s.keysIn(t, license.UseLease, licensing.KeyNext)), 1)

	next := s.keysIn(t, license.UseLease, licensing.KeyNext)[0].Fingerprint
	one.first = func() {
		_, err := other.ChangeKeyState(ctx, s.org, s.product.ID, next, licensing.PromoteKey)
		must(t, err)
	}
	_, err = node.ChangeKeyState(ctx, s.org, s.product.ID, next, licensing.PromoteKey)
	refusedWith(t, err, licensing.CodeKeyWrongState)

	// One node revokes a license while the other declares a key compromised: the last statement has both.
	lost := s.keysIn(t, license.UseFile, licensing.KeyCurrent)[0].Fingerprint
	one.first = func() {
		_, err := other.RevokeLicense(ctx, s.org, s.license.ID)
		must(t, err)
	}
	_, err = node.ChangeKeyState(ctx, s.org, s.product.ID, lost, licensing.CompromiseKey)
	must(t, err)
	p, err := s.Product(ctx, s.org, s.product.ID)
	must(t, err)
	said, err := s.Statement(p)
	must(t, err)
	k, _ := said.Key(lost)
	equal(t, "the key", k.Status, lease.Compromised)
	equal(t, "the license", said.Revokes(s.license.ID), true)
	equal(t, "signing file keys", len(s.keysIn(t, license.UseFile, licensing.KeyCurrent)), 1)
}

// The claim of a root key whose product was never created is free after the grace, and not before.
func TestOrphanedRootClaimIsTakenOver(t *testing.T) {
	s := newServer(t)
	ctx := t.Context()
	secret, err := pgp.Generate("Example", rand.Reader, startTime)
	must(t, err)
	text, err := secret.Armored()
	must(t, err)
	keys := licensing.NewKeys{Private: text}
	crashing := s.node(t, &crashingStore{s.store})
	if _, err := crashing.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Lost"}, keys); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	_, err = s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Found"}, keys)
	refusedWith(t, err, licensing.CodeRootInUse)
	s.wait(2 * time.Minute)
	p, err := s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Found"}, keys)
	must(t, err)
	_, err = s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Another"}, keys)
	refusedWith(t, err, licensing.CodeRootInUse)
	s.wait(time.Hour)
	_, err = s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Another"}, keys)
	refusedWith(t, err, licensing.CodeRootInUse)
	must(t, s.DeleteProduct(ctx, s.org, p.ID, 0))
	_, err = s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Another"}, keys)
	must(t, err)
}

var errCrash = errors.New("the process is gone")

// crashingStore fails to write products and to delete entries, as if the node had crashed: it cleans nothing up.
type crashingStore struct{ *memory.Store }

func (crashingStore) CreateProduct(context.Context, licensing.Product) error { return errCrash }

func (crashingStore) DeleteEntry(context.Context, string, string, int64) error { return errCrash }

// The same request again, with imported keys, finds the product that it has created and keeps its root claim.
func TestImportIsIdempotent(t *testing.T) {
	s := newServer(t)
	ctx := licensing.WithSeed(t.Context(), bytes.Repeat([]byte{7}, 32))
	secret, err := pgp.Generate("Example", rand.Reader, startTime)
	must(t, err)
	text, err := secret.Armored()
	must(t, err)
	keys := licensing.NewKeys{Private: text}
	first, err := s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Once"}, keys)
	must(t, err)
	ctx = licensing.WithSeed(t.Context(), bytes.Repeat([]byte{7}, 32))
	again, err := s.CreateProductWithKeys(ctx, licensing.Product{Record: s.meta(), Name: "Once"}, keys)
	must(t, err)
	equal(t, "the product", again.ID, first.ID)
	_, err = s.CreateProductWithKeys(t.Context(), licensing.Product{Record: s.meta(), Name: "Twice"}, keys)
	refusedWith(t, err, licensing.CodeRootInUse)
}

// A lost lease is signed again as of its own time, also after its key was retired or is lost.
//
// proves part of N04
func TestResendAfterKeyRotation(t *testing.T) {
	for _, turn := range []licensing.KeyAction{licensing.RetireKey, licensing.CompromiseKey} {
		s := newServer(t, withHighLimits)
		ctx, p := t.Context(), s.program(1)
		p.sync(t)
		request := p.request(counts(3))
		_, err := s.Sync(ctx, request, "")
		must(t, err)
		s.wait(time.Minute)
		old := s.keysIn(t, license.UseLease, licensing.KeyCurrent)[0].Fingerprint
		_, err = s.AddKey(ctx, s.org, s.product.ID, license.UseLease, time.Time{})
		must(t, err)
		_, err = s.ChangeKeyState(ctx, s.org, s.product.ID, s.keysIn(t, license.UseLease, licensing.KeyNext)[0].Fingerprint, licensing.PromoteKey)
		must(t, err)
		s.product, err = s.ChangeKeyState(ctx, s.org, s.product.ID, old, turn)
		must(t, err)
		a := p.send(t, request)
		equal(t, "counted", a.Lease.Counters.Counted, int64(3))
		equal(t, "by the old key", a.Key == old, turn == licensing.RetireKey)
	}
}
