package audit

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Filter selects lines; empty fields select all.
type Filter struct {
	Actor       license.ID // a member, with the actions of their tokens, or a token
	Action      string
	Record      string // kind/id
	From, Until time.Time
}

// maxPagesPerListing bounds the work of one call. A page can therefore be empty and still have a next one.
const maxPagesPerListing = 20

// Lines lists the lines that match the filter, newest first.
func (l *Log) Lines(ctx context.Context, org license.ID, f Filter, page licensing.Page) (licensing.Listing[Line], error) {
	page.Search = f.searchTerm()
	found := licensing.Listing[Line]{Items: []Line{}, Next: page.After}
	for n := 0; n < maxPagesPerListing && len(found.Items) == 0 && (n == 0 || found.Next != ""); n++ {
		page.After = found.Next
		entries, err := l.store.Entries(ctx, kind, org, "", page)
		if err != nil {
			return found, err
		}
		found.Next = entries.Next
		for _, e := range entries.Items {
			// An entry is no older than its line, and all that follow are older.
			if !f.From.IsZero() && e.Created < lease.Time(f.From.UnixMilli()) {
				found.Next = ""
				break
			}
			line, err := licensing.DecodeEntry[Line](e)
			if err != nil {
				return found, err
			}
			if f.matches(line.Value) {
				found.Items = append(found.Items, line.Value)
			}
		}
	}
	return found, nil
}

// searchText returns the words by which a line can be found.
func (l Line) searchText() string {
	var words []string
	for _, id := range []license.ID{l.Actor.ID, l.Actor.Member} {
		if id != "" {
			words = append(words, actorTerm(id))
		}
	}
	words = append(words, actionTerm(l.Action))
	for _, record := range l.Records {
		words = append(words, recordTerm(record))
	}
	return strings.Join(words, "")
}

func actorTerm(id license.ID) string       { return "by " + string(id) + "\n" }
func actionTerm(action string) string      { return "do " + action + "\n" }
func recordTerm(record string) string      { return "on " + record + "\n" }
func (a Actor) matches(id license.ID) bool { return id == a.ID || id == a.Member }

// searchTerm returns the most selective term, for the store's search; matches checks the rest.
func (f Filter) searchTerm() string {
	switch {
	case f.Record != "":
		return recordTerm(f.Record)
	case f.Actor != "":
		return actorTerm(f.Actor)
	case f.Action != "":
		return actionTerm(f.Action)
	}
	return ""
}

func (f Filter) matches(l Line) bool {
	return (f.Record == "" || slices.Contains(l.Records, f.Record)) && (f.Actor == "" || l.Actor.matches(f.Actor)) &&
		(f.Action == "" || f.Action == l.Action) &&
		(f.From.IsZero() || !l.Time.Before(f.From)) && (f.Until.IsZero() || l.Time.Before(f.Until))
}

// Head returns the current end of the chain.
func (l *Log) Head(ctx context.Context, org license.ID) (ChainHead, error) {
	head := ChainHead{Chain: chainOf(org), Hash: lease.OriginLink}
	last, err := l.newestEntry(ctx, org)
	if err != nil || last.ID == "" {
		return head, err
	}
	line, err := licensing.DecodeEntry[Line](last)
	if err != nil {
		return head, err
	}
	head.Number, head.Hash = line.Value.Number, lease.HashOf(last.Body)
	return head, nil
}

// MaxExportLines is the number of lines in one export. Exports in sequence form the whole chain.
const MaxExportLines = 5000

// Export returns the lines after a number, oldest first, with the exact bytes that were hashed. It skips a line that the store has lost and
// returns what follows, so that Verify can report the gap.
func (l *Log) Export(ctx context.Context, org license.ID, after int64) ([]byte, error) {
	var lines bytes.Buffer
	var end int64 // lower bound of the chain's end
	for number, n, lost := after+1, 0, 0; n < MaxExportLines; number++ {
		e, err := l.store.Entry(ctx, kind, entryID(chainOf(org), number))
		if errors.Is(err, licensing.ErrNotFound) {
			if end == 0 {
				head, err := l.Head(ctx, org)
				if err != nil {
					return nil, err
				}
				end = head.Number
			}
			if number >= end {
				break
			}
			if lost++; lost == MaxExportLines { // the gap is long enough to stop looking inside it
				number = end - 1
			}
			continue
		} else if err != nil {
			return nil, err
		}
		n++
		lines.Write(e.Body)
		lines.WriteByte('\n')
	}
	return lines.Bytes(), nil
}

// Actions in the server's own chain for the first organisation, and for another one created by a link.
const (
	ActionSetUp              = "setUp"
	ActionCreateOrganisation = "createOrganisation"
)

// Founder returns the organisation that was created with the server, which may read the server's own chain. It searches the chain for the
// line of the setup, which need not be the first one: failed logins may come before it.
func (l *Log) Founder(ctx context.Context) (founder license.ID, err error) {
	if known := l.founder.Load(); known != nil {
		return *known, nil
	}
	page := licensing.Page{Search: actionTerm(ActionSetUp), Limit: 200}
	for {
		found, err := l.store.Entries(ctx, kind, "", "", page)
		if err != nil {
			return "", err
		}
		for _, e := range found.Items {
			line, err := licensing.DecodeEntry[Line](e)
			if err != nil || line.Value.Action != ActionSetUp {
				continue
			}
			for _, record := range line.Value.Records {
				if id, ok := strings.CutPrefix(record, "organisations/"); ok {
					founder = license.ID(id)
				}
			}
		}
		if page.After = found.Next; page.After == "" {
			break
		}
	}
	if founder != "" {
		l.founder.Store(&founder)
	}
	return founder, nil
}
