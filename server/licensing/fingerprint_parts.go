package licensing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// PartValue is a part of a machine's fingerprint in clear, as a host reads it and a customer can report it.
type PartValue struct{ Name, Value string }

// MaxPartValue is the maximum length of the value of a part, in bytes.
const MaxPartValue = 1024

// FingerprintParts returns the parts under the id of the license, from which their values cannot be read. It returns an *Invalid if there
// are too many or if one is not valid.
func FingerprintParts(id license.ID, parts []PartValue) (made []lease.FingerprintPart, err error) {
	if len(parts) > lease.MaxFingerprintParts {
		return nil, NewInvalid("parts", "has %d items, at most %d are allowed", len(parts), lease.MaxFingerprintParts)
	}
	for n, p := range parts {
		at := fmt.Sprintf("parts.%d", n)
		switch {
		case !license.ValidName(p.Name):
			return nil, NewInvalid(at+".name",
				"is %q: a name has 1 to %d letters, digits, dots, hyphens and underscores and begins with a letter or digit",
				strings.ToValidUTF8(p.Name, "?"), license.MaxName)
		case slices.ContainsFunc(made, func(m lease.FingerprintPart) bool { return m.Name == p.Name }):
			return nil, NewInvalid(at+".name", "repeats %s", p.Name)
		case p.Value == "" || len(p.Value) > MaxPartValue:
			return nil, NewInvalid(at+".value", "has %d bytes, 1 to %d are allowed", len(p.Value), MaxPartValue)
		}
		made = append(made, lease.NewFingerprintPart(id, p.Name, p.Value))
	}
	return made, nil
}
