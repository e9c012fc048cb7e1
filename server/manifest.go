package server

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
)

// A backup is a directory: what is kept, and a manifest that says what belongs to it. The manifest is written last, so a backup that was cut
// short has none. It finds what was damaged on the way; it is not signed, and does not prove who made it.

// ManifestType is the first member of a manifest.
const ManifestType = "onelicense/backup/1"

const (
	manifestFile = "manifest.json"
	maxManifest  = 1 << 20
)

// Manifest describes a backup.
type Manifest struct {
	Type    string       `json:"type"`
	Created time.Time    `json:"created"`
	Program string       `json:"program"` // that made it
	Schema  int          `json:"schema"`  // version of the data
	Epoch   int64        `json:"epoch"`   // of the data; a restore raises it
	Files   []BackupFile `json:"files"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Contains tells whether a file belongs to the backup.
func (m Manifest) Contains(name string) bool {
	return slices.ContainsFunc(m.Files, func(k BackupFile) bool { return k.Name == name })
}

// addFile adds a file that is there.
func (m *Manifest) addFile(directory, name string) error {
	size, sum, err := hashFile(filepath.Join(directory, name))
	m.Files = append(m.Files, BackupFile{name, size, sum})
	return err
}

// write puts the manifest under its name at once.
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
	return syncDirectory(directory)
}

// ReadManifest reads a backup's manifest and holds every file to it.
func ReadManifest(directory string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(directory, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s has no %s: it is no backup, or one that was cut short", directory, manifestFile)
	}
	if err != nil {
		return m, err
	}
	d := json.NewDecoder(bytes.NewReader(text[:min(len(text), maxManifest)]))
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("reading %s: %w", manifestFile, err)
	}
	if m.Type != ManifestType {
		return m, fmt.Errorf("%s is of the type %q, this program knows %q", manifestFile, m.Type, ManifestType)
	}
	for _, k := range m.Files {
		if !filepath.IsLocal(k.Name) || filepath.Base(k.Name) != k.Name {
			return m, fmt.Errorf("%s names the file %q, which is no name of a file beside it", manifestFile, k.Name)
		}
		size, sum, err := hashFile(filepath.Join(directory, k.Name))
		switch {
		case err != nil:
			return m, fmt.Errorf("the backup is not whole: %w", err)
		case size != k.Size || sum != k.SHA256:
			return m, fmt.Errorf("the backup is damaged: %s has %d bytes and the hash %s, not %d and %s", k.Name, size, sum, k.Size, k.SHA256)
		}
	}
	return m, nil
}

// hashFile gives a file's size and hash.
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

// writeFile makes a file that only its owner reads, and makes sure that it is on the disk.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
