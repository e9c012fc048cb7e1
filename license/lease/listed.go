package lease

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// Over is the keyring with what the statement says of its keys since. A nil statement says nothing.
func (s *Statement) Over(keys license.Keyring) license.Keyring {
	if s == nil {
		return keys
	}
	return listed{keys, s}
}

type listed struct {
	license.Keyring
	list *Statement
}

func (k listed) Verify(use license.Use, message, signature []byte, now time.Time) (license.Signature, error) {
	s, err := k.Keyring.Verify(use, message, signature, now)
	if err != nil {
		return s, err
	}
	switch said, ok := k.list.Key(s.Key); {
	case ok && said.Status == Compromised:
		return license.Signature{}, license.Refuse(license.CodeKeyCompromised, "key %s, by the product's list %d", s.Key, k.list.Number)
	case ok && s.Created.UnixMilli() >= int64(said.Since):
		return license.Signature{}, license.Refuse(license.CodeKeyRetired, "key %s, by the product's list %d", s.Key, k.list.Number)
	}
	return s, nil
}

// OpenFile is license.Open with what the product's newest statement says of keys and licenses; nil when there is none at hand.
func OpenFile(data []byte, keys license.Keyring, list *Statement, now time.Time) (*license.License, error) {
	l, err := license.Open(data, list.Over(keys), now)
	switch {
	case err != nil || list == nil:
		return l, err
	case list.Revokes(l.ID):
		return nil, license.Refuse(license.CodeRevoked, "license %s, by the product's list %d of %s", l.ID, list.Number, list.Time)
	case list.MaxAge > 0 && now.UnixMilli() > int64(list.Time)+list.MaxAge:
		return nil, license.Refuse(license.CodeListNeeded, "list %d is of %s and good for %d ms", list.Number, list.Time, list.MaxAge)
	}
	return l, nil
}
