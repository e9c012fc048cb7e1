package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// ChainError is the first thing that is wrong with an export.
type ChainError struct {
	Line   int    // of the text, from 1
	Reason string // what is wrong there
}

func (b *ChainError) Error() string { return fmt.Sprintf("line %d: %s", b.Line, b.Reason) }

// Verify reads lines as Export gives them and tells whether they are one unbroken chain. It begins with line 1, or goes on after one of
// the known heads; and it holds every line whose head is known to that. Without known heads it cannot notice that lines are missing at
// the end, or that a whole chain was written anew. It gives the last line's head; the error is Broken, or the reader's.
func Verify(r io.Reader, known ...ChainHead) (ChainHead, error) {
	lines := bufio.NewReaderSize(r, licensing.MaxEntryBody+1)
	var head ChainHead
	for n := 1; ; n++ {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return head, checkEnd(n, head, known)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return head, &ChainError{n, "is longer than any line of an audit log"}
		case errors.Is(err, io.EOF):
			return head, &ChainError{n, "ends in the middle"}
		case err != nil:
			return head, err
		}
		if head, err = checkLine(n, text[:len(text)-1], head, known); err != nil {
			return head, err
		}
	}
}

// checkLine checks the next line.
func checkLine(n int, text []byte, before ChainHead, known []ChainHead) (ChainHead, error) {
	broken := func(format string, args ...any) (ChainHead, error) {
		return before, &ChainError{n, fmt.Sprintf(format, args...)}
	}
	var line Line
	if err := json.Unmarshal(text, &line); err != nil {
		return broken("is not a line of an audit log: %v", err)
	}
	if line.Type != Type {
		return broken("is of the type %.64q, not %q", line.Type, Type)
	}
	if n == 1 {
		before = ChainHead{line.Chain, 0, lease.OriginLink}
		if i := slices.IndexFunc(known, func(h ChainHead) bool { return h.Chain == line.Chain && h.Number == line.Number-1 }); i >= 0 {
			before = known[i]
		}
	}
	switch {
	case line.Chain != before.Chain:
		return broken("belongs to the chain %.64q, the lines before it to %q", line.Chain, before.Chain)
	case line.Number > before.Number+1:
		return broken("has the number %d where %d is due: lines are missing", line.Number, before.Number+1)
	case line.Number != before.Number+1:
		return broken("has the number %d where %d is due: it was put in or moved", line.Number, before.Number+1)
	case line.Previous != before.Hash && n > 1:
		return before, &ChainError{n - 1, fmt.Sprintf("is not the one that line %d names as the one before it: one of the two was changed", n)}
	case line.Previous != before.Hash:
		return broken("names another line before it than is known")
	}
	head := ChainHead{line.Chain, line.Number, lease.HashOf(text)}
	for _, h := range known {
		if h.Chain == head.Chain && h.Number == head.Number && h.Hash != head.Hash {
			return broken("is not the one whose hash was noted")
		}
	}
	return head, nil
}

// checkEnd checks that no known line is missing at the end.
func checkEnd(n int, head ChainHead, known []ChainHead) error {
	for _, h := range known {
		if h.Number > head.Number && (head.Chain == "" || h.Chain == head.Chain) {
			return &ChainError{n, fmt.Sprintf("the chain ends with number %d, but number %d was noted: lines are missing", head.Number, h.Number)}
		}
	}
	return nil
}

// Kind is that of the log's entries in a store.
const Kind = kind

// ChainVerifier holds the lines of one chain to each other as they come, from its first.
type ChainVerifier struct {
	lines int
	head  ChainHead
}

// Next is given the next line as it was hashed. After an error it goes on with nothing.
func (f *ChainVerifier) Next(text []byte) (err error) {
	f.lines++
	f.head, err = checkLine(f.lines, text, f.head, nil)
	return err
}
