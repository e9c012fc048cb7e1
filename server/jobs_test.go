package server_test

import (
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/servertest"
)

// Every node delivers a due event, and repeats it after a failure on the way; the audit log has it once.
//
// proves part of N10
func TestServerEventIsAuditedOnce(t *testing.T) {
	w := servertest.Start(t)
	p := w.Owner()
	type line struct{ Actor struct{ Kind string } }
	lines := func(query string) []line {
		var page struct{ Items []line }
		p.Do("GET", "/audit?"+query, nil).Decode(&page)
		return page.Items
	}
	var head audit.ChainHead
	p.Do("GET", "/audit/head", nil).Decode(&head)
	for _, n := range []events.Event{
		{Type: events.WebhookDisabled, Key: "hook:1", Details: map[string]any{"webhook": "hook"}},
		{Type: events.ServerRestored, Key: "org:2", Details: map[string]any{"epoch": 2}},
	} {
		n.Org, n.Time = license.ID(head.Chain), lease.Time(w.Clock.Now().UnixMilli())
		for range 3 {
			if err := server.AuditEvent(w.Server, t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if got := lines("action=" + string(n.Type)); len(got) != 1 || got[0].Actor.Kind != "system" {
			t.Errorf("%s: %+v", n.Type, got)
		}
	}
	if got := lines("chain=server&action=server.restored"); len(got) != 1 {
		t.Errorf("the server's own: %+v", got)
	}
}
