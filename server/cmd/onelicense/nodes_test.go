//go:build mongo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Three servers on one database are killed in turn. The first node makes the master key, and the others are given it as by an operator.
//
// proves S27, C14. proves part of B13
func TestServersKilledInTurn(t *testing.T) {
	const nodes, kills = 3, 9
	c := newCluster(t, "ONELICENSE_MONGO="+freshDatabase(t))
	c.add(filepath.Join(t.TempDir(), "data"))
	key, err := os.ReadFile(filepath.Join(c.nodes[0].data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for range nodes - 1 {
		data := filepath.Join(t.TempDir(), "data")
		if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "master.key"), key, 0o600)); err != nil {
			t.Fatal(err)
		}
		c.add(data)
	}
	c.killedUnderLoad(kills)
}

// freshDatabase is the URI of a database of the test's own.
func freshDatabase(t *testing.T) string {
	given := os.Getenv("TEST_MONGODB_URI")
	if given == "" {
		t.Fatal("TEST_MONGODB_URI names no server: run `make test-mongo`, which starts one")
	}
	name := fmt.Sprintf("onelicense_nodes_%d", os.Getpid())
	rest, query, _ := strings.Cut(given, "?")
	scheme, rest, _ := strings.Cut(rest, "://")
	authority, _, _ := strings.Cut(rest, "/")
	uri := strings.TrimSuffix(scheme+"://"+authority+"/"+name+"?"+query, "?")
	t.Cleanup(func() {
		client, err := mongo.Connect(options.Client().ApplyURI(given))
		if err == nil {
			err = errors.Join(client.Database(name).Drop(context.Background()), client.Disconnect(context.Background()))
		}
		if err != nil {
			t.Error(err)
		}
	})
	return uri
}
