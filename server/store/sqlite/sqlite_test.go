package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/storetest"
)

func openStore(t *testing.T, directory string) *Store {
	t.Helper()
	s, err := Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) licensing.Store {
		s := openStore(t, t.TempDir())
		t.Cleanup(func() { checkCacheMatchesDatabase(t, s) })
		return s
	})
}

func TestOneProcessPerDirectory(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "new", "däta 100%?#")
	first := openStore(t, directory)
	if _, err := Open(directory); err == nil || !strings.Contains(err.Error(), directory) {
		t.Fatalf("a second process opened the directory: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, directory)
}

func TestFilePermissions(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "data")
	openStore(t, directory)
	files, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestNewerDataIsRefused(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := openStore(t, directory).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(directory, File))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`PRAGMA user_version = 1000`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the directory is released
		if _, err := Open(directory); err == nil || !strings.Contains(err.Error(), "schema version 1000") {
			t.Fatalf("opened newer data: %v", err)
		}
	}
}

func TestMigrationsApplyOnce(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	one, two, broken := `CREATE TABLE a (n); INSERT INTO a VALUES (1)`, `INSERT INTO a VALUES (2)`, `INSERT INTO a VALUES (3); CREATE NONSENSE`
	for _, steps := range [][]string{{one}, {one}, {one, two}, {one, two}} {
		if err := migrate(db, steps); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrate(db, []string{one, two, broken}); err == nil {
		t.Fatal("a failed migration was counted as applied")
	}
	var rows, version int
	if err := db.QueryRow(`SELECT (SELECT count(*) FROM a), user_version FROM pragma_user_version`).Scan(&rows, &version); err != nil {
		t.Fatal(err)
	}
	if rows != 2 || version != 2 {
		t.Errorf("%d rows, version %d", rows, version)
	}
}

// A change that fails or panics does not affect the other changes of its commit.
func TestFailedChangeDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	broken := errors.New("broken")
	insert := func(id string) func(*tx) error {
		return func(t *tx) error {
			_, err := t.exec(`INSERT INTO organisations VALUES (?, '', 0)`, id)
			return err
		}
	}
	answers := commitTogether(t, s,
		insert("a"),
		func(t *tx) error { return errors.Join(insert("b")(t), broken) },
		func(t *tx) error { _ = insert("c")(t); panic("a bug") },
		func(t *tx) error { return errors.Join(insert("d")(t), insert("d")(t)) },
		insert("e"),
	)
	failed := 0
	for _, err := range answers {
		if err != nil {
			failed++
		}
	}
	var kept string
	if err := s.row(`SELECT group_concat(id, '') FROM (SELECT id FROM organisations ORDER BY id)`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if failed != 3 || kept != "ae" {
		t.Errorf("%d failed, kept %q", failed, kept)
	}
}

// commitTogether makes changes in one transaction, in their order, and returns the error of each. The first waits until all others are
// queued.
func commitTogether(t *testing.T, s *Store, changes ...func(*tx) error) []error {
	t.Helper()
	answers, begun, more := make([]error, len(changes)), make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	for n, fn := range changes {
		if n == 0 {
			fn = func(t *tx) error { close(begun); <-more; return changes[0](t) }
		}
		wait.Go(func() { answers[n] = s.write(context.Background(), fn) })
		if n == 0 {
			<-begun
		}
		for len(s.writer.changes) < n {
			runtime.Gosched()
		}
	}
	close(more)
	wait.Wait()
	return answers
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil { // proves S01
		t.Error("a closed store is ready")
	}
	if _, err := s.Product(t.Context(), "", ""); err == nil {
		t.Error("a closed store was read")
	}
}

// A journal without its database may hold changes that are nowhere else; SQLite would delete it.
func TestJournalWithoutDatabase(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	s := openStore(t, directory)
	file := filepath.Join(directory, File)
	journal, err := os.ReadFile(file + "-wal")
	if err := errors.Join(err, s.Close(), os.WriteFile(file+"-wal", journal, 0o600)); err != nil || len(journal) == 0 {
		t.Fatalf("%d bytes, %v", len(journal), err)
	}
	for _, spoil := range []func() error{func() error { return os.Truncate(file, 0) }, func() error { return os.Remove(file) }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(directory); err == nil || !strings.Contains(err.Error(), "journal") {
			t.Errorf("opened: %v", err)
		}
		if _, err := OpenReadOnly(directory); err == nil {
			t.Error("the journal without its database was opened for reading")
		}
		if kept, err := os.ReadFile(file + "-wal"); err != nil || len(kept) != len(journal) {
			t.Errorf("%d of %d bytes are left: %v", len(kept), len(journal), err)
		}
	}
}

// A server whose database was deleted or replaced, or whose journal is missing, is not ready, though it could go on writing to the deleted
// file.
//
// proves S01
func TestReadyNeedsDatabaseFile(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(file string) error{
		"deleted": os.Remove,
		"another in its place": func(file string) error {
			text, err := os.ReadFile(file)
			return errors.Join(err, os.Remove(file), os.WriteFile(file, text, 0o600))
		},
		"no journal": func(file string) error { return os.Remove(file + "-wal") },
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			s := openStore(t, directory)
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(directory, File)); err != nil {
				t.Fatal(err)
			}
			if err := s.Ready(t.Context()); !errors.Is(err, licensing.ErrUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
}
