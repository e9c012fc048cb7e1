package api

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// A POST with the header Idempotency-Key happens once, however often it is sent within a day, to whichever node.
//
// Before it begins, an entry is made whose id is a hash of who asks, the route and the key: of many at a time one makes it. The entry
// holds a hash of the request and the seed that everything is drawn from (licensing.WithSeed). When it has happened, the answer is put
// into the entry, and whoever asks the same again gets that. If there is no answer, the first one is still at it, or has died: after a
// while another takes the entry over and does it again, with the same seed, and so finds what the first one has made already.
//
// A refusal makes nothing: the entry is deleted, and the request can be mended and sent again under the same key.
//
// An answer may hold a secret that is shown once. It is sealed with a key from the server's master key, so that the database alone gives
// away no more than it would without these entries.

const (
	idempotencyHeader         = "Idempotency-Key"
	idempotencyReplayedHeader = "Idempotency-Replayed"
	idempotencyEntryKind      = "request"
	idempotencyRetention      = 24 * time.Hour
	maxIdempotencyKey         = 255

	// idempotencyTimeout is the time after which a repeated request may run again although the first has not ended. That is safe at any
	// time, but would waste work.
	idempotencyTimeout = 30 * time.Second
)

// idempotencyRecord is the body of an entry.
type idempotencyRecord struct {
	RequestHash string     `json:"request"` // hash of what was asked
	Seed        []byte     `json:"seed"`
	BusyUntil   lease.Time `json:"busy"`             // until then somebody may be at it
	Response    []byte     `json:"answer,omitempty"` // sealed
}

// storedResponse holds an answer for repeated requests.
type storedResponse struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// storedHeaders are those that are part of an answer; the others are the connection's.
var storedHeaders = []string{"Content-Type", "ETag", "Location"}

// takesIdempotencyKey tells whether the operation's requests may have a key: what creates, and somebody is known to ask.
func (op operation) takesIdempotencyKey() bool {
	return op.method == http.MethodPost && op.action != access.ActionAnyone
}

// handleIdempotent lets the request through to its handler unless it has been before.
func (a *API) handleIdempotent(hc huma.Context, who access.Identity, op operation, key string, handle func(context.Context)) error {
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return &licensing.Invalid{Field: idempotencyHeader, Problem: fmt.Sprintf("is not 1 to %d visible ASCII characters", maxIdempotencyKey)}
	}
	ctx := hc.Context()
	fiber := humafiber.Unwrap(hc)
	token := ""
	if who.Token != nil {
		token = string(who.Token.ID)
	}
	id := hashStrings(string(who.Organisation()), string(who.Member.ID), token, op.id, key)
	entry, err := a.reserveKey(ctx, who, id, hashStrings(fiber.OriginalURL(), string(fiber.Body())))
	if err != nil {
		return err
	}
	o := entry.Value
	if o.Response != nil {
		stored, err := a.decryptResponse(id, o)
		if err != nil {
			return err
		}
		for name, value := range stored.Header {
			hc.SetHeader(name, value)
		}
		hc.SetHeader(idempotencyReplayedHeader, "true")
		fiber.Status(stored.Status)
		return fiber.Send(stored.Body)
	}

	seed, err := hkdf.Key(sha256.New, a.Secret, o.Seed, "seed/"+id, 32)
	if err != nil {
		return err
	}
	handle(licensing.WithSeed(ctx, seed))
	if err := a.storeResponse(ctx, hc, entry); err != nil {
		a.Log.ErrorContext(ctx, "an answer is not kept; who asks again is answered after a while", "error", err)
	}
	return nil
}

// reserveKey gives the entry of a request, to be answered from if it has an answer, else to be worked on by the caller alone.
func (a *API) reserveKey(
	ctx context.Context, who access.Identity, id, request string,
) (licensing.TypedEntry[idempotencyRecord], error) {
	records := a.idempotencyRecords()
	for range 10 {
		now := lease.Time(a.Now().UnixMilli())
		o := idempotencyRecord{RequestHash: request, Seed: make([]byte, 32), BusyUntil: now + lease.Time(idempotencyTimeout.Milliseconds())}
		_, _ = rand.Read(o.Seed) // it never fails
		e, err := records.Create(ctx,
			licensing.Entry{ID: id, Org: who.Organisation(), Created: now, Until: now + lease.Time(idempotencyRetention.Milliseconds())}, o)
		if !errors.Is(err, licensing.ErrExists) {
			return e, err
		}
		there, err := records.Get(ctx, id)
		if errors.Is(err, licensing.ErrNotFound) {
			continue // it was a refusal
		} else if err != nil {
			return e, err
		}
		held := &there.Value
		switch {
		case there.Until <= now:
			err = records.Delete(ctx, id, there.Revision)
			if err != nil && !errors.Is(err, licensing.ErrNotFound) && !errors.Is(err, licensing.ErrStale) {
				return e, err
			}
			continue
		case held.RequestHash != request:
			return e, problem.New(problem.IdempotencyKeyReused, idempotencyHeader+" was already used for a different request")
		case held.Response != nil:
			return there, nil
		case held.BusyUntil > now:
			wait := (time.Duration(held.BusyUntil-now)*time.Millisecond + time.Second - 1) / time.Second
			return e, huma.ErrorWithHeaders(
				problem.New(problem.IdempotencyKeyInUse, "the first request with this "+idempotencyHeader+" is still in progress; retry later"),
				http.Header{"Retry-After": {strconv.Itoa(int(wait))}},
			)
		}
		held.BusyUntil = o.BusyUntil
		if there, err = records.Replace(ctx, there); !errors.Is(err, licensing.ErrStale) && !errors.Is(err, licensing.ErrNotFound) {
			return there, err
		}
	}
	return licensing.TypedEntry[idempotencyRecord]{}, problem.New(problem.IdempotencyKeyInUse, "too many concurrent requests use this "+
		idempotencyHeader+"; retry later")
}

// storeResponse remembers what came of a request. Who took the entry over meanwhile has the last word; both did the same.
func (a *API) storeResponse(ctx context.Context, hc huma.Context, e licensing.TypedEntry[idempotencyRecord]) error {
	response := humafiber.Unwrap(hc).Response()
	status := response.StatusCode()
	var err error
	switch {
	case status < http.StatusMultipleChoices:
		given := storedResponse{status, map[string]string{}, response.Body()}
		for _, name := range storedHeaders {
			if value := response.Header.Peek(name); len(value) > 0 {
				given.Header[name] = string(value)
			}
		}
		if e.Value.Response, err = a.encryptResponse(e.ID, e.Value, given); err != nil {
			return err
		}
		_, err = a.idempotencyRecords().Replace(ctx, e)
	case status < http.StatusInternalServerError:
		err = a.idempotencyRecords().Delete(ctx, e.ID, e.Revision)
	default: // nobody knows what was made; who asks again will
		e.Value.BusyUntil = 0
		_, err = a.idempotencyRecords().Replace(ctx, e)
	}
	if errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (a *API) idempotencyRecords() licensing.Entries[idempotencyRecord] {
	return licensing.EntriesOf[idempotencyRecord](a.Entries, idempotencyEntryKind)
}

func (a *API) responseCipher(id string, o idempotencyRecord) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, a.Secret, o.Seed, "answer/"+id, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// encryptResponse packs an answer and makes it unreadable to who has the database only.
func (a *API) encryptResponse(id string, o idempotencyRecord, given storedResponse) ([]byte, error) {
	box, err := a.responseCipher(id, o)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(w).Encode(given), w.Close()); err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, packed.Bytes(), nil), nil
}

func (a *API) decryptResponse(id string, o idempotencyRecord) (given storedResponse, err error) {
	box, err := a.responseCipher(id, o)
	if err != nil {
		return given, err
	}
	packed, err := box.Open(nil, nil, o.Response, nil)
	if err != nil {
		return given, fmt.Errorf("opening the answer to the request %s: %w", id, err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return given, err
	}
	return given, json.Unmarshal(text, &given)
}

// hashStrings several texts, none of which can pass for the end of another.
func hashStrings(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(t), t) // it never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// describeIdempotencyKey writes the header into the document.
func describeIdempotencyKey(o *huma.Operation) {
	o.Parameters = append(o.Parameters, &huma.Param{
		Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(int)},
		Description: "Random key, new for each request that creates something. Sent again within 24 hours, the same request changes " +
			"nothing more and gets the first response.",
	})
	*o.Parameters[len(o.Parameters)-1].Schema.MaxLength = maxIdempotencyKey
}
