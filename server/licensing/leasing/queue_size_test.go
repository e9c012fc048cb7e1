package leasing

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A line that is as long as it can be is kept: one that is not written would hold slots for whom has them already.
func TestLongestQueueFitsIntoEntry(t *testing.T) {
	id := lease.HashOf(nil)
	w := queueEntry{strings.Repeat("x", license.MaxName), id, lease.MaxCount, lease.MaxCount}
	c := holdClaim{license.ID(id[:24]), id, lease.MaxCount}
	body, err := json.Marshal(queue{slices.Repeat([]queueEntry{w}, maxQueueLength), slices.Repeat([]holdClaim{c}, maxHeldSlots)})
	if err != nil || len(body) > licensing.MaxEntryBody {
		t.Errorf("%d bytes, at most %d are allowed: %v", len(body), licensing.MaxEntryBody, err)
	}
}
