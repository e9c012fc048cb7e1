// Package mongo keeps everything in MongoDB: the store for more than one machine. Every request can land on any node, and a node keeps
// nothing but what it is about.
//
// Start with Open. What holds the package together:
//
//   - Every invariant lives in one document and is kept by one conditional update that names the document's _id and its revision, or
//     what else must still be true. There are no transactions, change streams, unique indexes or pipelines, so the same code is right on
//     a single server, a replica set and a sharded cluster, whose shard key is _id everywhere.
//   - What needs several documents is written ahead into one of them and can be completed or taken back by any node: an advance of a
//     chain by its claim (claim.go), what is to be given back after it (owed.go), a deletion (delete.go), the founding (founding.go).
//   - Names are unique because they are _ids of a collection of their own (names.go).
//   - The time of a request comes with it. The node's own clock decides only when somebody else's unfinished work is taken back, which is
//     right at any time.
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

// DefaultDatabase is used when the URI's path names none.
const DefaultDatabase = "onelicense"

// How long the store waits for MongoDB. A request that finds nobody gives up well within a client's patience; an election takes longer
// than selection, so requests fail with ErrUnavailable during one and succeed after it.
const (
	selectionTimeout = 3 * time.Second
	operationTimeout = 10 * time.Second
)

// abandonedAfter is how old a piece of unfinished work must be before somebody whose work it is not takes it back.
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
	onWrite        func() error // set by tests: called around each write, an error is a crash there

	stop func()
	done sync.WaitGroup
}

// Open connects to the server, replica set or cluster that the URI names, checks that it answers, and brings the schema up to date. It
// fails soon when nobody answers, and when the data was written by a newer program. Errors never show the URI's password.
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

// dial connects, and changes nothing.
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
	// An answer outlives the loss of any minority of servers, and nothing is decided on what could still be rolled back. These are not
	// the URI's to weaken.
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

// Ready is nil while the store can be written.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.upsert(ctx, s.settings, byID(heartbeatID), newDoc("$set", newDoc("at", bson.NewDateTimeFromTime(s.now()))))
}

// Close ends the connections. What is under way is left to be completed by whoever meets it.
func (s *Store) Close() error {
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// address is what may be said of a URI.
type address struct {
	hosts, database string
	user            string // name and password, never to be shown
}

// parseURI takes the URI apart only as far as needed here: the driver judges it. A list of hosts is not what net/url takes.
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

// redact gives an error's text without what is secret in the URI.
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
