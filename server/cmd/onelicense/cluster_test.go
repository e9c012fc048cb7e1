//go:build mongo

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Three servers on one database are killed in turn.
//
// proves S27, C14. proves part of B13
func TestKilledClusterNodesLoseNothing(t *testing.T) {
	c := newNodes(t)
	c.runUnderLoad(9, func(n *node) { c.kill(n); c.start(n) })
}

// Three servers are restarted in turn, and no request has to be sent a second time.
//
// proves part of B13
func TestRollingRestartLosesNoRequest(t *testing.T) {
	c := newNodes(t, "ONELICENSE_STOP_DELAY=3s")
	if resent := c.runUnderLoad(3, c.restart); resent != 0 {
		t.Errorf("%d requests were lost", resent)
	}
}

// newNodes starts three servers. The first creates the master key, and the others get a copy of it as from an operator.
func newNodes(t *testing.T, environment ...string) *cluster {
	c := newCluster(t, append(environment, "ONELICENSE_MONGO="+freshDatabase(t))...)
	c.add(filepath.Join(t.TempDir(), "data"))
	key, err := os.ReadFile(filepath.Join(c.nodes[0].data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		data := filepath.Join(t.TempDir(), "data")
		if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "master.key"), key, 0o600)); err != nil {
			t.Fatal(err)
		}
		c.add(data)
	}
	return c
}

// freshDatabase returns the URI of a database of the test's own.
func freshDatabase(t *testing.T) string {
	given := os.Getenv("TEST_MONGODB_URI")
	if given == "" {
		t.Fatal("TEST_MONGODB_URI names no server: run `make test-mongo`, which starts one")
	}
	name := fmt.Sprintf("onelicense_%s_%d", t.Name(), os.Getpid())
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

// restart stops a node as an orchestrator does and starts it again: the node gets a signal, then no more requests once it says that it is
// not ready, and ends by itself.
func (c *cluster) restart(n *node) {
	c.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.Fatal(err)
	}
	for {
		response, err := http.Get(n.base + "/readyz")
		if err != nil {
			c.Fatalf("it has stopped before anybody could know: %v", err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	c.mu.Lock()
	n.url = nil
	c.mu.Unlock()
	for range n.lines { // to the end
	}
	if err := n.cmd.Wait(); err != nil {
		c.Fatalf("it ends with %v: %s", err, &n.log)
	}
	c.start(n)
}
