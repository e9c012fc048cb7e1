// Package access implements authentication and access control: the members of an organisation with their roles, passwords, second factors,
// sessions and API tokens, and the one-time token that creates the first owner.
//
// Start with New, which takes the Store. A person logs in with SetUp or Login; each later request carries the session's token, which
// Authenticate turns into an Identity, whose May method checks permissions. Programs send an API token instead (AuthenticateToken). Nothing
// in this package knows HTTP.
//
// Secrets are stored only in forms from which they cannot be recovered: passwords as argon2id hashes, tokens, which are 256 random bits, as
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
	Email        string // normalised, and unique on the whole server, because it alone names the account at login
	Verified     bool   // mail to the address has reached the member
	Name         string
	Role         Role
	Password     string // argon2id in its usual text form; it never leaves the server. Empty: the member logs in with the OIDC provider only
	Disabled     bool
	Revision     int64 // starts at 1, raised by each edit
	Created      lease.Time
}

// Session is one login. Its ID is the hash of the token that the browser holds.
type Session struct {
	ID         lease.Hash
	Member     license.ID
	AuthMethod AuthMethod
	Created    lease.Time
	Expires    lease.Time
}

// AuthMethod names the credentials that a member logged in with.
type AuthMethod string

// Authentication methods.
const (
	AuthPassword AuthMethod = "password" // a password alone
	AuthTOTP     AuthMethod = "totp"     // a password and a second factor
	AuthOIDC     AuthMethod = "oidc"     // the organisation's OIDC provider, which has its own rules
)

// SetupToken is the right to create the first owner: the hash of a token, and when it expires.
type SetupToken struct {
	Hash    lease.Hash
	Expires lease.Time
}

// Store keeps members and sessions. Like the domain's store it returns licensing.ErrNotFound and licensing.ErrExists, and what it has
// acknowledged survives a crash. The tests in store/storetest define its behaviour.
type Store interface {
	licensing.EntryStore
	CreateOrganisation(context.Context, licensing.Organisation) error

	// HasOwner reports whether the server has an owner, and so has been set up.
	HasOwner(context.Context) (bool, error)
	// SetSetupToken replaces the setup token, which makes an earlier one invalid.
	SetSetupToken(context.Context, SetupToken) error
	// SetupToken returns the valid setup token, or ErrNotFound.
	SetupToken(context.Context) (SetupToken, error)
	// CreateFirstOwner consumes the setup token with this hash and creates the organisation with its first member, all or nothing, and only
	// once even for concurrent calls. It returns ErrNotFound if the setup token is another one, and ErrExists if the server has an owner.
	CreateFirstOwner(ctx context.Context, setup lease.Hash, org licensing.Organisation, owner Member) error

	// CreateMember returns ErrExists if the e-mail address is in use, in any organisation.
	CreateMember(context.Context, Member) error
	Member(ctx context.Context, org, id license.ID) (Member, error)
	// MemberByEmail expects the normalised address.
	MemberByEmail(ctx context.Context, email string) (Member, error)
	// Members lists the members of the organisation, newest first. A search looks through names and addresses.
	Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Member], error)
	// UpdateMember sets Email, Verified, Name, Role and Disabled and raises the revision. It returns ErrStale if the revision is not the
	// given one, and ErrExists if the address is in use. Disabling a member ends all their sessions.
	UpdateMember(context.Context, Member) (Member, error)
	// DeleteMember removes the member and their sessions; it returns ErrStale if the revision is not the given one.
	DeleteMember(ctx context.Context, org, id license.ID, revision int64) error
	// SetPassword replaces the hash was by password and ends the member's sessions except keep. It returns ErrStale if the hash has changed
	// meanwhile.
	SetPassword(ctx context.Context, org, id license.ID, was, password string, keep lease.Hash) error

	// CreateSession returns ErrNotFound if the member is disabled, or if their password hash is not the given one, which was checked at
	// login. So a login that began before a password change cannot complete after it.
	CreateSession(ctx context.Context, session Session, password string) error
	// Session returns the session and its member. It returns expired sessions too, until DeleteExpiredSessions, so that the caller can tell
	// "expired" from "unknown".
	Session(ctx context.Context, id lease.Hash) (Session, Member, error)
	// Sessions lists the member's sessions, newest first, with the expired ones.
	Sessions(ctx context.Context, org, member license.ID) ([]Session, error)
	// EndSession deletes the session. It is idempotent.
	EndSession(ctx context.Context, id lease.Hash) error
	// EndSessions deletes the member's sessions except keep.
	EndSessions(ctx context.Context, org, member license.ID, keep lease.Hash) error
	// DeleteExpiredSessions deletes the sessions that expired before the given time.
	DeleteExpiredSessions(ctx context.Context, before lease.Time) error
}

// Error is a refusal with a stable code.
type Error struct {
	Code       string // stable; listed in package problem
	Detail     string
	RetryAfter time.Duration // with the code rate_limited
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Identity is the authenticated sender of a request: a member with a valid session, or an API token that acts for a member.
type Identity struct {
	Member  Member
	Session Session // zero for a token
	CSRF    string  // of the session; required in the X-CSRF-Token header of every request that changes something
	Token   *Token  // nil for a session

	mfaMissing bool // the organisation requires a second factor, and these credentials were made without one
}

// Options configure a Service.
type Options struct {
	Clock    func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: no log
	URL      func() string    // returns the server's address as browsers reach it, without a trailing slash; nil: links begin with their path
	Mailer   Mailer           // nil: no mail is sent, and links are returned to the member who creates them
	Provider OIDCProvider     // OpenID Connect client; nil: logins with a provider are off
	Sealer   Sealer           // encrypts secrets that must be read again; nil: nobody can enrol a second factor
}

// Service implements authentication. It is safe for concurrent use, and services on several nodes may share one store.
type Service struct {
	Options
	store      Store
	random     io.Reader
	deriveKey  func(password, salt []byte, time, memory uint32, threads uint8, length uint32) []byte
	hashSlots  chan struct{}  // holds one element for each password being hashed
	background sync.WaitGroup // work that responses do not wait for
}

// New returns a service on the store.
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
	return &Service{
		Options:   o,
		store:     store,
		random:    rand.Reader,
		deriveKey: argon2.IDKey,
		hashSlots: make(chan struct{}, maxConcurrentHashes),
	}
}

func (s *Service) now() time.Time { return s.Clock() }

func (s *Service) timestamp() lease.Time { return lease.Time(s.now().UnixMilli()) }

// newID returns an id of 96 random bits in hex.
func (s *Service) newID(ctx context.Context) license.ID {
	return license.ID(hex.EncodeToString(s.randomBytes(ctx, 12)))
}

// newToken returns a secret of 256 random bits in hex.
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
