package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

const (
	email    = "owner@acme.test"
	password = "correct horse battery"
	home     = "192.0.2.1"
)

// fixture has two nodes on one store, and one member, who logged in from home.
type fixture struct {
	*testing.T
	nodes  [2]*access.Service
	hashes [2]*atomic.Int64
	store  access.Store
	mu     sync.Mutex
	now    time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &fixture{T: t, store: s, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	for i := range w.nodes {
		w.nodes[i] = access.New(s, access.Options{Clock: w.clock, Sealer: plainSealer{}})
		w.hashes[i] = access.FakeHashes(w.nodes[i])
	}
	token, err := w.nodes[0].NewSetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.nodes[0].SetUp(t.Context(), access.SetupInput{Token: token, Organisation: "Acme", Name: "Ada", Email: email,
		Password: password}, home)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// plainSealer encrypts nothing.
type plainSealer struct{}

func (plainSealer) Seal(_ string, plain []byte) ([]byte, error) { return plain, nil }
func (plainSealer) Open(_ string, sealed []byte) ([]byte, error) {
	return append([]byte(nil), sealed...), nil
}

func (w *fixture) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *fixture) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// login logs in on a node and returns the error code, and how long to wait.
func (w *fixture) login(node int, email, password, address string) (string, time.Duration) {
	_, _, err := w.nodes[node%2].Login(context.Background(), email, password, "", address)
	return errorCode(err)
}

func errorCode(err error) (string, time.Duration) {
	var refused *access.Error
	switch {
	case err == nil:
		return "", 0
	case errors.As(err, &refused):
		return refused.Code, refused.RetryAfter
	}
	return err.Error(), 0
}

func (w *fixture) wantLogin(node int, email, password, address, want string) {
	w.Helper()
	if got, _ := w.login(node, email, password, address); got != want {
		w.Errorf("%s from %s: %q, want %q", email, address, got, want)
	}
}

// proves part of B10
func TestFailuresAreCountedAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for i := range 10 {
		w.wantLogin(i, email, "wrong", home, "bad_credentials")
	}
	for node := range 2 {
		if got, wait := w.login(node, email, password, home); got != "rate_limited" || wait != 15*time.Minute {
			t.Errorf("node %d: %q, wait %v", node, got, wait)
		}
	}
	w.wantLogin(0, email, password, "198.51.100.7", "") // from another place
	w.wantLogin(0, "other@acme.test", "wrong", home, "bad_credentials")
	w.advance(15 * time.Minute)
	w.wantLogin(1, email, password, home, "")
}

// proves part of B10
func TestConcurrentFailuresAreAllCounted(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	var all sync.WaitGroup
	outcomes := make([]string, 64)
	for i := range outcomes {
		all.Go(func() { outcomes[i], _ = w.login(i, email, "wrong", home) })
	}
	all.Wait()
	count := map[string]int{}
	for _, o := range outcomes {
		count[o]++
	}
	if count["bad_credentials"] == 0 || count["bad_credentials"] > 10 || count["bad_credentials"]+count["rate_limited"] != len(outcomes) {
		t.Errorf("%v", count)
	}
}

// proves part of B10
func TestLimitPerPlaceOverManyAccounts(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for i := range 100 {
		w.wantLogin(i, fmt.Sprintf("%d@acme.test", i), "wrong", "2001:db8::1", "bad_credentials")
	}
	w.wantLogin(0, "new@acme.test", "wrong", "2001:db8::ffff", "rate_limited") // a neighbour in the same network
	w.wantLogin(0, "new@acme.test", "wrong", "2001:db8:1::1", "bad_credentials")
	for range 20 { // successful logins do not count against the place
		w.wantLogin(0, email, password, home, "")
	}
}

// A member who shares an address with an attacker can log in where they logged in before; their own wrong attempts still count.
//
// proves part of B10
func TestSharedAddressDoesNotLockOutKnownMember(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for i := range 100 {
		w.wantLogin(i, fmt.Sprintf("%d@acme.test", i), "wrong", home, "bad_credentials")
	}
	w.wantLogin(0, "new@acme.test", "wrong", home, "rate_limited")
	w.wantLogin(1, email, password, home, "")
	for i := range 10 {
		w.wantLogin(i, email, "wrong", home, "bad_credentials")
	}
	w.wantLogin(0, email, password, home, "rate_limited")
}

// Many machines that try one account's password, each a few times, must wait ever longer; the member does not wait at all at a place where
// they logged in before.
//
// proves part of B10
func TestDistributedGuessingDoesNotLockOutKnownMember(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	bot := 0
	guess := func() (string, time.Duration) {
		bot++
		return w.login(bot, email, "wrong", fmt.Sprintf("198.51.%d.%d", bot/250, bot%250))
	}
	for range 20 {
		if got, _ := guess(); got != "bad_credentials" {
			t.Fatalf("guess %d: %s", bot, got)
		}
	}
	longest := time.Duration(0)
	for range 12 {
		got, wait := guess()
		if got != "rate_limited" || wait < longest {
			t.Fatalf("guess %d: %s, wait %v after %v", bot, got, wait, longest)
		}
		longest = wait
		w.wantLogin(bot, email, password, "203.0.113.9", "rate_limited") // the owner at an unknown place waits like everybody
		w.advance(wait)
		if got, _ := guess(); got != "bad_credentials" {
			t.Fatalf("after its wait: %s", got)
		}
	}
	if longest != 5*time.Minute {
		t.Errorf("the longest wait is %v", longest)
	}
	w.wantLogin(0, email, password, home, "") // at home there is no wait
	w.wantLogin(1, email, password, "203.0.113.9", "rate_limited")
	w.wantLogin(1, "other@acme.test", "wrong", "203.0.113.9", "bad_credentials")
}

// A link to set a new password makes its place known, so that a person on a journey can log in while guessing goes on.
//
// proves part of B10
func TestPasswordResetMakesPlaceKnown(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	owner, err := w.store.MemberByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	link, err := w.nodes[0].CreateResetLink(t.Context(), access.Identity{Member: owner}, owner.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		w.login(i, email, "wrong", fmt.Sprintf("198.51.100.%d", i))
	}
	w.wantLogin(0, email, password, "203.0.113.9", "rate_limited")
	if _, err := w.nodes[1].ResetPassword(t.Context(), link[len("/reset?token="):], "another horse battery", "203.0.113.9"); err != nil {
		t.Fatal(err)
	}
	w.wantLogin(0, email, "another horse battery", "203.0.113.9", "")
}

// An unknown address, a member without a password and a wrong password cost the same work, which is counted here and not timed.
//
// proves part of S03 B10
func TestUnknownAddressCostsSameWork(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	owner, err := w.store.MemberByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	other := access.Member{
		ID:           "aaaaaaaaaaaaaaaaaaaaaaaa",
		Organisation: owner.Organisation,
		Email:        "provider@acme.test",
		Name:         "P",
		Role:         access.Viewer,
		Revision:     1,
	}
	if err := w.store.CreateMember(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	begun := w.hashes[0].Load()
	for i, who := range []string{email, "nobody@acme.test", other.Email} {
		w.wantLogin(0, who, "wrong", home, "bad_credentials")
		if got := w.hashes[0].Load() - begun; got != int64(i+1) {
			t.Errorf("%s: %d hashes", who, got)
		}
	}
	for range 9 {
		w.wantLogin(0, email, "wrong", home, "bad_credentials")
	}
	before := w.hashes[0].Load()
	w.wantLogin(0, email, "wrong", home, "rate_limited")
	if w.hashes[0].Load() != before {
		t.Error("who must wait costs a hash")
	}
}

// proves part of B10
func TestWrongTokensAreLimitedPerPlace(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	owner, err := w.store.MemberByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	good, _, err := w.nodes[0].CreateToken(t.Context(), access.Identity{Member: owner}, "a program", []access.Action{access.ReadCatalogue}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, show := range map[string]func(*access.Service) error{
		"bad_token": func(s *access.Service) error {
			_, err := s.AuthenticateToken(t.Context(), "ol_x", home)
			return err
		},
		"bad_setup_token": func(s *access.Service) error {
			_, _, err := s.SetUp(t.Context(), access.SetupInput{Token: "x"}, home)
			return err
		},
		"bad_link": func(s *access.Service) error {
			_, _, err := s.AcceptInvitation(t.Context(), "x", "X", password, home)
			return err
		},
	} {
		for i := range 100 {
			if got, _ := errorCode(show(w.nodes[i%2])); got != name {
				t.Fatalf("%s %d: %s", name, i, got)
			}
		}
		if got, wait := errorCode(show(w.nodes[0])); got != "rate_limited" || wait <= 0 {
			t.Errorf("%s: %s, wait %v", name, got, wait)
		}
	}
	if _, err := w.nodes[1].AuthenticateToken(t.Context(), good, home); err != nil {
		t.Errorf("a good token is kept out by its neighbours: %v", err)
	}
}

// Nobody can log in while the counters cannot be written.
func TestLoginIsRefusedWhenCountersFail(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	s := access.New(failingStore{w.store}, access.Options{Clock: w.clock})
	if _, _, err := s.Login(t.Context(), email, password, "", home); !errors.Is(err, licensing.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// failingStore can read entries and not write them.
type failingStore struct{ access.Store }

func (failingStore) CreateEntry(context.Context, licensing.Entry) error {
	return licensing.ErrUnavailable
}
func (failingStore) ReplaceEntry(_ context.Context, e licensing.Entry) (licensing.Entry, error) {
	return e, licensing.ErrUnavailable
}
