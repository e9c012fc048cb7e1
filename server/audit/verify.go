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

// ChainError describes the first fault of an export.
type ChainError struct {
	Line   int    // line of the text, from 1
	Reason string // fault of that line
}

func (b *ChainError) Error() string { return fmt.Sprintf("line %d: %s", b.Line, b.Reason) }

// Verify reads lines as Export writes them and checks that they form one unbroken chain, which begins with line 1 or after one of the known
// heads, and agrees with every known head. Without known heads it cannot detect lines that are missing at the end, or a chain that was
// rewritten as a whole. It returns the head of the last line; the error is a *ChainError, or the reader's.
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
			return head, &ChainError{n, "is longer than any audit log line"}
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

// checkLine checks one line against the head before it, and returns its head.
func checkLine(n int, text []byte, before ChainHead, known []ChainHead) (ChainHead, error) {
	broken := func(format string, args ...any) (ChainHead, error) {
		return before, &ChainError{n, fmt.Sprintf(format, args...)}
	}
	var line Line
	if err := json.Unmarshal(text, &line); err != nil {
		return broken("is not an audit log line: %v", err)
	}
	if line.Type != Type {
		return broken("has the type %.64q instead of %q", line.Type, Type)
	}
	if n == 1 {
		before = ChainHead{line.Chain, 0, lease.OriginLink}
		if i := slices.IndexFunc(known, func(h ChainHead) bool { return h.Chain == line.Chain && h.Number == line.Number-1 }); i >= 0 {
			before = known[i]
		}
	}
	switch {
	case line.Chain != before.Chain:
		return broken("belongs to the chain %.64q, but the lines before it to %q", line.Chain, before.Chain)
	case line.Number > before.Number+1:
		return broken("has the number %d instead of %d: lines are missing", line.Number, before.Number+1)
	case line.Number != before.Number+1:
		return broken("has the number %d instead of %d: it was inserted or moved", line.Number, before.Number+1)
	case line.Previous != before.Hash && n > 1:
		return before, &ChainError{n - 1, fmt.Sprintf("has another hash than line %d names for it: one of the two was changed", n)}
	case line.Previous != before.Hash:
		return broken("names another previous hash than that of the known head")
	}
	head := ChainHead{line.Chain, line.Number, lease.HashOf(text)}
	for _, h := range known {
		if h.Chain == head.Chain && h.Number == head.Number && h.Hash != head.Hash {
			return broken("has another hash than the known head")
		}
	}
	return head, nil
}

// checkEnd checks that no known head lies beyond the end.
func checkEnd(n int, head ChainHead, known []ChainHead) error {
	for _, h := range known {
		if h.Number > head.Number && (head.Chain == "" || h.Chain == head.Chain) {
			return &ChainError{
				n,
				fmt.Sprintf("the chain ends with number %d, but the head of number %d is known: lines are missing", head.Number, h.Number),
			}
		}
	}
	return nil
}

// Kind is the kind of the log's entries in a store.
const Kind = kind

// ChainVerifier checks the lines of one chain one by one, from the first.
type ChainVerifier struct {
	lines int
	head  ChainHead
}

// Next checks the next line, given the bytes that were hashed. After an error the chain cannot be continued.
func (f *ChainVerifier) Next(text []byte) (err error) {
	f.lines++
	f.head, err = checkLine(f.lines, text, f.head, nil)
	return err
}
