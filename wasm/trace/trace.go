// Package trace records what goes into the client module and what comes out, byte for byte, as the files of spec/vectors/client hold it:
// every host replays them and must get the same bytes.
//
// A test makes a Trace, adds the exchanges of one run of the program after the other, and ends with CompareOrWrite. Load reads a file back.
package trace

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/onelicense/onelicense/license/lease"
)

// Extension is the end of a trace's file name: JSON, compressed with gzip.
const Extension = ".json.gz"

// Trace holds the exchanges of one installation: one list for each run of the program. A run begins with a fresh instance of the module.
type Trace struct {
	Name string       `json:"name"`
	Runs [][]Exchange `json:"runs"`
}

// Exchange is one call of the module: either of call, with the JSON that went in and came out, or of consume.
type Exchange struct {
	Call    string       `json:"call,omitempty"`
	Reply   string       `json:"reply,omitempty"`
	Consume *ConsumeCall `json:"consume,omitempty"`
	Answer  int32        `json:"answer,omitempty"` // of consume
}

// ConsumeCall holds the arguments of one call of consume.
type ConsumeCall struct {
	Handle int32      `json:"handle"`
	N      int32      `json:"n"`
	Now    lease.Time `json:"now"`
}

// BeginRun adds an empty run, which Add then fills.
func (t *Trace) BeginRun() { t.Runs = append(t.Runs, nil) }

// Add appends an exchange to the present run.
func (t *Trace) Add(e Exchange) {
	last := len(t.Runs) - 1
	t.Runs[last] = append(t.Runs[last], e)
}

// Load reads the trace in a file.
func Load(path string) (*Trace, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	t := new(Trace)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// CompareOrWrite compares the trace with the committed file in the folder; the error says where it differs. With write it replaces the file
// instead, unless it holds the same already. The contents are compared, not the compressed bytes: those depend on the version of Go.
func (t *Trace) CompareOrWrite(folder string, write bool) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(t); err != nil {
		return err
	}
	path := filepath.Join(folder, t.Name+Extension)
	committed, err := readFile(path)
	switch {
	case err == nil && bytes.Equal(committed, text.Bytes()):
		return nil
	case write && (err == nil || errors.Is(err, fs.ErrNotExist)):
		return writeFile(path, text.Bytes())
	case err != nil:
		return fmt.Errorf("reading the committed trace: %w; -update writes it", err)
	}
	return fmt.Errorf("%s differs from line %d on; -update writes it anew if that is meant", path, firstDifference(committed, text.Bytes()))
}

func firstDifference(a, b []byte) (line int) {
	line = 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// writeFile compresses without a name or time in the header, so that the same text gives the same bytes.
func writeFile(path string, text []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
