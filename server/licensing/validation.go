package licensing

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license/lease"
)

// Limits of what a vendor writes.
const (
	MaxText          = 200  // characters of a name or customer
	MaxDescription   = 4000 // characters
	MaxMetadata      = 50   // entries
	MaxMetadataKey   = 64   // characters
	MaxMetadataValue = 1000 // characters
)

// Invalid names the one member that is wrong, in the API's spelling, and says how.
type Invalid struct {
	Field   string
	Problem string
}

func (e *Invalid) Error() string { return e.Field + " " + e.Problem }

func NewInvalid(field, format string, args ...any) error {
	return &Invalid{field, fmt.Sprintf(format, args...)}
}

// CheckText holds a line for people to its length.
func CheckText(field, s string, least, most int) error {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		return NewInvalid(field, "is not UTF-8")
	case n > most:
		return NewInvalid(field, "has %d characters, at most %d are allowed", n, most)
	case least > 0 && strings.TrimSpace(s) == "":
		return NewInvalid(field, "is missing")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }):
		return NewInvalid(field, "has a control character")
	}
	return nil
}

func CheckMetadata(m map[string]string) error {
	if len(m) > MaxMetadata {
		return NewInvalid("metadata", "has %d entries, at most %d are allowed", len(m), MaxMetadata)
	}
	for k, v := range m {
		if err := CheckText("metadata", k, 1, MaxMetadataKey); err != nil {
			return err
		}
		if err := CheckText("metadata."+k, v, 0, MaxMetadataValue); err != nil {
			return err
		}
	}
	return nil
}

func CheckRange(field string, n, least, most int64) error {
	if n < least || n > most {
		return NewInvalid(field, "is %d, allowed are %d to %d", n, least, most)
	}
	return nil
}

// FirstError is the first of several findings.
func FirstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func FormatTime(t lease.Time) string { return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339) }
