package protocol_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/problem"
	"github.com/onelicense/onelicense/server/protocol"
)

// fakeService answers what the test says.
type fakeService struct {
	sync    func(body []byte) (leasing.Answer, error)
	keyring func(license.ID) ([]byte, error)
	list    func(license.ID) ([]byte, error)
}

func (s fakeService) Sync(_ context.Context, body []byte, _ string) (leasing.Answer, error) {
	return s.sync(body)
}

func (s fakeService) ProductKeyring(_ context.Context, id license.ID) ([]byte, error) {
	return s.keyring(id)
}

func (s fakeService) RevocationList(_ context.Context, id license.ID) ([]byte, error) {
	return s.list(id)
}

type answer struct {
	status int
	header map[string][]string
	body   []byte
}

func ask(t *testing.T, s fakeService, log io.Writer, method, path string, body []byte) answer {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	protocol.Register(app.Group("/api/v1"), s, slog.New(slog.NewTextHandler(log, nil)))
	response, err := app.Test(httptest.NewRequest(method, path, bytes.NewReader(body)), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, content}
}

func (a answer) is(t *testing.T, status int, mediaType string) {
	t.Helper()
	if got := a.header["Content-Type"]; a.status != status || len(got) != 1 || got[0] != mediaType {
		t.Fatalf("%d %v: %s", a.status, got, a.body)
	}
}

// problem reads the unsigned answer. proves S25
func (a answer) problem(t *testing.T, status int, code license.Code) problem.Problem {
	t.Helper()
	a.is(t, status, problem.MediaType)
	var p problem.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" || p.Type == "" {
		t.Fatalf("%+v", p)
	}
	return p
}

func TestSignedReplies(t *testing.T) {
	cases := []struct {
		name   string
		answer leasing.Answer
		status int
		retry  string
	}{
		{"lease", leasing.Answer{}, 200, ""},
		{"final", leasing.Answer{Refused: license.CodeRevoked}, 403, ""},
		{"retry_at", leasing.Answer{Refused: license.CodeActivationLimit, Time: 10_000, RetryAt: 12_001}, 429, "3"},
		{"retry_past", leasing.Answer{Refused: license.CodeFrozen, Time: 10_000, RetryAt: 9_000}, 429, "1"},
		{"recover", leasing.Answer{Refused: license.CodeStaleState}, 409, ""},
		{"request", leasing.Answer{Refused: license.CodeChallengeInvalid}, 400, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.answer.Body = []byte("signed\ntext\n")
			a := ask(t, fakeService{sync: func(body []byte) (leasing.Answer, error) {
				if string(body) != "a request" {
					t.Errorf("body %q", body)
				}
				return c.answer, nil
			}}, io.Discard, "POST", "/api/v1/sync", []byte("a request"))
			a.is(t, c.status, "text/plain; charset=utf-8")
			if retry := strings.Join(a.header["Retry-After"], ","); string(a.body) != "signed\ntext\n" || retry != c.retry {
				t.Errorf("%q, retry after %q", a.body, retry)
			}
		})
	}
}

// proves S24, S25
func TestUnsignedReplies(t *testing.T) {
	fails := func(err error) fakeService {
		return fakeService{sync: func([]byte) (leasing.Answer, error) { return leasing.Answer{}, err }}
	}
	ask(t, fakeService{}, io.Discard, "POST", "/api/v1/sync", make([]byte, lease.MaxRequest+1)).problem(t, 413, problem.TooLarge)
	_, _, malformed := lease.OpenRequest([]byte("hello"))
	ask(t, fails(malformed), io.Discard, "POST", "/api/v1/sync", []byte("hello")).problem(t, 400, license.CodeRequestMalformed)
	ask(t, fails(license.Refuse(license.CodeUnknownProduct, "x")), io.Discard, "POST", "/api/v1/sync", nil).problem(t, 404,
		license.CodeUnknownProduct)

	var log bytes.Buffer
	p := ask(t, fails(errors.New("the disk is on fire")), &log, "POST", "/api/v1/sync", nil).problem(t, 500, license.CodeInternal)
	if strings.Contains(p.Detail, "fire") || !strings.Contains(log.String(), "the disk is on fire") {
		t.Errorf("outside %q, log %q", p.Detail, log.String())
	}
	log.Reset()
	panics := fakeService{sync: func([]byte) (leasing.Answer, error) { panic("a bug") }}
	ask(t, panics, &log, "POST", "/api/v1/sync", nil).problem(t, 500, license.CodeInternal)
	if !strings.Contains(log.String(), "a bug") {
		t.Errorf("log %q", log.String())
	}
}

func TestPublicKeys(t *testing.T) {
	i, err := issuer.New(make([]byte, issuer.MasterKeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := i.NewKeyring("0123456789abcdef01234567", licensing.NewKeys{Name: "CAD"}, time.UnixMilli(1_770_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	s := fakeService{keyring: func(id license.ID) ([]byte, error) {
		if id != "0123456789abcdef01234567" {
			return nil, licensing.ErrNotFound
		}
		return ring.Certificate, nil
	}}
	a := ask(t, s, io.Discard, "GET", "/api/v1/products/0123456789abcdef01234567/public-keys", nil)
	a.is(t, 200, "application/pgp-keys")
	keys, err := pgp.Parse(a.body)
	if err != nil || !bytes.Equal(keys.Certificate(), ring.Certificate) {
		t.Errorf("%v: %s", err, a.body)
	}
	ask(t, s, io.Discard, "GET", "/api/v1/products/nobody/public-keys", nil).problem(t, 404, problem.NotFound)
}

// What anybody may have is kept for a minute by whoever carries it, and asked about by its hash after that.
//
// proves part of N04
func TestRevocationListIsPublic(t *testing.T) {
	text := []byte("{}\nc2lnbmF0dXJl\n")
	s := fakeService{list: func(id license.ID) ([]byte, error) {
		if id != "0123456789abcdef01234567" {
			return nil, licensing.NewConflict(licensing.CodeNoStatement, "not yet")
		}
		return text, nil
	}}
	const path = "/api/v1/products/0123456789abcdef01234567/revocations"
	a := ask(t, s, io.Discard, "GET", path, nil)
	a.is(t, 200, "text/plain; charset=utf-8")
	if !bytes.Equal(a.body, text) || a.header["Cache-Control"][0] != "public, max-age=60" ||
		a.header["Access-Control-Allow-Origin"][0] != "*" ||
		a.header["Content-Disposition"][0] != `attachment; filename="0123456789abcdef01234567.list"` {
		t.Errorf("%q with %v", a.body, a.header)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	protocol.Register(app.Group("/api/v1"), s, nil)
	again := httptest.NewRequest("GET", path, nil)
	again.Header.Set("If-None-Match", a.header["Etag"][0])
	response, err := app.Test(again, -1)
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != 304 {
		t.Errorf("asked again: %d", response.StatusCode)
	}
	none := ask(t, s, io.Discard, "GET", "/api/v1/products/ffffffffffffffffffffffff/revocations", nil)
	none.is(t, 404, "application/problem+json")
	if got := none.header["Cache-Control"]; got != nil && strings.Contains(got[0], "public") {
		t.Errorf("a refusal may be kept: %v", got)
	}
}
