package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// A closed store is one file: a copy of it has everything.
func TestCloseLeavesOneFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	s := openStore(t, directory)
	if err := s.CreateOrganisation(t.Context(), licensing.Organisation{ID: crashOrg, Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(directory, File+"-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal is left beside it: %v", err)
	}
}

// A copy made while others write is consistent, and has everything that was acknowledged before it began.
//
// proves part of B12
func TestCopyUnderLoad(t *testing.T) {
	t.Parallel()
	directory, ctx := t.TempDir(), t.Context()
	s := openStore(t, directory)
	if err := s.CreateOrganisation(ctx, licensing.Organisation{ID: crashOrg, Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	var writers sync.WaitGroup
	written := make(chan struct{}, 1000)
	for w := range 4 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := license.ID(fmt.Sprintf("%012x%012x", w, n))
				err := s.CreateProduct(ctx, licensing.Product{Record: licensing.Record{ID: id, Organisation: crashOrg, Revision: 1}, Name: string(id),
					Keyring: []byte{1}, SealedKeys: []byte{2}})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				select {
				case written <- struct{}{}:
				default:
				}
			}
		})
	}
	gone := make(chan struct{})
	go func() { writers.Wait(); close(gone) }()
	for range 20 {
		select {
		case <-written:
		case <-gone:
			t.Fatal("no write was acknowledged")
		}
	}
	o, err := OpenReadOnly(directory)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	to := filepath.Join(t.TempDir(), File)
	if err := o.Copy(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	stop()
	writers.Wait()
	copied, err := openReadOnly(to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if err := copied.Check(t.Context()); err != nil {
		t.Error(err)
	}
	products := 0
	if err := copied.EachProduct(t.Context(), func(licensing.Product) error { products++; return nil }); err != nil || products < 20 {
		t.Errorf("%d products of 20 or more: %v", products, err)
	}
	if version, known, err := copied.SchemaVersion(t.Context()); err != nil || version != known {
		t.Errorf("schema %d of %d: %v", version, known, err)
	}
	if err := o.Copy(t.Context(), to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a copy over another: %v", err)
	}
	if _, err := OpenReadOnly(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory without data: %v", err)
	}
}

// The directory may be given by a relative path.
//
// proves part of B12
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	s := openStore(t, "data")
	if err := s.CreateOrganisation(t.Context(), licensing.Organisation{ID: crashOrg, Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	seen, err := OpenReadOnly("./data")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = seen.Close() }()
	if err := errors.Join(seen.Check(t.Context()), seen.Copy(t.Context(), "copy.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("copy.db"); err != nil {
		t.Error(err)
	}
}
