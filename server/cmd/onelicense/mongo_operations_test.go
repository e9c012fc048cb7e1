//go:build mongo

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/ops"
)

// Operations on servers whose data is in MongoDB.

// databaseOf returns the database of a URI, opened as an administrator does.
func databaseOf(t *testing.T, uri string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
	_, rest, _ := strings.Cut(uri, "://")
	_, name, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, "?")
	return client.Database(name)
}

// dump returns what mongodump stores: every document of every collection.
func dump(t *testing.T, db *mongo.Database) map[string][]any {
	t.Helper()
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]any{}
	for _, name := range names {
		cursor, err := db.Collection(name).Find(t.Context(), bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		var documents []bson.Raw
		if err := cursor.All(t.Context(), &documents); err != nil {
			t.Fatal(err)
		}
		for _, d := range documents {
			all[name] = append(all[name], d)
		}
	}
	return all
}

// restoreDump does what mongorestore --drop does.
func restoreDump(t *testing.T, db *mongo.Database, dumped map[string][]any) {
	t.Helper()
	if err := db.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, documents := range dumped {
		if len(documents) == 0 {
			continue
		}
		if _, err := db.Collection(name).InsertMany(t.Context(), documents); err != nil {
			t.Fatal(err)
		}
	}
}

// A database is dumped with MongoDB's own tools while programs count; it is lost and restored.
//
// proves part of B12
// proves part of N05
func TestMongoDumpAndRestore(t *testing.T) {
	uri := freshDatabase(t)
	s := openShop(t, "ONELICENSE_MONGO="+uri)
	db := databaseOf(t, uri)
	var kept map[string][]any
	s.lostAndRestored(func() { kept = dump(t, db) }, func() {
		restoreDump(t, db, kept)
		key := filepath.Join(t.TempDir(), "key")
		if err := os.Rename(filepath.Join(s.data, "master.key"), key); err != nil {
			t.Fatal(err)
		}
		if exit, _, errs := run(nil, "restore", "--data", s.data, "--mongo", uri); exit != exitRefused || !strings.Contains(errs, "master.key") {
			t.Errorf("without the master key: exit %d, %s", exit, errs)
		}
		wrong := filepath.Join(t.TempDir(), "wrong")
		if err := os.WriteFile(wrong, make([]byte, 32), 0o600); err != nil {
			t.Fatal(err)
		}
		if exit, _, errs := run(nil, "restore", "--data", s.data, "--mongo", uri, "--master-key", wrong); exit != exitRefused ||
			!strings.Contains(errs, "a different one") {
			t.Errorf("with another master key: exit %d, %s", exit, errs)
		}
		var result struct {
			Begun int64 `json:"epoch_begun"`
		}
		s.read(&result, "restore", "--data", s.data, "--mongo", uri, "--master-key", key)
		if result.Begun == 0 {
			t.Error("no epoch has begun")
		}
		if err := os.Rename(key, filepath.Join(s.data, "master.key")); err != nil {
			t.Fatal(err)
		}
	})
}

// An address that names a wrong database does not create it.
func TestWrongDatabaseIsNotCreated(t *testing.T) {
	uri, data := freshDatabase(t), filepath.Join(t.TempDir(), "data")
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"restore", "--data", data, "--mongo", uri, "--master-key", key},
		{"epoch", "end-freeze", "--data", data, "--mongo", uri},
		{"organisation", "create-link", "--data", data, "--mongo", uri},
	} {
		if exit, out, errs := run(nil, args...); exit != exitRefused || out != "" || !strings.Contains(errs, "the database is empty") {
			t.Errorf("%q: exit %d, %s%s", args, exit, out, errs)
		}
	}
	if names, err := databaseOf(t, uri).ListCollectionNames(t.Context(), bson.D{}); err != nil || len(names) != 0 {
		t.Errorf("there is %v, %v", names, err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Errorf("%s was made", data)
	}
}

// The doctor finds nothing on a healthy server and each fault of a database, and changes nothing.
//
// proves part of B12
func TestDoctorOnMongo(t *testing.T) {
	uri := freshDatabase(t)
	s := openShop(t, "ONELICENSE_MONGO="+uri)
	if get(t, s.server.base+"/readyz") != "ok\n" {
		t.Fatal("it is not ready")
	}
	s.server.stop(t) // with its last lines
	db := databaseOf(t, uri)
	found := func(now time.Time, args ...string) map[string]ops.Finding {
		t.Helper()
		_, out, errs := runAt(func() time.Time { return now }, nil, append([]string{"doctor", "--data", s.data, "--mongo", uri, "--offline",
			"--json"}, args...)...)
		var list []ops.Finding
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		all := map[string]ops.Finding{}
		for _, f := range list {
			if there, ok := all[f.Code]; !ok || there.Level == ops.Good {
				all[f.Code] = f
			}
		}
		return all
	}
	well := found(time.Now())
	for code, says := range map[string]string{"database": "answers", "schema": "version", "product_keys": "all 1 products",
		"background_jobs": "no overdue", "clock": "not behind", "audit": "entries in"} {
		if f := well[code]; f.Level != ops.Good || !strings.Contains(f.Detail, says) {
			t.Errorf("%s of a server that is well: %+v", code, f)
		}
	}
	if f := well["audit"]; strings.HasPrefix(f.Detail, "0 lines") {
		t.Errorf("%+v", f)
	}
	whole := dump(t, db)

	entry := bson.D{{Key: "_id", Value: "x:x"}, {Key: "kind", Value: "x"}, {Key: "until", Value: bson.DateTime(1)}}
	set := func(collection string, filter, members bson.D) func() error {
		return func() error {
			_, err := db.Collection(collection).UpdateOne(t.Context(), filter, bson.D{{Key: "$set", Value: members}},
				options.UpdateOne().SetUpsert(true))
			return err
		}
	}
	id := func(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }
	var line bson.M
	if err := db.Collection("entries").FindOne(t.Context(), bson.D{{Key: "kind", Value: "audit"}, {Key: "org", Value: bson.D{{Key: "$ne",
		Value: ""}}}},
		options.FindOne().SetSort(bson.D{{Key: "created", Value: 1}})).Decode(&line); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func() error
		code  string
		level ops.Level
		says  string
	}{
		"nothing there": {func() error { return db.Drop(t.Context()) }, "database", ops.Bad, "empty"},
		"of tomorrow":   {set("settings", id("schema"), bson.D{{Key: "version", Value: int64(1000)}}), "schema", ops.Bad, "1000"},
		"of yesterday":  {set("settings", id("schema"), bson.D{{Key: "version", Value: int64(1)}}), "schema", ops.Warning, "schema version 1"},
		"an entry left": {func() error { _, err := db.Collection("entries").InsertOne(t.Context(), entry); return err }, "background_jobs",
			ops.Warning, "overdue records: 1"},
		"a request left": {func() error {
			_, err := db.Collection("activations").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "x"}, {Key: "open", Value: bson.DateTime(1)}})
			return err
		}, "background_jobs", ops.Warning, "overdue records: 1"},
		"a clock set back": {set("settings", id("heartbeat"), bson.D{{Key: "at", Value: bson.NewDateTimeFromTime(time.Now().Add(time.Hour))}}),
			"clock", ops.Bad, "a server wrote at"},
		"a line changed": {set("entries", bson.D{{Key: "_id", Value: line["_id"]}}, bson.D{{Key: "body",
			Value: []byte(strings.Replace(string(line["body"].(bson.Binary).Data), "Ada", "Eve", 1))}}), "audit", ops.Bad, "was changed"},
		"a line removed": {func() error {
			_, err := db.Collection("entries").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: line["_id"]}})
			return err
		}, "audit", ops.Bad, ""},
		"an epoch after a restore": {set("settings", id("epoch"), bson.D{{Key: "value", Value: int64(1)}, {Key: "since",
			Value: bson.DateTime(1)}}), "restored", ops.Good, "1970"},
	} {
		t.Run(name, func(t *testing.T) {
			restoreDump(t, db, whole)
			if err := c.spoil(); err != nil {
				t.Fatal(err)
			}
			before := dump(t, db)
			if f := found(time.Now())[c.code]; f.Level != c.level || !strings.Contains(f.Detail, c.says) {
				t.Errorf("%+v, want %s and %q", f, c.level, c.says)
			}
			if after := dump(t, db); len(after) != len(before) {
				t.Errorf("looking has changed it: %d collections are %d", len(before), len(after))
			} else {
				for name, documents := range before {
					for i, d := range documents {
						if !slices.Equal(d.(bson.Raw), after[name][i].(bson.Raw)) {
							t.Errorf("looking has changed %s: %s", name, after[name][i])
						}
					}
				}
			}
		})
	}
	restoreDump(t, db, whole)
	if err := os.WriteFile(filepath.Join(s.data, "master.key"), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := found(time.Now())["product_keys"]; f.Level != ops.Bad || !strings.Contains(f.Detail, "a different one") {
		t.Errorf("with another master key: %+v", f)
	}
	if f := found(time.Now(), "--mongo", "mongodb://user:geheim@127.0.0.1:1/x")["database"]; f.Level != ops.Bad || strings.Contains(f.Detail,
		"geheim") || !strings.Contains(f.Detail, "127.0.0.1:1") {
		t.Errorf("nobody answers: %+v", f)
	}
}
