package access

import (
	"crypto/hkdf"
	"crypto/sha256"
	"sync/atomic"
	"time"
)

// FakeHashes replaces the password hash of s by a cheap one, so that a test can try many passwords, and counts the calls.
func FakeHashes(s *Service) *atomic.Int64 {
	n := new(atomic.Int64)
	s.deriveKey = func(password, salt []byte, _, _ uint32, _ uint8, length uint32) []byte {
		n.Add(1)
		key, err := hkdf.Key(sha256.New, password, salt, "", int(length))
		if err != nil {
			panic(err)
		}
		return key
	}
	return n
}

// TOTPCode returns the code that an authenticator with the secret shows at the time.
func TOTPCode(secret []byte, at time.Time) string { return totpCode(secret, at.Unix()/totpStep) }
