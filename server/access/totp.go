package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The second factor: codes of RFC 6238 as every authenticator makes them (SHA-1, 6 digits, 30 seconds), and recovery codes for when it is
// lost. Thirty lines of the standard library say all of it; RFC 6238's own vectors test them.
const (
	totpKind      = "totp"
	totpStep      = 30 // seconds
	totpSecret    = 20 // bytes, as long as the hash (RFC 4226, section 4)
	totpSkew      = 1  // steps that a clock may be off, each way
	recoveryCodes = 10
	recoveryBytes = 10 // 80 bits: nobody guesses one, so none of them needs a slow hash
)

// Sealer keeps secrets that must be read again from whoever has the store alone. What was sealed for one purpose does not open for another.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// totpRecord is the body of the entry, whose id is the member's.
type totpRecord struct {
	Sealed    []byte       `json:"sealed"`
	Confirmed bool         `json:"confirmed,omitempty"` // from then on it is asked for
	LastStep  int64        `json:"last,omitempty"`      // step of the last code that was taken: no code is good twice
	Recovery  []lease.Hash `json:"recovery,omitempty"`  // of those not used yet
}

// MFAStatus is what a member is told of theirs.
type MFAStatus struct {
	Enabled  bool
	Recovery int // codes left
}

func totpPurpose(member license.ID) string { return "totp\n" + string(member) }

// readTOTP gives the member's entry; the revision is 0 when there is none.
func (s *Service) readTOTP(ctx context.Context, member license.ID) (licensing.TypedEntry[totpRecord], error) {
	e, err := s.totpSecrets().Get(ctx, string(member))
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.TypedEntry[totpRecord]{}, nil
	}
	return e, err
}

// MFAStatusOf tells whether the member has one.
func (s *Service) MFAStatusOf(ctx context.Context, who Identity) (MFAStatus, error) {
	e, err := s.readTOTP(ctx, who.Member.ID)
	return MFAStatus{e.Value.Confirmed, len(e.Value.Recovery)}, err
}

// EnrolTOTP makes a secret for the member's authenticator. It is asked for only after ConfirmTOTP; until then it can be made anew.
func (s *Service) EnrolTOTP(ctx context.Context, who Identity, organisation string) (secret, uri string, err error) {
	e, err := s.readTOTP(ctx, who.Member.ID)
	if err != nil {
		return "", "", err
	}
	k := &e.Value
	if k.Confirmed {
		return "", "", &Error{Code: "mfa_enabled", Detail: "there is a second factor; disable it first"}
	}
	plain := s.randomBytes(ctx, totpSecret)
	if k.Sealed, err = s.Sealer.Seal(totpPurpose(who.Member.ID), plain); err != nil {
		return "", "", err
	}
	if e.Revision == 0 {
		e.Entry = licensing.Entry{ID: string(who.Member.ID), Org: who.Organisation(), Created: s.timestamp()}
	}
	if _, err = s.totpSecrets().Put(ctx, e); isWriteConflict(err) {
		err = licensing.ErrStale
	}
	secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(plain)
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + organisation + ":" + who.Member.Email,
		RawQuery: "secret=" + secret + "&issuer=" + url.QueryEscape(organisation)}
	return secret, strings.ReplaceAll(u.String(), "+", "%20"), err
}

// ConfirmTOTP takes the first code of the authenticator, and the password of who has one: whoever found an open session must not be able to
// keep its member out of it. From then on logging in takes one; every session of before ends, and this one is
// replaced by one that has proven both. The recovery codes are given here and never again.
func (s *Service) ConfirmTOTP(ctx context.Context, who Identity, password, code, address string) (recovery []string, token string, now Identity, err error) {
	a, err := s.beginAttempt(ctx, "totp", who.Member.Email, address)
	if err != nil {
		return nil, "", Identity{}, err
	}
	e, err := s.readTOTP(ctx, who.Member.ID)
	if err != nil {
		return nil, "", Identity{}, err
	}
	k := &e.Value
	if e.Revision == 0 || k.Confirmed {
		return nil, "", Identity{}, &Error{Code: "mfa_not_begun", Detail: "ask for a secret first"}
	}
	if who.Member.Password != "" {
		if err := s.confirmPassword(ctx, who.Member, "password", password, address); err != nil {
			return nil, "", Identity{}, err
		}
	}
	step, err := s.matchTOTP(who.Member.ID, *k, code)
	if err != nil {
		return nil, "", Identity{}, asCodeFieldError(err)
	}
	k.Confirmed, k.LastStep = true, step
	recovery, k.Recovery = s.newRecoveryCodes(ctx)
	if _, err := s.totpSecrets().Replace(ctx, e); err != nil {
		return nil, "", Identity{}, err
	}
	if err := a.succeed(ctx); err != nil {
		return nil, "", Identity{}, err
	}
	if err := s.store.EndSessions(ctx, who.Organisation(), who.Member.ID, ""); err != nil {
		return nil, "", Identity{}, err
	}
	token, now, err = s.createSession(ctx, who.Member, AuthTOTP)
	return recovery, token, now, err
}

// NewRecoveryCodes replaces them, for password and code.
func (s *Service) NewRecoveryCodes(ctx context.Context, who Identity, password, code, address string) ([]string, error) {
	if err := s.confirmPasswordAndCode(ctx, who.Member, password, code, address); err != nil {
		return nil, err
	}
	for range maxRetries {
		e, err := s.readTOTP(ctx, who.Member.ID)
		if err != nil {
			return nil, err
		}
		if !e.Value.Confirmed {
			return nil, errMFANotEnrolled
		}
		var recovery []string
		recovery, e.Value.Recovery = s.newRecoveryCodes(ctx)
		if _, err = s.totpSecrets().Replace(ctx, e); !isWriteConflict(err) {
			return recovery, err
		}
	}
	return nil, licensing.ErrStale
}

// DisableTOTP takes the second factor away, for password and code.
func (s *Service) DisableTOTP(ctx context.Context, who Identity, password, code, address string) error {
	if err := s.confirmPasswordAndCode(ctx, who.Member, password, code, address); err != nil {
		return err
	}
	return s.deleteTOTP(ctx, who.Member.ID)
}

// ResetMFA takes the second factor of a colleague away who has lost it, and ends their sessions.
func (s *Service) ResetMFA(ctx context.Context, who Identity, id license.ID) error {
	m, err := s.store.Member(ctx, who.Organisation(), id)
	if err != nil {
		return err
	}
	if err := who.checkMayGrant(m.Role); err != nil {
		return err
	}
	if err := s.EndSessions(ctx, who, id); err != nil {
		return err
	}
	return s.deleteTOTP(ctx, id)
}

func (s *Service) deleteTOTP(ctx context.Context, member license.ID) error {
	return s.totpSecrets().DeleteIfExists(ctx, string(member))
}

var (
	errMFANotEnrolled = &Error{Code: "mfa_not_begun", Detail: "there is no second factor"}
	errBadCode        = &Error{Code: "bad_code", Detail: "the code is wrong or was used; wait for the next one"}
	errCodeRequired   = &Error{Code: "code_required", Detail: "send the code of your authenticator, or a recovery code, too"}
)

// asCodeFieldError says what is wrong with a code to somebody who is logged in.
func asCodeFieldError(err error) error {
	if err == errBadCode || err == errCodeRequired {
		return &licensing.Invalid{Field: "code", Problem: "is wrong or was used; take the next one, or a recovery code"}
	}
	return err
}

// checkSecondFactor asks for the code of a member who has a second factor, and takes it; required tells whether there is one.
func (s *Service) checkSecondFactor(ctx context.Context, m Member, code, address string) (required bool, err error) {
	e, err := s.readTOTP(ctx, m.ID)
	if err != nil || !e.Value.Confirmed {
		return false, err
	}
	if code == "" {
		return true, errCodeRequired
	}
	a, err := s.beginAttempt(ctx, "totp", m.Email, address)
	if err != nil {
		return true, err
	}
	if err := s.consumeCode(ctx, m.ID, code); err != nil {
		return true, err
	}
	return true, a.succeed(ctx)
}

// consumeCode takes a code once: of those who show it at a time, on whatever node, the entry's revision lets one through.
func (s *Service) consumeCode(ctx context.Context, member license.ID, code string) error {
	for range maxRetries {
		e, err := s.readTOTP(ctx, member)
		if err != nil {
			return err
		}
		k := &e.Value
		if !k.Confirmed {
			return errMFANotEnrolled
		}
		if at := slices.Index(k.Recovery, hashRecoveryCode(code)); at >= 0 {
			k.Recovery = slices.Delete(k.Recovery, at, at+1)
		} else if k.LastStep, err = s.matchTOTP(member, *k, code); err != nil {
			return err
		}
		if _, err := s.totpSecrets().Replace(ctx, e); !isWriteConflict(err) {
			return err
		}
	}
	return licensing.ErrStale
}

// matchTOTP gives the step of a code that is good now and was not used; a later step voids the ones before.
func (s *Service) matchTOTP(member license.ID, k totpRecord, code string) (int64, error) {
	secret, err := s.Sealer.Open(totpPurpose(member), k.Sealed)
	if err != nil {
		return 0, err
	}
	defer clear(secret)
	now := s.now().Unix() / totpStep
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		if step > k.LastStep && hmac.Equal([]byte(totpCode(secret, step)), []byte(code)) {
			return step, nil
		}
	}
	return 0, errBadCode
}

// totpCode is RFC 4226's code of a counter.
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash never fails
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

// newRecoveryCodes makes codes such as abcd-efgh-ijkl-mnop.
func (s *Service) newRecoveryCodes(ctx context.Context) (codes []string, hashes []lease.Hash) {
	for range recoveryCodes {
		text := strings.ToLower(base32.StdEncoding.EncodeToString(s.randomBytes(ctx, recoveryBytes)))
		code := strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-")
		codes, hashes = append(codes, code), append(hashes, hashRecoveryCode(code))
	}
	return codes, hashes
}

// hashRecoveryCode is of what somebody types: in any case, with or without hyphens and blanks.
func hashRecoveryCode(code string) lease.Hash {
	return hashToken("recovery", strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(code)))
}
