package onelicense

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/onelicense/onelicense/wasm/abi"
)

const (
	maxFile  = 64 << 10         // bytes of one license file
	maxList  = (1 << 20) + 4096 // bytes of a revocation list
	maxFiles = 2 << 20          // bytes of all files together: they go into the module in one call
)

// File is a license file or a revocation list. A file that could not be read has an Error instead of Data; Status then lists it.
type File = abi.File

// Loader finds license files.
type Loader interface {
	Load() ([]File, error)
}

// DirectoryLoader returns a Loader for all files *.txt and *.list of a directory, in the order of their names, in any case. The contents
// decide which files are licenses and which are revocation lists, not the names. A missing directory holds none.
func DirectoryLoader(directory string) Loader { return directoryLoader(directory) }

type directoryLoader string

func (d directoryLoader) Load() ([]File, error) {
	entries, err := os.ReadDir(string(d)) // sorted
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []File
	total := 0
	for _, entry := range entries {
		if kind := strings.ToLower(filepath.Ext(entry.Name())); kind != ".txt" && kind != ".list" {
			continue
		}
		file := File{Name: entry.Name()}
		data, err := readFile(filepath.Join(string(d), entry.Name()))
		switch total += len(data); {
		case err != nil:
			file.Error = err.Error()
		case total > maxFiles:
			file.Error = fmt.Sprintf("the license files together are larger than %d bytes", maxFiles)
		default:
			file.Data = data
		}
		files = append(files, file)
	}
	return files, nil
}

// readFile reads a regular file only: a pipe would never end. Of a file that is too large it reads enough for the module to notice.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if !bytes.HasPrefix(data, []byte("{")) { // a revocation list is JSON, a license file is not
		data = data[:min(len(data), maxFile+1)]
	}
	return data, nil
}

// withoutPath removes the path from a file system error: Status names the file already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
