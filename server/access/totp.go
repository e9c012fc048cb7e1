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
// lost. Thirty lines on the standard library are enough; RFC 6238's own vectors test them.
const (
	totpKind      = "totp"
	totpStep      = 30 // seconds
	totpSecret    = 20 // bytes, as long as the hash (RFC 4226, section 4)
	totpSkew      = 1  // steps that a clock may be off, each way
	recoveryCodes = 10
	recoveryBytes = 10 // 80 bits cannot be guessed, so a fast hash is enough
)

// Sealer encrypts secrets that must be read again, so that the store alone does not reveal them. What was sealed for one purpose does not
// open for another.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// totpRecord is the body of the entry, whose id is the member's.
type totpRecord struct {
	Sealed    []byte       `json:"sealed"`
	Confirmed bool         `json:"confirmed,omitempty"` // from then on a login needs a code
	LastStep  int64        `json:"last,omitempty"`      // step of the last code that was accepted, so that no code is valid twice
	Recovery  []lease.Hash `json:"recovery,omitempty"`  // hashes of the recovery codes that are left
}

// MFAStatus describes a member's second factor.
type MFAStatus struct {
	Enabled  bool
	Recovery int // codes left
}

func totpPurpose(member license.ID) string { return "totp\n" + string(member) }

// readTOTP returns the member's entry; its revision is 0 if there is none.
func (s *Service) readTOTP(ctx context.Context, member license.ID) (licensing.TypedEntry[totpRecord], error) {
	e, err := s.totpSecrets().Get(ctx, string(member))
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.TypedEntry[totpRecord]{}, nil
	}
	return e, err
}

// MFAStatusOf returns whether the member has a second factor, and how many recovery codes are left.
func (s *Service) MFAStatusOf(ctx context.Context, who Identity) (MFAStatus, error) {
	e, err := s.readTOTP(ctx, who.Member.ID)
	return MFAStatus{e.Value.Confirmed, len(e.Value.Recovery)}, err
}

// EnrolTOTP creates a secret for the member's authenticator. A login needs a code only after ConfirmTOTP; until then it can be called
// again.
func (s *Service) EnrolTOTP(ctx context.Context, who Identity, organisation string) (secret, uri string, err error) {
	e, err := s.readTOTP(ctx, who.Member.ID)
	if err != nil {
		return "", "", err
	}
	k := &e.Value
	if k.Confirmed {
		return "", "", &Error{Code: "mfa_enabled", Detail: "two-factor authentication is enabled already; disable it first"}
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

// ConfirmTOTP enables the second factor with the authenticator's first code, and the password of a member who has one: a person who finds a
// session left open must not be able to lock its member out. All earlier sessions end, and the caller's is replaced by one that has proven
// both. It returns the recovery codes, which cannot be read again.
func (s *Service) ConfirmTOTP(ctx context.Context, who Identity, password, code, address string) (recovery []string, token string,
	now Identity, err error) {
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
		return nil, "", Identity{}, &Error{Code: "mfa_not_enrolled", Detail: "no enrolment is in progress; request a secret first"}
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
	recovery, k.Recovery = s.createRecoveryCodes(ctx)
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

// NewRecoveryCodes replaces the recovery codes after checking password and code.
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
		recovery, e.Value.Recovery = s.createRecoveryCodes(ctx)
		if _, err = s.totpSecrets().Replace(ctx, e); !isWriteConflict(err) {
			return recovery, err
		}
	}
	return nil, licensing.ErrStale
}

// DisableTOTP removes the second factor after checking password and code.
func (s *Service) DisableTOTP(ctx context.Context, who Identity, password, code, address string) error {
	if err := s.confirmPasswordAndCode(ctx, who.Member, password, code, address); err != nil {
		return err
	}
	return s.deleteTOTP(ctx, who.Member.ID)
}

// ResetMFA removes the second factor of a colleague who has lost it, and ends their sessions.
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
	errMFANotEnrolled = &Error{Code: "mfa_not_enrolled", Detail: "two-factor authentication is not enabled; enrol first"}
	errBadCode        = &Error{Code: "bad_code", Detail: "the code is wrong or was used before; wait for the next one"}
	errCodeRequired   = &Error{Code: "code_required",
		Detail: "a code is required: send the code of your authenticator or a recovery code as well"}
)

// asCodeFieldError turns a wrong code into a validation error, for a caller who is logged in.
func asCodeFieldError(err error) error {
	if err == errBadCode || err == errCodeRequired {
		return &licensing.Invalid{Field: "code", Problem: "is wrong or was used before; use the next code or a recovery code"}
	}
	return err
}

// checkSecondFactor checks and consumes the code of a member who has a second factor. required reports whether the member has one.
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

// consumeCode accepts a code once: of concurrent uses, on whatever nodes, the entry's revision lets one succeed.
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

// matchTOTP returns the step of a code that is valid now and was not used. Accepting a later step makes earlier ones invalid.
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

// totpCode returns RFC 4226's code of a counter.
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash never fails
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

// createRecoveryCodes returns codes such as abcd-efgh-ijkl-mnop, and their hashes.
func (s *Service) createRecoveryCodes(ctx context.Context) (codes []string, hashes []lease.Hash) {
	for range recoveryCodes {
		text := strings.ToLower(base32.StdEncoding.EncodeToString(s.randomBytes(ctx, recoveryBytes)))
		code := strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-")
		codes, hashes = append(codes, code), append(hashes, hashRecoveryCode(code))
	}
	return codes, hashes
}

// hashRecoveryCode returns the hash of a code as typed: in any case, with or without hyphens and spaces.
func hashRecoveryCode(code string) lease.Hash {
	return hashToken("recovery", strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(code)))
}
