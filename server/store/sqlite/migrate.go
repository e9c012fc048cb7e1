package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from an empty file to the present schema. The number of migrations applied is the file's schema version (PRAGMA
// user_version). Released migrations are never changed; new ones are appended.
var migrations = []string{
	catalogueSchema,
	syncSchema,
	membersSchema,
	epochSchema,
	reactivationSchema,
	entriesSchema,
	renewalSchema,
	metersSchema,
	memberEditsSchema,
	listsSchema,
	archivedSchema,
	limitsSchema,
}

// migrate applies the missing migrations, each in a transaction of its own. It returns an error when the file has a newer schema than
// steps.
func migrate(db *sql.DB, steps []string) error {
	ctx := context.Background()
	var version int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	if version > len(steps) {
		return fmt.Errorf("the data has schema version %d, this program knows versions up to %d: use the newer program", version, len(steps))
	}
	for ; version < len(steps); version++ {
		t, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err = t.Exec(steps[version]); err == nil {
			_, err = t.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version+1))
		}
		if err != nil {
			_ = t.Rollback()
			return fmt.Errorf("changing the schema to version %d: %w", version+1, err)
		}
		if err := t.Commit(); err != nil {
			return fmt.Errorf("changing the schema to version %d: %w", version+1, err)
		}
	}
	return nil
}
