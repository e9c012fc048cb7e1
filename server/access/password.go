package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/onelicense/onelicense/server/licensing"
)

// The cost of a hash is OWASP's minimum for argon2id, about 30 ms of one core. More memory would protect better after a theft of the
// database, but two concurrent logins must also fit into a small machine.
const (
	hashTime            = 2
	hashMemory          = 19 * 1024 // KiB
	hashThreads         = 1
	hashLength          = 32
	saltLength          = 16
	maxConcurrentHashes = 2
	hashTimeout         = 5 * time.Second // how long a login waits for a slot
)

// Length is the only password rule that helps (NIST SP 800-63B); the upper bound keeps hashing quick.
const (
	minPasswordLength = 12
	maxPasswordLength = 256
)

func checkPassword(field, password string) error {
	switch {
	case len([]rune(password)) < minPasswordLength:
		return &licensing.Invalid{Field: field, Problem: fmt.Sprintf("is shorter than %d characters", minPasswordLength)}
	case len(password) > maxPasswordLength:
		return &licensing.Invalid{Field: field, Problem: fmt.Sprintf("is longer than %d bytes", maxPasswordLength)}
	}
	return nil
}

// acquireHashSlot waits until a password may be hashed. It bounds memory and processor time whatever the number of logins.
func (s *Service) acquireHashSlot(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(hashTimeout)
	defer timer.Stop()
	select {
	case s.hashSlots <- struct{}{}:
		return func() { <-s.hashSlots }, nil
	case <-timer.C:
		return nil, &Error{
			Code:       "rate_limited",
			Detail:     "the server is busy with other logins; try again in a few seconds",
			RetryAfter: hashTimeout,
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash returns the password's hash in the text form of argon2's own tools.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	done, err := s.acquireHashSlot(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	salt := s.randomBytes(ctx, saltLength)
	key := s.deriveKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashLength)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// dummyHash is compared with when there is no such member, so that the response takes as long as for a wrong password. No password has a
// hash of zeros.
var dummyHash = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

// matches reports whether the hash is of the password, at the cost that the hash names.
func (s *Service) matches(ctx context.Context, hash, password string) (bool, error) {
	var version, memory, rounds int
	var threads uint8
	fields := strings.Split(hash, "$") // "", argon2id, v=…, m=…, salt, key
	if len(fields) != 6 || fields[1] != "argon2id" {
		return false, fmt.Errorf("a stored password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(fields[2]+" "+fields[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &rounds, &threads); err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	if version != argon2.Version {
		return false, fmt.Errorf("a stored password hash is of argon2 version %d, not %d", version, argon2.Version)
	}
	salt, err := base64.RawStdEncoding.DecodeString(fields[4])
	if err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	done, err := s.acquireHashSlot(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	got := s.deriveKey([]byte(password), salt, uint32(rounds), uint32(memory), threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
