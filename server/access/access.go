// Package access knows people and how they get in: members of an organisation with their roles, passwords, sessions, and the one-time
// token that makes the first owner.
//
// Start with New, which is given the Store that keeps it all. A person comes in by SetUp or Login; after that each request shows the
// session's token, which Authenticate turns into an Identity, whose May says what it is allowed. Programs show an API token instead
// (AuthenticateToken). Nothing here knows HTTP.
//
// Secrets are stored only in forms that do not give them back: passwords as argon2id hashes, tokens, which are 256 random bits, as
// SHA-256.
package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Member is a person in an organisation.
type Member struct {
	ID           license.ID
	Organisation license.ID
	Email        string // normalised, unique on the whole server: one logs in by it alone
	Verified     bool   // that mail to the address reaches the member
	Name         string
	Role         Role
	Password     string // argon2id in its usual text form, leaves the server never; empty: the member comes in another way
	Disabled     bool
	Revision     int64 // 1 when made, raised by each edit
	Created      lease.Time
}

// Session is one login. Its id is the hash of the token that the browser holds.
type Session struct {
	ID         lease.Hash
	Member     license.ID
	AuthMethod AuthMethod
	Created    lease.Time
	Expires    lease.Time
}

// AuthMethod is how a member proved to be it.
type AuthMethod string

// The ways in.
const (
	AuthPassword AuthMethod = "password" // alone
	AuthTOTP     AuthMethod = "totp"     // a password and a second factor
	AuthOIDC     AuthMethod = "oidc"     // the organisation's provider, which has its own rules
)

// SetupToken is the right to make the first owner: the hash of a token, and until when it is good.
type SetupToken struct {
	Hash    lease.Hash
	Expires lease.Time
}

// Store keeps people and sessions. Like the domain's store it answers licensing.ErrNotFound and licensing.ErrExists; what it has
// acknowledged outlives a crash. store/storetest is its contract.
type Store interface {
	licensing.EntryStore
	CreateOrganisation(context.Context, licensing.Organisation) error

	// HasOwner tells whether the server has an owner, and so is past its setup.
	HasOwner(context.Context) (bool, error)
	// SetSetupToken replaces the setup token: an earlier one is void.
	SetSetupToken(context.Context, SetupToken) error
	// SetupToken is the present one; ErrNotFound when there is none.
	SetupToken(context.Context) (SetupToken, error)
	// CreateFirstOwner uses up the setup with this id and makes the organisation with its first member: all of it or nothing, and once,
	// however many ask at a time. ErrNotFound when the setup is not this one, ErrExists when the server has an owner.
	CreateFirstOwner(ctx context.Context, setup lease.Hash, org licensing.Organisation, owner Member) error

	// CreateMember refuses an e-mail address that is taken, in whatever organisation, with ErrExists.
	CreateMember(context.Context, Member) error
	Member(ctx context.Context, org, id license.ID) (Member, error)
	// MemberByEmail wants the normalised form.
	MemberByEmail(ctx context.Context, email string) (Member, error)
	// Members lists those of the organisation, newest first; a search looks through names and addresses.
	Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Member], error)
	// UpdateMember changes Email, Verified, Name, Role and Disabled and raises the revision, if it is still the given one: else ErrStale;
	// ErrExists when the address is taken. To disable ends every session.
	UpdateMember(context.Context, Member) (Member, error)
	// DeleteMember wants the given revision too. The sessions go with the member.
	DeleteMember(ctx context.Context, org, id license.ID, revision int64) error
	// SetPassword replaces the hash, if it is still the one that was, and ends every session of the member but keep: else ErrStale.
	SetPassword(ctx context.Context, org, id license.ID, was, password string, keep lease.Hash) error

	// CreateSession wants a member who is not disabled and whose hash is still the given one, the one that was checked: else ErrNotFound. So
	// whoever is in the middle of logging in when a new password ends all sessions does not come in with the old one.
	CreateSession(ctx context.Context, session Session, password string) error
	// Session with its member. It gives expired ones too, until they are tidied: the two deserve different answers.
	Session(ctx context.Context, id lease.Hash) (Session, Member, error)
	// Sessions of a member, the newest first, also expired ones.
	Sessions(ctx context.Context, org, member license.ID) ([]Session, error)
	// EndSession is idempotent.
	EndSession(ctx context.Context, id lease.Hash) error
	// EndSessions ends all of a member's but keep.
	EndSessions(ctx context.Context, org, member license.ID, keep lease.Hash) error
	// DeleteExpiredSessions forgets the sessions that expired before the given time.
	DeleteExpiredSessions(ctx context.Context, before lease.Time) error
}

// Error is a refusal with its stable code.
type Error struct {
	Code       string // stable; package problem lists them
	Detail     string
	RetryAfter time.Duration // for rate_limited
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Identity is who makes a request: a member with a valid session, or a token that acts for one.
type Identity struct {
	Member  Member
	Session Session // zero for a token
	CSRF    string  // of the session, to be shown with every request that changes something
	Token   *Token  // nil for a session

	mfaMissing bool // the organisation wants a second factor, and there was none
}

// Options are what the door stands on beside its store.
type Options struct {
	Clock    func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: no log
	URL      func() string    // how browsers reach the server, without a slash at the end; nil: links begin with their path
	Mailer   Mailer           // nil: no mail is sent, and who makes a link is given it
	Provider OIDCProvider     // of logins by OpenID Connect; nil: there are none
	Sealer   Sealer           // for what must be read again: nobody can have a second factor without one
}

// Service is the door. It is safe for concurrent use, and several on one store are one door.
type Service struct {
	Options
	store      Store
	random     io.Reader
	deriveKey  func(password, salt []byte, time, memory uint32, threads uint8, length uint32) []byte
	hashSlots  chan struct{}  // a place in it is the right to hash one password
	background sync.WaitGroup // what answers do not wait for
}

// New makes the door to the people in store.
func New(store Store, o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.URL == nil {
		o.URL = func() string { return "" }
	}
	return &Service{Options: o, store: store, random: rand.Reader, deriveKey: argon2.IDKey, hashSlots: make(chan struct{}, maxConcurrentHashes)}
}

func (s *Service) now() time.Time { return s.Clock() }

func (s *Service) timestamp() lease.Time { return lease.Time(s.now().UnixMilli()) }

// newID makes an id of 96 random bits (DESIGN "Words").
func (s *Service) newID(ctx context.Context) license.ID {
	return license.ID(hex.EncodeToString(s.randomBytes(ctx, 12)))
}

// newToken makes a secret of 256 random bits.
func (s *Service) newToken(ctx context.Context) string {
	return hex.EncodeToString(s.randomBytes(ctx, 32))
}

func (s *Service) randomBytes(ctx context.Context, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(licensing.Random(ctx, s.random), b); err != nil {
		panic(err) // crypto/rand never fails, and nothing safe could be done if it did
	}
	return b
}
