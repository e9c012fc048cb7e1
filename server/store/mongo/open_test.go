//go:build mongo

package mongo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

func TestNewerDataIsRefused(t *testing.T) {
	uri := newDatabase(t)
	s := openStore(t, uri)
	set := func(version int64) {
		if _, err := s.updateOne(t.Context(), s.settings, byID("schema"), newDoc("$set", newDoc("version", version))); err != nil {
			t.Fatal(err)
		}
	}
	set(1000)
	if _, err := open(t.Context(), uri, options.Client()); err == nil || !strings.Contains(err.Error(), "schema version 1000") {
		t.Errorf("opened newer data: %v", err)
	}
}

func TestMigrationsApplyOnce(t *testing.T) {
	s := openStore(t, newDatabase(t))
	var done []string
	step := func(name string, err error) func(context.Context, *Store) error {
		return func(context.Context, *Store) error { done = append(done, name); return err }
	}
	if _, err := s.deleteOne(t.Context(), s.settings, byID("schema")); err != nil {
		t.Fatal(err)
	}
	one, two, broken := step("one", nil), step("two", nil), step("broken", errors.New("broken"))
	for _, steps := range [][]func(context.Context, *Store) error{{one}, {one}, {one, two}, {one, two}} {
		if err := s.migrate(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.migrate(t.Context(), []func(context.Context, *Store) error{one, two, broken}); err == nil {
		t.Error("a failed migration was counted as applied")
	}
	if got := strings.Join(done, " "); got != "one two broken" {
		t.Error(got)
	}
}

func TestEpochIsCreatedOnce(t *testing.T) {
	uri := newDatabase(t)
	for _, first := range []int64{1700000000, 1800000000} {
		if epoch, err := openStore(t, uri).Epoch(t.Context(), first); err != nil || epoch != (licensing.Epoch{Value: 1700000000}) {
			t.Errorf("epoch %+v, %v", epoch, err)
		}
	}
}

// The monitor must be able to find something.
func TestCommandMonitorFindsViolations(t *testing.T) {
	for name, command := range map[string]struct {
		document bson.D
		want     string
	}{
		"update": {newDoc("update", "c", "updates", bson.A{newDoc("q", newDoc("_id", "x", "rev", 1), "u", newDoc("$set", newDoc("a", 1)))}),
			""},
		"everything": {newDoc("update", "c", "updates", bson.A{newDoc("q", bson.D{}, "u", newDoc("$set", newDoc("a", 1)))}),
			"no equality of _id"},
		"some": {newDoc("delete", "c", "deletes", bson.A{newDoc("q", newDoc("_id", newDoc("$in", bson.A{"x"})))}), "no equality of _id"},
		"pipeline": {newDoc("update", "c", "updates", bson.A{newDoc("q", newDoc("_id", "x"), "u", bson.A{newDoc("$set", newDoc("a", 1))})}),
			"pipeline"},
		"expression":  {newDoc("find", "c", "filter", newDoc("$expr", newDoc("$gt", bson.A{"$a", "$b"}))), "$expr"},
		"transaction": {newDoc("commitTransaction", 1), "commitTransaction"},
	} {
		raw, err := bson.Marshal(command.document)
		if err != nil {
			t.Fatal(err)
		}
		got := checkCommand(command.document[0].Key, raw)
		if (command.want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "; "), command.want) {
			t.Errorf("%s: %q, want %q", name, got, command.want)
		}
	}
}
