package access

import (
	"crypto/hkdf"
	"crypto/sha256"
	"sync/atomic"
	"time"
)

// FakeHashes makes s's password hashes cheap, so that a test can guess often, and counts them.
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

// TOTPCode is what an authenticator with the secret shows.
func TOTPCode(secret []byte, at time.Time) string { return totpCode(secret, at.Unix()/totpStep) }
