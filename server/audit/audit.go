// Package audit keeps who did what: one chain of lines for each organisation, and one for the server's own affairs. Each line names the
// hash of the one before it, so that a line cannot be changed, removed or moved without breaking what follows (spec/audit.md).
//
// New is given the store. Begin notes what is about to be done, Append writes its line; Lines and Export read them. Verify judges an export,
// anywhere and without the server. Lines are never tidied.
package audit

import (
	"encoding/json"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Type is the first member of every line.
const Type = "onelicense/audit/1"

// Server names the chain of what belongs to no organisation.
const Server = "server"

// Line is one thing that was done. Append fills Type to ID.
type Line struct {
	Type     string     `json:"type"`
	Chain    string     `json:"chain"`    // the organisation's id, or Server
	Number   int64      `json:"number"`   // from 1, without a gap
	Previous lease.Hash `json:"previous"` // of the bytes of the line before; zeros in the first
	ID       string     `json:"id"`       // of what was done, random: a node that asks whether its line is there knows it again

	Time    time.Time         `json:"time"`
	Actor   Actor             `json:"actor"`
	Action  string            `json:"action"`            // the operation, as in the API's document, or what the server did by itself
	Records []string          `json:"records,omitempty"` // kind/id, the outermost first
	Changed map[string]Change `json:"changed,omitempty"` // members of the innermost record, with dots between levels
	Refused string            `json:"refused,omitempty"` // the code, when it was tried in vain, or failed on the way
	Unknown bool              `json:"unknown,omitempty"` // nobody knows whether it was done
	Missing int64             `json:"missing,omitempty"` // failed logins before this one that have no line
	Address string            `json:"address,omitempty"`
	Request string            `json:"request,omitempty"` // as in the answer's X-Request-ID

	hasPendingEntry bool // an entry says that it was
}

// Actor is who did it.
type Actor struct {
	Kind   string     `json:"kind"`             // member, token, system or nobody
	ID     license.ID `json:"id,omitempty"`     // of the member or token
	Member license.ID `json:"member,omitempty"` // for whom a token acts
	Name   string     `json:"name,omitempty"`   // of the member, as it was then
}

// Change is the value of a member before and after; one that is absent was not there.
type Change struct {
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// ChainHead is the last line of a chain: who has noted it somewhere else notices when a chain ends before it, or was written anew.
type ChainHead struct {
	Chain  string     `json:"chain"`
	Number int64      `json:"number"` // 0: the chain is empty
	Hash   lease.Hash `json:"hash"`
}

// chainOf names the chain of an organisation.
func chainOf(org license.ID) string {
	if org == "" {
		return Server
	}
	return string(org)
}

// maxQuotedValue value that a change quotes; of a longer one it has the hash.
const maxQuotedValue = 4096

// Quote makes the value of a change.
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
