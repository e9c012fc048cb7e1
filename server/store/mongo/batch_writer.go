package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

// batchWriter makes the changes of one kind of document that many requests share: a meter, or a bucket of seats. All changes of one
// document that this node wants go through one queue and are written together, by one update that states the document's revision. If
// another node came first, the document is read again and every change is decided again. So a document costs one write for many requests,
// and nodes contend for it, not requests.
//
// A change that belongs to an advance carries the token of its claim. The writer reads the document, then checks that the token is still
// open, then writes. A request that completes the work instead writes the same document before it closes the token, and one that undoes the
// work does so after closing it (write_ahead.go). So a node that was stalled in between, however long, finds either the token closed or the
// revision raised.
type batchWriter[D sharedDocument] struct {
	store      *Store
	collection *mongo.Collection
	decode     func(raw bson.Raw, entire bool) (D, error)
	projection func(about []string) bson.D // the part of a document to read for changes of these activations; nil: all of it

	mu     sync.Mutex
	queues map[string][]*pendingWrite[D] // by document; present while one is being written
}

// sharedDocument is a document of a batchWriter. It records what was changed since it was read.
type sharedDocument interface {
	changes() (set, unset bson.D)   // what to write; both empty: nothing
	newDocument(revision int64) any // the document to insert when there is none yet
	revision() int64                // as it was read; 0: the document does not exist yet
	isPartial() bool                // more of the document is needed to decide
	tokenHolders() []string         // activations whose tokens in the document may be closed
	prune(open openClaims)          // removes the traces of closed tokens
}

// pendingWrite is a change that a caller waits for.
type pendingWrite[D sharedDocument] struct {
	activation   string        // the activation whose part of the document it changes
	apply        func(D) error // decides and changes; after an error the document must be as before
	token        claimToken    // must be open; the zero token always is
	create       func() D      // returns the document when there is none; nil: ErrNotFound
	preloaded    D             // the document as it was read before the token was opened, which saves reading it again
	hasPreloaded bool          // preloaded is set

	err  error
	done chan struct{}
}

// errTokenClosed is the result of a write whose token is closed: another request has completed the work or undone it.
var errTokenClosed = errors.New("the claim was completed or undone by another request")

func newBatchWriter[D sharedDocument](s *Store, c *mongo.Collection, decode func(bson.Raw, bool) (D, error),
	part func([]string) bson.D) *batchWriter[D] {
	return &batchWriter[D]{store: s, collection: c, decode: decode, projection: part, queues: map[string][]*pendingWrite[D]{}}
}

// submit makes one change and returns after it is stored, with the error of apply or of the write.
func (d *batchWriter[D]) submit(ctx context.Context, id string, o pendingWrite[D]) error {
	o.done = make(chan struct{})
	d.mu.Lock()
	line, busy := d.queues[id]
	d.queues[id] = append(line, &o)
	d.mu.Unlock()
	if !busy {
		go d.processQueue(id)
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return mapError(ctx.Err())
	}
}

// maxBatch is the largest number of changes that share one write.
const maxBatch = 256

func (d *batchWriter[D]) processQueue(id string) {
	for {
		d.mu.Lock()
		waiting := d.queues[id]
		if len(waiting) == 0 {
			delete(d.queues, id)
			d.mu.Unlock()
			return
		}
		batch := waiting[:min(maxBatch, len(waiting))]
		d.queues[id] = waiting[len(batch):]
		d.mu.Unlock()
		// The batch belongs to many callers, so it has a deadline of its own.
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		err := d.writeBatch(ctx, id, batch)
		cancel()
		for _, o := range batch {
			if err != nil {
				o.err = err
			}
			close(o.done)
		}
	}
}

// writeBatch makes the changes of a batch, again as long as another node changes the document first.
func (d *batchWriter[D]) writeBatch(ctx context.Context, id string, batch []*pendingWrite[D]) error {
	entire := d.projection == nil
	for attempt := 0; ; attempt++ {
		doc, err := d.load(ctx, id, batch, attempt, entire)
		if errors.Is(err, licensing.ErrNotFound) {
			for _, o := range batch {
				o.err = licensing.ErrNotFound
			}
			return nil
		} else if err != nil {
			return err
		}
		if !batch[0].canUsePreloaded(len(batch), attempt) {
			open, err := d.store.readOpenClaims(ctx, doc.tokenHolders(), tokenActivations(batch))
			if err != nil {
				return err
			}
			doc.prune(open)
			for _, o := range batch {
				if o.token != (claimToken{}) && !open.isOpen(o.token) {
					o.err = errTokenClosed
				} else {
					o.err = o.apply(doc)
				}
			}
		} else {
			batch[0].err = batch[0].apply(doc)
		}
		if !entire && doc.isPartial() {
			entire = true
			continue
		}
		written, err := d.save(ctx, id, doc)
		if written || err != nil {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// canUsePreloaded reports whether the preloaded document may be used: on the first attempt, and alone. Then nothing can have been done
// under the token before.
func (o *pendingWrite[D]) canUsePreloaded(n, attempt int) bool {
	return o.hasPreloaded && n == 1 && attempt == 0
}

func tokenActivations[D sharedDocument](batch []*pendingWrite[D]) []string {
	var all []string
	for _, o := range batch {
		if o.token.Activation != "" {
			all = append(all, o.token.Activation)
		}
	}
	return all
}

func (d *batchWriter[D]) load(ctx context.Context, id string, batch []*pendingWrite[D], attempt int, entire bool) (doc D, err error) {
	if batch[0].canUsePreloaded(len(batch), attempt) {
		return batch[0].preloaded, nil
	}
	o := options.FindOne()
	if !entire {
		var about []string
		for _, o := range batch {
			about = append(about, o.activation)
		}
		o.SetProjection(d.projection(slices.Compact(slices.Sorted(slices.Values(about)))))
	}
	raw, err := findOne[bson.Raw](ctx, d.collection, newDoc("_id", id), o)
	if errors.Is(err, licensing.ErrNotFound) {
		for _, o := range batch {
			if o.create != nil {
				return o.create(), nil
			}
		}
	}
	if err != nil {
		return doc, err
	}
	return d.decode(raw, entire)
}

// save writes what was changed. It reports whether it did: not if the document has been changed since it was read.
func (d *batchWriter[D]) save(ctx context.Context, id string, doc D) (bool, error) {
	set, unset := doc.changes()
	if len(set)+len(unset) == 0 {
		return true, nil
	}
	if doc.revision() == 0 {
		err := d.store.insert(ctx, d.collection, doc.newDocument(1))
		if errors.Is(err, licensing.ErrExists) {
			return false, nil
		}
		return err == nil, err
	}
	update := newDoc("$set", append(set, bson.E{Key: "rev", Value: doc.revision() + 1}))
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return d.store.updateOne(ctx, d.collection, byID(id, "rev", doc.revision()), update)
}

// backOff waits before the next attempt, longer on average each time, so that nodes do not collide again.
func backOff(ctx context.Context, attempt int) error {
	longest := time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return mapError(ctx.Err())
	}
}
