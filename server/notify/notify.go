// Package notify delivers events: by webhook to programs, by e-mail to members.
//
// New returns the service, which implements the domain's event sink; Run does the work, on any number of nodes. Everything that is to be
// done is an entry of the store with a due time: an event to dispatch, a delivery, a message. A node claims an entry by moving its due time
// in a conditional write; if that node ends, the entry becomes due again. So everything is done at least once, and under the same id each
// time.
package notify

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// Config configures a Service.
type Config struct {
	Store licensing.EntryStore
	Key   []byte           // 32 bytes, the same on every node; seals the webhooks' secrets
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: no log
	// AllowPrivate allows webhooks at private and local addresses, and without TLS.
	AllowPrivate bool
	// SMTP is the mail server; without a host no mail is sent.
	SMTP       SMTP
	Recipients Recipients // members who may get mail; nil: none
	URL        string     // address of the pages, for links in mails; empty: no links
	// OnDelivered is called for every event that is dispatched, at least once; it may be nil.
	OnDelivered func(context.Context, events.Event) error
}

// Service delivers events. It is safe for concurrent use.
type Service struct {
	Config
	seal         cipher.AEAD
	client       *http.Client
	recentEvents recentIDs
	wake         chan struct{}

	mu      sync.Mutex
	locked  map[license.ID]bool // webhooks that this node is delivering to, and mailKind
	working sync.WaitGroup

	mailRetryAt atomic.Int64 // Unix milliseconds; until then no mail is attempted
}

// New returns a service. It panics if the key has not 32 bytes.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	block, err := aes.NewCipher(c.Key)
	if err != nil || len(c.Key) != 32 {
		panic("notify: the key must have 32 bytes")
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return &Service{Config: c, seal: seal, client: NewClient(c.AllowPrivate), wake: make(chan struct{}, 1), locked: map[license.ID]bool{}}
}

// pollInterval is the interval at which a node looks for due entries if nothing wakes it.
const pollInterval = time.Second

// Run works until the context ends, and then waits for deliveries in progress.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	defer s.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.wake:
		}
		s.runTask(ctx, "dispatching events", s.RunOnce)
	}
}

// RunOnce dispatches what is due now. Deliveries may still be in progress when it returns; Wait waits for them.
func (s *Service) RunOnce(ctx context.Context) error {
	return errors.Join(s.dispatchDue(ctx), s.startDueDeliveries(ctx), s.startMailWorker(ctx))
}

// runTask runs one part of the work. It logs an error, after which the entry stays due; a panic, which is a bug of ours, does not end the
// server.
func (s *Service) runTask(ctx context.Context, what string, do func(context.Context) error) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error(what+" panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	err := do(ctx)
	if err != nil && ctx.Err() == nil {
		s.Log.Error(what+" failed", "error", err)
	}
	return err == nil
}

// Wait waits for the deliveries in progress.
func (s *Service) Wait() { s.working.Wait() }

// wakeUp makes this node look for due entries at once.
func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) timestamp() lease.Time { return lease.Time(s.Now().UnixMilli()) }

func newID() license.ID {
	var b [12]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return license.ID(hex.EncodeToString(b[:]))
}

// encode returns the JSON of a message or an event. What is kept as an entry is written by licensing.Entries.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return b
}

func (s *Service) eventEntries() licensing.Entries[events.Event] {
	return licensing.EntriesOf[events.Event](s.Store, eventKind)
}

func (s *Service) deliveryEntries() licensing.Entries[deliveryRecord] {
	return licensing.EntriesOf[deliveryRecord](s.Store, deliveryKind)
}

func (s *Service) webhookEntries() licensing.Entries[webhookRecord] {
	return licensing.EntriesOf[webhookRecord](s.Store, webhookKind)
}

func (s *Service) digestEntries() licensing.Entries[digest] {
	return licensing.EntriesOf[digest](s.Store, digestKind)
}

func (s *Service) mailEntries() licensing.Entries[mailRecord] {
	return licensing.EntriesOf[mailRecord](s.Store, mailKind)
}

func (s *Service) preferenceEntries() licensing.Entries[Preferences] {
	return licensing.EntriesOf[Preferences](s.Store, preferencesKind)
}

// isConflict reports whether a write lost to another node, or the entry is gone.
func isConflict(err error) bool {
	return errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrNotFound)
}
