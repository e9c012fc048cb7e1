package licensing

import (
	"encoding/base64"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Page selects a part of a list.
type Page struct {
	After  string // cursor: Next of the previous page; empty: from the start
	Limit  int    // at most 200; 0: 50
	Search string // part of the name (of a license also: of the customer) in any case; of activations and reservations: of the activation's id

	// Of products, versions and licenses only.
	Sort     Sort
	Archived *bool // only archived ones, or only others; nil: both
}

// Sort is the order of a list. Records that are equal in it are ordered by their creation or their ids.
type Sort string

// The orders. Names are compared without case, byte by byte; those of licenses with the customer after them. A record that is edited during
// the paging may appear twice with ByUpdated, and be missed with LeastRecentlyUpdated.
const (
	ByCreated            Sort = "-created" // newest first; also the empty order
	OldestFirst          Sort = "created"
	ByName               Sort = "name"
	ByNameDescending     Sort = "-name"
	ByUpdated            Sort = "-updated" // latest first
	LeastRecentlyUpdated Sort = "updated"
)

// Key returns the member that is sorted by and whether the order is descending.
func (s Sort) Key() (key string, down bool) {
	if s == "" {
		s = ByCreated
	}
	key, down = strings.CutPrefix(string(s), "-")
	return key, down
}

// IsDefault reports whether it is the default order, newest first.
func (s Sort) IsDefault() bool { return s == "" || s == ByCreated }

// cursorMark begins each cursor of an order that is not the default, so that it is not taken for one of the default order.
const cursorMark = "~"

// Cursor returns the cursor after a record, in an order that is not the default. value is the member that is sorted by; tie orders records
// with equal values.
func (p Page) Cursor(value, tie string) string {
	return cursorMark + base64.RawURLEncoding.EncodeToString([]byte(string(p.Sort)+"\x00"+tie+"\x00"+value))
}

// ParseCursor returns the value and the tie of a cursor. It returns ErrCursor if the cursor is malformed or of another order.
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

// ErrCursor is returned for a cursor that does not belong to the list.
var ErrCursor error = &Invalid{Field: "after", Problem: "is not a cursor that this list gave"}

// LicenseFilter selects licenses of an organisation; empty members match all.
type LicenseFilter struct {
	Product        license.ID
	Version        license.ID
	Status         Status
	Customer       string     // the whole name
	CustomerID     license.ID // of the customer's record
	Type           lease.PolicyType
	ExpiresFrom    lease.Time // licenses that expire then or later
	ExpiresUntil   lease.Time // licenses that expire before then
	NeverActivated bool       // only licenses without an activation ever; a page may be short or empty although there is a next one
}
