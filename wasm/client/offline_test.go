package client

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// TestOfflineTolerance checks, for every row of spec/verdicts.json, the mark in a verdict without a call: only a program that was started
// offline gets it, and only if the server was not reached.
func TestOfflineTolerance(t *testing.T) {
	table, err := os.ReadFile("../../spec/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Code license.Code }
	if err := json.Unmarshal(table, &rows); err != nil {
		t.Fatal(err)
	}
	tolerable := map[license.Code]bool{license.CodeUnreachable: true, license.CodeServerError: true, license.CodeLeaseExpired: true}
	for _, row := range append(rows, struct{ Code license.Code }{"from_the_future"}) {
		for _, offline := range []bool{false, true} {
			c := &Client{cfg: settings{Config: abi.Config{Offline: offline}}}
			c.notify(abi.Describe(row.Code, ""))
			if got, want := c.effects[0].Verdict.OfflineTolerated, offline && tolerable[row.Code]; got != want {
				t.Errorf("%s with offline %t: tolerated is %t, want %t", row.Code, offline, got, want)
			}
		}
	}
}
