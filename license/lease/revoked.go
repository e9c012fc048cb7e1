package lease

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// ApplyTo returns the keyring with the statement's key revocations applied. A nil statement changes nothing.
func (s *Statement) ApplyTo(keys license.Keyring) license.Keyring {
	if s == nil {
		return keys
	}
	return statementKeyring{keys, s}
}

type statementKeyring struct {
	license.Keyring
	statement *Statement
}

func (k statementKeyring) Verify(use license.Use, message, signature []byte, now time.Time) (license.Signature, error) {
	s, err := k.Keyring.Verify(use, message, signature, now)
	if err != nil {
		return s, err
	}
	switch said, ok := k.statement.Key(s.Key); {
	case ok && said.Status == Compromised:
		return license.Signature{}, license.Refuse(license.CodeKeyCompromised, "key %s, by the product's list %d", s.Key, k.statement.Number)
	case ok && s.Created.UnixMilli() >= int64(said.Since):
		return license.Signature{}, license.Refuse(license.CodeKeyRetired, "key %s, by the product's list %d", s.Key, k.statement.Number)
	}
	return s, nil
}

// OpenFile is license.Open that also checks the product's newest statement: revoked keys, revoked licenses, and the largest age of the
// statement. list is nil if there is none.
func OpenFile(data []byte, keys license.Keyring, list *Statement, now time.Time) (*license.License, error) {
	l, err := license.Open(data, list.ApplyTo(keys), now)
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
