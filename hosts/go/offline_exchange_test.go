package onelicense

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// cable is the real transport until it is cut.
type cable struct {
	Transport
	cut atomic.Bool
}

func newCable(cut bool) *cable {
	c := &cable{Transport: newHTTPTransport(nil)}
	c.cut.Store(cut)
	return c
}

func (c *cable) Post(ctx context.Context, url, body string) (Answer, error) {
	if c.cut.Load() {
		return Answer{}, errors.New("the cable is cut")
	}
	return c.Transport.Post(ctx, url, body)
}

// carried is the answer to a request that somebody carries to the server.
func (v *fakeServer) carried(t testing.TB, request string) string {
	t.Helper()
	answer, err := newHTTPTransport(nil).Post(t.Context(), v.URL+"/api/v1/sync", request)
	if err != nil || answer.Status != 200 {
		t.Fatalf("%+v, %v", answer, err)
	}
	return answer.Body
}

func (c *Client) exported(t testing.TB) string {
	t.Helper()
	request, err := c.ExportRequest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// A machine that reaches no server is activated by hand, with a restart in between.
//
// proves part of S23
func TestFirstActivationByHand(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	heard := make(chan Verdict, 10)
	cfg.Transport, cfg.OnVerdict = newCable(true), func(v Verdict) { heard <- v }
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeUnreachable)

	cfg.Offline = true
	c := must(t, cfg)
	wantCode(t, c.Consume(t.Context()), license.CodeUnreachable)
	wantCode(t, c.Reserve(t.Context(), "ui", "rendering"), license.CodeUnreachable)
	wantCode(t, c.ImportAnswer(t.Context(), "nonsense"), license.CodeLeaseMalformed)
	request := c.exported(t)
	c.Close(t.Context())
	select {
	case told := <-heard:
		t.Errorf("told %+v, which the program knows", told)
	default:
	}

	c = must(t, cfg) // days later
	if again := c.exported(t); again != request {
		t.Error("it is another request")
	}
	answer := v.carried(t, request)
	if err := c.ImportAnswer(t.Context(), strings.ReplaceAll(answer, "\n", "\r\n")); err != nil { // as mail may bring it
		t.Fatal(err)
	}
	wantCode(t, c.ImportAnswer(t.Context(), answer), license.CodeLeaseOtherRequest)
	if err := c.ConsumeN(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if told := <-heard; told.Code != license.CodeOK {
		t.Errorf("told %+v", told)
	}
	if err := c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))); err != nil {
		t.Fatal(err)
	}
	if len(v.counted) != 1 || v.total() != 3 {
		t.Errorf("%d calls of %d activations, want 3 of 1", v.total(), len(v.counted))
	}
}

// A lease that has expired, while the program ran and before the next start, is renewed by hand.
//
// proves part of S23
func TestRenewalByHand(t *testing.T) {
	v := newFakeServer(t)
	v.settings.Grace = 0
	cfg, clock, heard := v.config(t), newHand(), make(chan Verdict, 10)
	cfg.Offline, cfg.Clock, cfg.Transport, cfg.OnVerdict = true, clock, newCable(true), func(v Verdict) { heard <- v }
	c := must(t, cfg)
	if err := c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))); err != nil {
		t.Fatal(err)
	}
	if err := c.ConsumeN(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	clock.move(2 * time.Minute)
	eventually(t, "the end of the lease is not told", func() bool {
		clock.move(time.Second)
		select {
		case told := <-heard:
			return told.Code == license.CodeLeaseExpired
		default:
			return false
		}
	})
	wantCode(t, c.Consume(t.Context()), license.CodeLeaseExpired)
	c.Close(t.Context())

	cfg.Offline = false
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeLeaseExpired)
	cfg.Offline = true
	c = must(t, cfg)
	wantCode(t, c.Consume(t.Context()), license.CodeLeaseExpired)
	if status, err := c.Status(); err != nil || status.Licenses[0].Verdict.OK {
		t.Errorf("%+v, %v", status, err)
	}
	v.set(func() { v.settings.Interval = time.Hour.Milliseconds() })
	if err := c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))); err != nil {
		t.Fatal(err)
	}
	if err := c.ConsumeN(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))); err != nil {
		t.Fatal(err)
	}
	if len(v.counted) != 1 || v.total() != 5 {
		t.Errorf("%d calls of %d activations, want 5 of 1", v.total(), len(v.counted))
	}
}

// An answer of something other than the server counts as no answer.
func TestOfflineBehindProxyError(t *testing.T) {
	cfg := newFakeServer(t).config(t)
	cfg.Transport = says("<html>Welcome to the hotel's network</html>")
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeServerError)
	cfg.Offline = true
	c := must(t, cfg)
	wantCode(t, c.Consume(t.Context()), license.CodeServerError)
	c.exported(t)
}

// Offline tolerates that the server is not reached, and nothing else.
func TestOfflineNewStillRefuses(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	cfg.Offline = true
	v.set(func() { v.refuse = license.CodeSuspended })
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeSuspended)
	cfg.Transport = newCable(true)
	c := must(t, cfg)
	wantCode(t, c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))), license.CodeSuspended)
	c.Close(t.Context())
	cfg.VersionID = ""
	_, err = New(t.Context(), cfg)
	wantCode(t, err, license.CodeMissingSetting)
	cfg = v.config(t)
	cfg.Offline, cfg.Storage = true, broken{}
	_, err = New(t.Context(), cfg)
	wantCode(t, err, license.CodeStorageFailed)
}

// A new instance that does not reach the server either notifies nobody.
func TestOfflineSurvivesATrap(t *testing.T) {
	v := newFakeServer(t)
	cfg, heard := v.config(t), make(chan Verdict, 10)
	cfg.Offline, cfg.Transport, cfg.OnVerdict = true, newCable(true), func(v Verdict) { heard <- v }
	c := must(t, cfg)
	request := c.exported(t)
	c.trapNext(t)
	wantCode(t, c.Check("ui", "rendering"), license.CodeInternal)
	if c.exported(t) != request {
		t.Error("it is another request")
	}
	wantCode(t, c.Consume(t.Context()), license.CodeUnreachable) // after the answer to the start
	c.Close(t.Context())
	if told := <-heard; told.Code != license.CodeInternal || !told.AllowContinue || len(heard) > 0 {
		t.Errorf("told %+v and %d more", told, len(heard))
	}
}

// proves part of S23
func TestExchangeByHandWithLicenseFiles(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.files(t, "")
	cfg.Loader, cfg.Transport = memoryLoader{}, newCable(true)
	c := initialize(t, cfg)
	_, err := c.ExportRequest(t.Context())
	wantCode(t, err, license.CodeNoLicense)
	wantCode(t, c.ImportAnswer(t.Context(), "nonsense"), license.CodeNoLicense)
	c.Close(t.Context())

	cfg.Loader = memoryLoader{{Name: "one", Data: v.file(t, first, []string{"ui"}, "rendering")}}
	c = initialize(t, cfg)
	wantCode(t, c.Reserve(t.Context(), "ui", "rendering"), license.CodeUnreachable)
	if err := c.ImportAnswer(t.Context(), v.carried(t, c.exported(t))); err != nil {
		t.Fatal(err)
	}
	if status, err := c.Status(); err != nil || status.Licenses[0].Verdict.Code != license.CodeOK {
		t.Errorf("%+v, %v", status, err)
	}
}

// proves part of B03
func TestBorrowedSlotOutlivesLease(t *testing.T) {
	const days = 3 * 24 * time.Hour
	v := newFakeServer(t)
	v.borrow = days.Milliseconds()
	cfg, clock, network := v.config(t), newHand(), newCable(false)
	cfg.Clock, cfg.Transport = clock, network
	c := must(t, cfg)
	reserve := func(entitlement string, d time.Duration) error {
		return c.Reserve(t.Context(), "ui", entitlement, Borrow(d))
	}
	wantCode(t, reserve("rendering", 2*days), license.CodeBorrowNotAllowed)
	wantCode(t, reserve("rendering", -time.Hour), license.CodeBadCall)
	if err := reserve("rendering", days); err != nil {
		t.Fatal(err)
	}
	if err := reserve("modeling", 1500*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	var asked []int64
	for _, r := range v.requests() {
		for _, want := range r.Want {
			asked = append(asked, want.Borrow)
		}
	}
	if len(asked) != 3 || asked[1] != v.borrow || asked[2] != 2 {
		t.Errorf("asked for %v", asked)
	}
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	if one := status.Licenses[0]; one.Reservations[0].Until <= one.NotAfter {
		t.Errorf("borrowed until %d, the lease ends at %d", one.Reservations[0].Until, one.NotAfter)
	}
	network.cut.Store(true)
	clock.move(24 * time.Hour)
	if err := c.Check("ui", "rendering"); CodeOf(err) == license.CodeNotReserved || err != nil && !err.(*Error).AllowContinue {
		t.Errorf("a day later: %v", err)
	}
	network.cut.Store(false)
	if released, err := c.Release("ui", "rendering"); !released || err != nil { // early
		t.Errorf("%v, %v", released, err)
	}
	eventually(t, "it is not given back", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, held := range v.held {
			for _, h := range held {
				if h.Entitlement == "rendering" {
					return false
				}
			}
		}
		return true
	})
}

// An answer larger than a call may be does not come from a server, and must not keep a call waiting.
func TestOversizedAnswerFails(t *testing.T) {
	v := newFakeServer(t)
	cfg := v.config(t)
	cfg.Transport = says(strings.Repeat("\x00", maxAnswer)) // each is six characters of JSON
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeUnreachable)
	if err == nil || !strings.Contains(err.Error(), "a call of") {
		t.Errorf("%v does not say why", err)
	}
	cfg.Offline = true
	c := must(t, cfg)
	wantCode(t, c.ImportAnswer(t.Context(), string(cfg.Transport.(says))), license.CodeBadCall)
}

type says string

func (s says) Post(context.Context, string, string) (Answer, error) {
	return Answer{Status: 200, Body: string(s)}, nil
}

// The largest revocation list arrives as an attachment of an answer.
func TestLargestRevocationListIsLoaded(t *testing.T) {
	compiled(t)
	v := newFakeServer(t)
	revoked := make([]license.ID, (lease.MaxStatement-200)/27)
	for i := range revoked {
		revoked[i] = license.ID("5edb1264" + strings.Repeat("0", 11) +
			string([]byte{digit(i >> 16), digit(i >> 12), digit(i >> 8), digit(i >> 4), digit(i)}))
	}
	revoked = append(revoked, first)
	v.list = v.statement(t, 1, revoked...)
	cfg := v.config(t)
	_, err := New(t.Context(), cfg)
	wantCode(t, err, license.CodeRevoked)
	v.set(func() { v.list = nil })
	_, err = New(t.Context(), cfg) // it is kept
	wantCode(t, err, license.CodeRevoked)
}

func digit(n int) byte { return "0123456789abcdef"[n&15] }
