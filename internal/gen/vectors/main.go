// Command vectors writes spec/vectors/license: license files, the keyrings to open them with, and vectors.json, which has the
// expected result of each for every host. Run it from the root of the repository:
//
//	go run ./internal/gen/vectors            # keeps the files that GnuPG made
//	go run ./internal/gen/vectors -gnupg     # also makes these again, with new keys
//
// It writes nothing if the verifier disagrees with a vector.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// vector is one entry of vectors.json.
type vector struct {
	Name    string         `json:"name"`
	Note    string         `json:"note"`
	File    string         `json:"file"`
	Keyring string         `json:"keyring"`
	Now     time.Time      `json:"now"`
	Code    license.Code   `json:"code"`
	Key     string         `json:"key,omitempty"`     // ok: the fingerprint of the key that signed
	Created *time.Time     `json:"created,omitempty"` // ok: when
	Root    string         `json:"root,omitempty"`    // ok: the fingerprint of the keyring's root
	Claims  *licenseClaims `json:"claims,omitempty"`  // ok: what the file says

	bytes []byte
}

type licenseClaims struct {
	ID           license.ID           `json:"id"`
	Contexts     []string             `json:"contexts"`
	Entitlements []licenseEntitlement `json:"entitlements"`
}

type licenseEntitlement struct {
	Name  string `json:"name"`
	Slots int    `json:"slots,omitempty"`
}

func main() {
	anew := flag.Bool("gnupg", false, "make the files that GnuPG makes anew")
	flag.Parse()
	if err := run(filepath.Join("spec", "vectors", "license"), *anew); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func run(dir string, anew bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if anew {
		if err := makeGnuPG(dir); err != nil {
			return err
		}
	}
	keyrings, vectors := cases()
	for i := range gnupgCases {
		v := gnupgCases[i]
		v.File = v.Name + ".txt"
		data, err := os.ReadFile(filepath.Join(dir, v.File))
		if err != nil {
			return fmt.Errorf("%w (use -gnupg)", err)
		}
		v.bytes = data
		vectors = append(vectors, v)
		if keyrings[v.Keyring] == nil {
			if keyrings[v.Keyring], err = os.ReadFile(filepath.Join(dir, v.Keyring)); err != nil {
				return err
			}
		}
	}
	seen := map[string]bool{}
	for i := range vectors {
		v := &vectors[i]
		if seen[v.Name] {
			return fmt.Errorf("%s is there twice", v.Name)
		}
		seen[v.Name] = true
		v.File = v.Name + ".txt"
		if err := v.verify(keyrings[v.Keyring]); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return write(dir, keyrings, vectors)
}

// verify opens the file and completes the expected result of a good one.
func (v *vector) verify(keyring []byte) error {
	keys, err := pgp.Parse(keyring)
	var l *license.License
	if err == nil {
		l, err = license.Open(v.bytes, keys, v.Now)
	}
	var refusal *license.Error
	switch {
	case err == nil && v.Code == license.CodeOK:
	case errors.As(err, &refusal) && refusal.Code == v.Code:
		return nil
	default:
		return fmt.Errorf("expected %s, got %v", v.Code, err)
	}
	v.Key, v.Root, v.Created = l.Signature.Key, l.Root, &l.Signature.Created
	v.Claims = &licenseClaims{ID: l.ID, Contexts: l.Contexts}
	for _, e := range l.Entitlements {
		v.Claims.Entitlements = append(v.Claims.Entitlements, licenseEntitlement(e))
	}
	return nil
}

func write(dir string, keyrings map[string][]byte, vectors []vector) error {
	var list bytes.Buffer
	e := json.NewEncoder(&list)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(vectors); err != nil {
		return err
	}
	files := map[string][]byte{"vectors.json": list.Bytes()}
	for name, data := range keyrings {
		files[name] = data
	}
	for _, v := range vectors {
		files[v.File] = v.bytes
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	// A vector that is no longer listed must not stay behind.
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range there {
		if _, listed := files[f.Name()]; !listed {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d vectors, %d keyrings\n", len(vectors), len(keyrings))
	return nil
}
