package licensing

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license/lease"
)

// The limits of texts and metadata.
const (
	MaxText          = 200  // characters of a name or customer
	MaxDescription   = 4000 // characters
	MaxMetadata      = 50   // entries
	MaxMetadataKey   = 64   // characters
	MaxMetadataValue = 1000 // characters
)

// Invalid is the error of a member with an invalid value. Field is spelled as in the API; Problem begins with a verb.
type Invalid struct {
	Field   string
	Problem string
}

func (e *Invalid) Error() string { return e.Field + " " + e.Problem }

// NewInvalid returns an *Invalid; format and args become its problem.
func NewInvalid(field, format string, args ...any) error {
	return &Invalid{field, fmt.Sprintf(format, args...)}
}

// CheckText returns an *Invalid unless s is UTF-8 of least to most characters without control characters other than line breaks and tabs.
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

// CheckMetadata returns an *Invalid if the metadata has too many entries or one that is too long.
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

// CheckRange returns an *Invalid unless n is from least to most.
func CheckRange(field string, n, least, most int64) error {
	if n < least || n > most {
		return NewInvalid(field, "is %d, allowed are %d to %d", n, least, most)
	}
	return nil
}

// FirstError returns the first error that is not nil, or nil.
func FirstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// FormatTime returns the time in UTC as RFC 3339 writes it.
func FormatTime(t lease.Time) string { return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339) }
