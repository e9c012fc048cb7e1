package ops

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/onelicense/onelicense/server/data"
)

// A backup is a directory with files and a manifest that lists them. The manifest is written last, so an incomplete backup has none. It
// detects damage; it is not signed, and does not prove who made the backup.

// ManifestType is the value of a manifest's member type.
const ManifestType = "onelicense/backup/1"

const (
	manifestFile    = "manifest.json"
	maxManifestSize = 1 << 20
)

// Manifest describes a backup.
type Manifest struct {
	Type    string       `json:"type"`
	Created time.Time    `json:"created"`
	Program string       `json:"program"` // name and version of the program that made it
	Schema  int          `json:"schema"`  // schema version of the data
	Epoch   int64        `json:"epoch"`   // epoch of the data; a restore raises it
	Files   []BackupFile `json:"files"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Contains reports whether the backup has a file.
func (m Manifest) Contains(name string) bool {
	return slices.ContainsFunc(m.Files, func(f BackupFile) bool { return f.Name == name })
}

// addFile lists a file that is in the directory.
func (m *Manifest) addFile(directory, name string) error {
	size, sum, err := hashFile(filepath.Join(directory, name))
	m.Files = append(m.Files, BackupFile{name, size, sum})
	return err
}

// write puts the complete manifest under its name in one step.
func (m Manifest) write(directory string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(directory, manifestFile)
	if err := writeFile(path+".new", append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return data.SyncDirectory(directory)
}

// ReadManifest reads a backup's manifest and verifies size and hash of every file.
func ReadManifest(directory string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(directory, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s has no %s: it is not a backup, or an incomplete one", directory, manifestFile)
	}
	if err != nil {
		return m, err
	}
	d := json.NewDecoder(bytes.NewReader(text[:min(len(text), maxManifestSize)]))
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("reading %s: %w", manifestFile, err)
	}
	if m.Type != ManifestType {
		return m, fmt.Errorf("%s has the unknown type %q; this program reads %q", manifestFile, m.Type, ManifestType)
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Name) || filepath.Base(f.Name) != f.Name {
			return m, fmt.Errorf("%s lists the file %q, which is not a file name without a directory", manifestFile, f.Name)
		}
		size, sum, err := hashFile(filepath.Join(directory, f.Name))
		switch {
		case err != nil:
			return m, fmt.Errorf("the backup is incomplete: %w", err)
		case size != f.Size || sum != f.SHA256:
			return m, fmt.Errorf("the backup is damaged: %s has %d bytes and the SHA-256 %s, want %d and %s", f.Name, size, sum, f.Size, f.SHA256)
		}
	}
	return m, nil
}

// hashFile returns a file's size and its SHA-256 in hexadecimal.
func hashFile(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// writeFile writes a file that only its owner can read, and flushes it to the disk.
func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// copyFile copies a file to a new one that only its owner can read, and flushes it to the disk.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(source)
	return errors.Join(err, f.Sync(), f.Close())
}
