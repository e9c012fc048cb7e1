package licensing

import (
	"encoding/base64"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Page asks for a part of a list, newest first unless it says otherwise.
type Page struct {
	After  string // cursor: the Next of the page before; empty: from the start
	Limit  int    // at most 200; 0: 50
	Search string // part of the name or, of a license, of the customer; any case. Activations and reservations: of the activation's id

	// Products, versions and licenses only.
	Sort     Sort
	Archived *bool // those that are, or those that are not; nil: both
}

// Sort is the order of a list. Records that are alike in it follow in the order of their creation, or of their ids.
type Sort string

// The orders. A name is sorted without regard to case, byte by byte, and a license's with its customer after it. Who is edited while
// somebody pages by ByUpdated may be seen twice, and by OldestUpdated not at all before the next walk.
const (
	ByCreated            Sort = "-created" // newest first; the empty one too
	OldestFirst          Sort = "created"
	ByName               Sort = "name"
	ByNameDescending     Sort = "-name"
	ByUpdated            Sort = "-updated" // latest first
	LeastRecentlyUpdated Sort = "updated"
)

// Key is what the order looks at, and whether from the largest down.
func (s Sort) Key() (key string, down bool) {
	if s == "" {
		s = ByCreated
	}
	key, down = strings.CutPrefix(string(s), "-")
	return key, down
}

// IsDefault tells whether it is the order that every list has.
func (s Sort) IsDefault() bool { return s == "" || s == ByCreated }

// cursorMark keeps a cursor of another order from being taken for one of the usual.
const cursorMark = "~"

// Cursor writes the place of the last record shown, in an order that is not the usual one: what was sorted by, and what tells the alike
// apart.
func (p Page) Cursor(value, tie string) string {
	return cursorMark + base64.RawURLEncoding.EncodeToString([]byte(string(p.Sort)+"\x00"+tie+"\x00"+value))
}

// ParseCursor reads what Cursor wrote. A cursor of another order is none.
func (p Page) ParseCursor() (value, tie string, err error) {
	packed, ok0 := strings.CutPrefix(p.After, cursorMark)
	text, err := base64.RawURLEncoding.DecodeString(packed)
	sort, rest, ok := strings.Cut(string(text), "\x00")
	tie, value, ok2 := strings.Cut(rest, "\x00")
	if err != nil || !ok0 || !ok || !ok2 || sort != string(p.Sort) {
		return "", "", ErrCursor
	}
	return value, tie, nil
}

// ErrCursor is what a store says to a cursor that it has not given.
var ErrCursor error = &Invalid{Field: "after", Problem: "is not a cursor that this list gave"}

// LicenseFilter chooses licenses of an organisation; what is left empty does not matter.
type LicenseFilter struct {
	Product        license.ID
	Version        license.ID
	Status         Status
	Customer       string     // the whole of it
	CustomerID     license.ID // of the customer's record
	Type           lease.PolicyType
	ExpiresFrom    lease.Time // that expire, and not before
	ExpiresUntil   lease.Time // that expire, and before
	NeverActivated bool       // that no installation ever has; a page may then be short, or empty, and yet have a next one
}
