// Package mongo keeps everything in MongoDB: the store for more than one machine. Any node can serve any request, and a node keeps nothing
// between requests but caches and locks that correctness does not depend on.
//
// Start with Open. The design of the package:
//
//   - Every invariant is in one document and is kept by one conditional update that states the document's _id and its revision, or
//     another condition. There are no transactions, change streams, unique indexes or pipelines, so the same code is correct on
//     a single server, a replica set and a sharded cluster, where the shard key is _id in all collections.
//   - What needs several documents is first written into one of them, and any node can complete or undo it: an advance by its claim
//     (write_ahead.go), what it gives back (pending_releases.go), a deletion (delete_license.go), the first owner (first_owner.go).
//   - Names are unique because they are the _ids of a collection of their own (unique_names.go).
//   - The time of a request comes with it. The node's own clock only decides when the unfinished work of another node is undone, which
//     is correct at any time.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

var (
	_ licensing.Store = (*Store)(nil)
	_ access.Store    = (*Store)(nil)
)

// DefaultDatabase is the database when the URI's path names none.
const DefaultDatabase = "onelicense"

// Timeouts of the store. A request that finds no server gives up well before its client does. An election takes longer than
// selectionTimeout, so requests fail with ErrUnavailable during one and succeed after it.
const (
	selectionTimeout = 3 * time.Second
	operationTimeout = 10 * time.Second
)

// abandonedAfter is the age at which unfinished work is taken for abandoned, and another request or the sweep undoes it.
const abandonedAfter = 10 * time.Second

// Store is the data of one database. It implements licensing.Store and access.Store.
type Store struct {
	client *mongo.Client

	organisations, products, versions, licenses *mongo.Collection
	names, deletions, settings                  *mongo.Collection
	activations, meters, pools                  *mongo.Collection
	members, sessions                           *mongo.Collection
	entries                                     *mongo.Collection

	activationLocks keyedMutex
	meterWriter     *batchWriter[*meter]
	seatWriter      *batchWriter[*bucket]
	fullBuckets     fullBucketCache

	abandonedAfter time.Duration
	now            func() time.Time
	onWrite        func() error // set by tests: called before and after each write; an error is a crash there

	stop func()
	done sync.WaitGroup
}

// Open connects to the server, replica set or cluster of the URI, checks that it can be reached, and updates the schema. It fails soon when
// no server can be reached, and when the data was written by a newer program. Errors never contain the URI's password.
func Open(ctx context.Context, uri string) (*Store, error) {
	return open(ctx, uri, options.Client())
}

func open(ctx context.Context, uri string, o *options.ClientOptions) (*Store, error) {
	s, at, err := dial(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s at %s: %w", at.database, at.hosts, err), s.Close())
	}
	s.startSweep()
	return s, nil
}

// dial connects without changing anything.
func dial(ctx context.Context, uri string, o *options.ClientOptions) (*Store, address, error) {
	at, err := parseURI(uri)
	if err != nil {
		return nil, at, err
	}
	o.ApplyURI(uri)
	if err := o.Validate(); err != nil {
		return nil, at, fmt.Errorf("the MongoDB URI is not valid: %s", at.redact(err))
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	if o.Timeout == nil {
		o.SetTimeout(operationTimeout)
	}
	if o.AppName == nil {
		o.SetAppName("onelicense")
	}
	journal := true
	// What was acknowledged survives the loss of any minority of servers, and nothing is decided on data that could be rolled back. The URI
	// cannot weaken these settings.
	o.SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal})
	o.SetReadConcern(readconcern.Majority())
	o.SetReadPreference(readpref.Primary())
	o.SetBSONOptions(&options.BSONOptions{UseJSONStructTags: true})
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, at, fmt.Errorf("connecting to MongoDB at %s: %s", at.hosts, at.redact(err))
	}
	s := &Store{client: client, abandonedAfter: abandonedAfter, now: time.Now}
	s.collections(client.Database(at.database))
	if err := client.Ping(ctx, readpref.Primary()); err != nil {
		return nil, at, errors.Join(fmt.Errorf("MongoDB at %s cannot be reached: %s", at.hosts, at.redact(lastServerError(err))), s.Close())
	}
	return s, at, nil
}

func (s *Store) collections(db *mongo.Database) {
	for name, c := range s.collectionsByName() {
		*c = db.Collection(name)
	}
	s.meterWriter = newBatchWriter(s, s.meters, func(raw bson.Raw, _ bool) (*meter, error) { return decodeMeter(raw) }, nil)
	s.seatWriter = newBatchWriter(s, s.pools, decodeBucket, bucketProjection)
}

func (s *Store) collectionsByName() map[string]**mongo.Collection {
	return map[string]**mongo.Collection{
		"organisations": &s.organisations, "products": &s.products, "versions": &s.versions, "licenses": &s.licenses,
		"names": &s.names, "deletions": &s.deletions, "settings": &s.settings,
		"activations": &s.activations, "meters": &s.meters, "pools": &s.pools,
		"members": &s.members, "sessions": &s.sessions, "entries": &s.entries,
	}
}

const heartbeatID = "heartbeat"

// Ready returns nil while the store can be written.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := s.upsert(ctx, s.settings, byID(heartbeatID), newDoc("$set", newDoc("at", bson.NewDateTimeFromTime(s.now()))))
	return err
}

// Close ends the connections. Unfinished work is left for other requests or the next sweep to complete or undo.
func (s *Store) Close() error {
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// address is the part of a URI that may be shown, and the credentials to hide.
type address struct {
	hosts, database string
	user            string // name and password, never to be shown
}

// parseURI splits the URI only as far as needed here; the driver validates it. net/url does not accept a list of hosts.
func parseURI(uri string) (address, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme != "mongodb" && scheme != "mongodb+srv" {
		return address{}, errors.New("the MongoDB URI must begin with mongodb:// or mongodb+srv://")
	}
	rest, _, _ = strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(rest, "/")
	a := address{hosts: authority, database: database}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		a.user, a.hosts = authority[:at], authority[at+1:]
	}
	if a.database == "" {
		a.database = DefaultDatabase
	}
	return a, nil
}

// redact returns the text of an error without the credentials of the URI.
func (a address) redact(err error) string {
	text := err.Error()
	if a.user == "" {
		return text
	}
	text = strings.ReplaceAll(text, a.user, "…")
	if _, password, ok := strings.Cut(a.user, ":"); ok && password != "" {
		text = strings.ReplaceAll(text, password, "…")
	}
	return text
}
