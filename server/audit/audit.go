// Package audit implements the audit log: one hash chain of lines for each organisation, and one for the server itself. Each line holds the
// hash of the line before it, so that a line cannot be changed, removed or moved without breaking the chain (spec/audit.md).
//
// New takes the store. Begin records a change that is about to be made, and Append writes its line; Lines and Export read the log. Verify
// checks an export, anywhere and without the server. Lines are never deleted.
package audit

import (
	"encoding/json"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Type is the first member of every line.
const Type = "onelicense/audit/1"

// Server is the name of the server's own chain, for what belongs to no organisation.
const Server = "server"

// Line is one entry of the log. Append fills in the fields Type to ID.
type Line struct {
	Type     string     `json:"type"`
	Chain    string     `json:"chain"`    // the organisation's id, or Server
	Number   int64      `json:"number"`   // from 1, without a gap
	Previous lease.Hash `json:"previous"` // hash of the bytes of the line before; zeros in the first line
	ID       string     `json:"id"`       // random; a node recognises by it a line that it has written already

	Time    time.Time         `json:"time"`
	Actor   Actor             `json:"actor"`
	Action  string            `json:"action"`            // operation id of the API, or an action of the server itself
	Records []string          `json:"records,omitempty"` // kind/id, outermost first
	Changed map[string]Change `json:"changed,omitempty"` // members of the innermost record, nested ones with dots
	Refused string            `json:"refused,omitempty"` // problem code of a failed login, or of a bulk request that failed on the way
	Unknown bool              `json:"unknown,omitempty"` // the outcome of the action is unknown
	Missing int64             `json:"missing,omitempty"` // failed logins before this one that have no line
	Address string            `json:"address,omitempty"`
	Request string            `json:"request,omitempty"` // the response's X-Request-ID

	hasPendingEntry bool // a pending entry of Begin is stored
}

// Actor is the author of a line.
type Actor struct {
	Kind   string     `json:"kind"`             // member, token, system or nobody
	ID     license.ID `json:"id,omitempty"`     // of the member or token
	Member license.ID `json:"member,omitempty"` // the member that a token acts for
	Name   string     `json:"name,omitempty"`   // of the member, at that time
}

// Change is the value of a member before and after; an absent value did not exist.
type Change struct {
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// ChainHead identifies the last line of a chain. A head that is kept elsewhere reveals a chain that was truncated or rewritten.
type ChainHead struct {
	Chain  string     `json:"chain"`
	Number int64      `json:"number"` // 0: the chain is empty
	Hash   lease.Hash `json:"hash"`
}

// chainOf returns the name of an organisation's chain.
func chainOf(org license.ID) string {
	if org == "" {
		return Server
	}
	return string(org)
}

// maxQuotedValue is the longest value in bytes that a change holds; a longer one is replaced by its hash.
const maxQuotedValue = 4096

// Quote returns the JSON of a value in a Change.
func Quote(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // it came from JSON: a bug of ours
	}
	if len(text) > maxQuotedValue {
		text = []byte(`{"sha256":"` + string(lease.HashOf(text)) + `"}`)
	}
	return text
}
