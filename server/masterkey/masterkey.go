// Package masterkey gets the key that seals the products' private keys from where it is kept apart from the data: from a setting, or from
// a command that asks whatever keeps it, such as age, a cloud's KMS or a hardware module.
//
// A Source is asked once, when a server starts. Another kind of keeper is another Source.
package masterkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Size is the number of bytes of a master key.
const Size = 32

// Source gives a master key. Its errors hold nothing of the key.
type Source interface {
	Key(context.Context) ([]byte, error)
}

// Static is a key that is at hand.
type Static []byte

// Key implements Source.
func (g Static) Key(context.Context) ([]byte, error) {
	if len(g) != Size {
		return nil, fmt.Errorf("the key has %d bytes, not %d", len(g), Size)
	}
	return bytes.Clone(g), nil
}

// Command runs a program that writes the key to its standard output, in base64 or as its bytes.
type Command struct {
	Line    string        // program and arguments, with blanks between; no shell reads it
	Timeout time.Duration // 0: half a minute, in which a person can still touch a token
}

const (
	defaultTimeout = 30 * time.Second
	maxOutput      = 4096 // bytes of output; a key is far smaller
	maxErrorText   = 400  // bytes of what the program complains of
)

// Key implements Source.
func (c Command) Key(ctx context.Context) ([]byte, error) {
	words := strings.Fields(c.Line)
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	limit := c.Timeout
	if limit == 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second // for what it has started, and what may hold its output open
	out, complaint := &boundedBuffer{limit: maxOutput + 1}, &boundedBuffer{limit: maxErrorText}
	defer clear(out.data)
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	switch said := strings.TrimSpace(strings.ToValidUTF8(string(complaint.data), "?")); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s gave no key within %s", words[0], limit)
	case err != nil && said != "":
		return nil, fmt.Errorf("%s: %w: %s", words[0], err, said)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	key, err := Parse(out.data)
	if err != nil {
		return nil, fmt.Errorf("what %s wrote %w", words[0], err)
	}
	return key, nil
}

// Parse reads a key: its bytes, or their base64 on one line.
func Parse(data []byte) ([]byte, error) {
	if len(data) == Size {
		return bytes.Clone(data), nil
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != Size {
		return nil, fmt.Errorf("is neither %d bytes nor their base64", Size)
	}
	return key, nil
}

// boundedBuffer keeps the beginning of what is written to it.
type boundedBuffer struct {
	data  []byte
	limit int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p[:min(len(p), b.limit-len(b.data))]...)
	return len(p), nil
}
