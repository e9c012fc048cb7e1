//go:build mongo

package mongo

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing"
)

// Two nodes append to one chain at the same time.
//
// proves part of N10
func TestAuditChainOfTwoNodes(t *testing.T) {
	uri := newDatabase(t)
	logs := []*audit.Log{
		audit.New(openStore(t, uri), time.Now, slog.New(slog.DiscardHandler)),
		audit.New(openStore(t, uri), time.Now, slog.New(slog.DiscardHandler)),
	}
	const org = "aaaaaaaaaaaaaaaaaaaaaaaa"
	if err := inParallel(64, func(n int) error {
		return logs[n%2].Append(t.Context(), org, audit.Line{Time: time.Now(), Action: "test"})
	}); err != nil {
		t.Fatal(err)
	}
	text, err := logs[0].Export(t.Context(), org, 0)
	if err != nil {
		t.Fatal(err)
	}
	known, err := logs[1].Head(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := audit.Verify(bytes.NewReader(text), known); err != nil || head.Number != 64 {
		t.Errorf("%+v %v", head, err)
	}
	number, page := int64(64), licensing.Page{Limit: 7}
	for {
		found, err := logs[0].Lines(t.Context(), org, audit.Filter{}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range found.Items {
			if line.Number != number {
				t.Fatalf("listed %d where %d is due", line.Number, number)
			}
			number--
		}
		if page.After = found.Next; page.After == "" {
			break
		}
	}
	if number != 0 {
		t.Errorf("%d lines are not listed", number)
	}
}
