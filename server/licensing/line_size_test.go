package licensing

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A line that is as long as it can be is kept: one that is not written would hold slots for whom has them already.
func TestTheLongestLineFitsIntoItsEntry(t *testing.T) {
	id := lease.HashOf(nil)
	w := waiter{strings.Repeat("x", license.MaxName), id, lease.MaxCount, lease.MaxCount}
	c := claim{license.ID(id[:24]), id, lease.MaxCount}
	body, err := json.Marshal(line{slices.Repeat([]waiter{w}, mostWaiting), slices.Repeat([]claim{c}, mostHeld)})
	if err != nil || len(body) > MaxEntryBody {
		t.Errorf("%d bytes, at most %d are allowed: %v", len(body), MaxEntryBody, err)
	}
}
