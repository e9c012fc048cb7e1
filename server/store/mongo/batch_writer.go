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

// batchWriter makes the changes of one kind of document that many requests share: a meter, a bucket of seats. All that this node wants of one
// document goes through one queue and is written together, by one update that names the document's revision; if another node came first,
// the document is read again and everything is decided anew. So a document costs one write for many requests, and nodes contend, not
// requests.
//
// A change that is part of an advance carries the mark of its claim. The desk reads the document, then makes sure that the mark is still
// open, then writes. Whoever completes the work in its stead writes the same document before closing the mark, and whoever takes the work
// back does so after (claim.go). So a node that was asleep in between, however long, finds either the mark closed or the revision raised.
type batchWriter[D sharedDocument] struct {
	store      *Store
	collection *mongo.Collection
	decode     func(raw bson.Raw, entire bool) (D, error)
	projection func(about []string) bson.D // what of a document is read for orders about these; nil: all of it

	mu     sync.Mutex
	queues map[string][]*pendingWrite[D] // by document; present while somebody works on it
}

// sharedDocument is one that a desk keeps. It notes what was changed since it was read.
type sharedDocument interface {
	changes() (set, unset bson.D)   // none: nothing to write
	newDocument(revision int64) any // for a document that is not there yet
	revision() int64                // the revision that was read; 0: not there yet
	isPartial() bool                // what was read is too little to decide on
	tokenHolders() []string         // activations that have marks in it which may be closed
	prune(open openClaims)          // forgets those
}

// pendingWrite is one change that somebody waits for.
type pendingWrite[D sharedDocument] struct {
	activation   string        // the activation whose part of the document it is about
	apply        func(D) error // decides and changes; an error leaves the document as it is
	token        claimToken    // must be open; the zero mark is always
	create       func() D      // the document when there is none; nil: ErrNotFound
	preloaded    D             // the document as it was read before the mark was opened; saves reading it again
	hasPreloaded bool          // seen is given

	err  error
	done chan struct{}
}

// errTokenClosed is the answer to an order whose mark is closed: somebody else has completed the work or taken it back.
var errTokenClosed = errors.New("the work was completed or taken back by another")

func newBatchWriter[D sharedDocument](s *Store, c *mongo.Collection, decode func(bson.Raw, bool) (D, error), part func([]string) bson.D) *batchWriter[D] {
	return &batchWriter[D]{store: s, collection: c, decode: decode, projection: part, queues: map[string][]*pendingWrite[D]{}}
}

// submit makes one change and returns after it is stored.
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

// maxBatch is how many orders share one write.
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
		// The batch is nobody's in particular, so no caller's context ends it.
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

// writeBatch makes the changes of a batch, however often another node comes first.
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

// canUsePreloaded tells whether what was seen before the mark was opened may be used: then nothing can have been done under the mark before.
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

// save writes what was changed, if nobody else has changed the document since it was read.
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

// backOff waits before the next attempt, longer each time, so that nodes get out of each other's way.
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
