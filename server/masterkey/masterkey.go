// Package masterkey reads the key that encrypts the products' private keys from where it is kept apart from the data: from a setting, or
// from a command that calls a key store such as age, a cloud's KMS or a hardware module.
//
// A Source is called once, when a server starts. Another kind of key store is another Source.
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

// Source returns a master key. Its errors contain nothing of the key.
type Source interface {
	Key(context.Context) ([]byte, error)
}

// Static is a Source that returns a key given directly.
type Static []byte

// Key returns a copy of the key, or an error unless it has Size bytes.
func (s Static) Key(context.Context) ([]byte, error) {
	if len(s) != Size {
		return nil, fmt.Errorf("the key has %d bytes, want %d", len(s), Size)
	}
	return bytes.Clone(s), nil
}

// Command is a Source that runs a program, which writes the key to its standard output, in base64 or as raw bytes.
type Command struct {
	Line    string        // program and arguments, separated by spaces; no shell is used
	Timeout time.Duration // 0: 30 seconds, in which a person can still touch a hardware token
}

const (
	defaultTimeout = 30 * time.Second
	maxOutput      = 4096 // bytes; a key is far smaller
	maxErrorText   = 400  // bytes of the program's standard error that are repeated
)

// Key runs the program. It returns an error when the program fails, takes longer than the timeout, or prints something else than a key.
func (c Command) Key(ctx context.Context) ([]byte, error) {
	words := strings.Fields(c.Line)
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second // for processes it has started, which may hold its output open
	out, errs := &boundedBuffer{limit: maxOutput + 1}, &boundedBuffer{limit: maxErrorText}
	defer clear(out.data)
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	switch text := strings.TrimSpace(strings.ToValidUTF8(string(errs.data), "?")); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s did not print a key within %s", words[0], timeout)
	case err != nil && text != "":
		return nil, fmt.Errorf("%s: %w: %s", words[0], err, text)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	key, err := Parse(out.data)
	if err != nil {
		return nil, fmt.Errorf("the output of %s %w", words[0], err)
	}
	return key, nil
}

// Parse returns the key that data contains, as raw bytes or as base64 on one line. Its error reads as the predicate of a sentence.
func Parse(data []byte) ([]byte, error) {
	if len(data) == Size {
		return bytes.Clone(data), nil
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != Size {
		return nil, fmt.Errorf("is not a master key: want %d bytes, raw or in base64", Size)
	}
	return key, nil
}

// boundedBuffer keeps the first limit bytes that are written to it and discards the rest.
type boundedBuffer struct {
	data  []byte
	limit int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p[:min(len(p), b.limit-len(b.data))]...)
	return len(p), nil
}
