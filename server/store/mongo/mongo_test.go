//go:build mongo

package mongo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// The tests need a server, which `make test-mongo` starts. Each test has a database of its own, which it drops.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_MONGODB_URI") == "" {
		fmt.Fprintln(os.Stderr, "TEST_MONGODB_URI names no server: run `make test-mongo`, which starts one")
		os.Exit(2)
	}
	if uri := os.Getenv(nodeURI); uri != "" {
		fmt.Fprintln(os.Stderr, serveNode(uri))
		os.Exit(1)
	}
	code := m.Run()
	if code == 0 {
		code = reportViolations()
	}
	os.Exit(code)
}

var databases atomic.Int64

// newDatabase returns the URI of a new database.
func newDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("onelicense_test_%d_%d", os.Getpid(), databases.Add(1))
	uri := uriOfDatabase(os.Getenv("TEST_MONGODB_URI"), name)
	t.Cleanup(func() {
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		if err == nil {
			err = errors.Join(client.Database(name).Drop(context.Background()), client.Disconnect(context.Background()))
		}
		if err != nil {
			t.Error(err)
		}
	})
	return uri
}

// uriOfDatabase returns the URI with another database name.
func uriOfDatabase(uri, name string) string {
	rest, query, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(rest, "://")
	authority, given, _ := strings.Cut(rest, "/")
	if given != "" && query == "" && strings.Contains(authority, "@") {
		query = "authSource=" + url.QueryEscape(given)
	}
	return strings.TrimSuffix(scheme+"://"+authority+"/"+name+"?"+query, "?")
}

// openStore opens one more node on the database.
func openStore(t testing.TB, uri string) *Store {
	t.Helper()
	s, err := open(t.Context(), uri, options.Client().SetMonitor(commandMonitor))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// proves S27
func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) licensing.Store { return openStore(t, newDatabase(t)) })
}

// The same with four nodes: each call goes to the next one. proves S27
func TestContractOnFourNodes(t *testing.T) {
	storetest.Run(t, func(t *testing.T) licensing.Store {
		uri := newDatabase(t)
		return &multiNodeStore{Store: openStore(t, uri), others: []*Store{openStore(t, uri), openStore(t, uri), openStore(t, uri)}}
	})
}

func TestAccessContract(t *testing.T) {
	storetest.RunAccess(t, func(t *testing.T) access.Store { return openStore(t, newDatabase(t)) })
}
