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
	maxList  = (1 << 20) + 4096 // bytes of a list of revoked licenses
	maxFiles = 2 << 20          // bytes of all of them: they go into the module in one call
)

// File is a license file, or a list of revoked licenses. One that could not be read has an Error instead of Data; the status then names it.
type File = abi.File

// Loader finds license files.
type Loader interface {
	Load() ([]File, error)
}

// DirectoryLoader finds all files *.txt and *.list in the directory, in the order of their names, in capitals or not. Which of them are
// licenses and which are lists of revoked ones does not depend on the name. A directory that does not exist holds none.
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

// readFile reads a regular file only: a pipe would never end. Of one that is too large, it reads enough for the module to see that.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
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
	if !bytes.HasPrefix(data, []byte("{")) { // a list is JSON, a license file is not
		data = data[:min(len(data), maxFile+1)]
	}
	return data, nil
}

// withoutPath leaves the path out, which the status names already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
