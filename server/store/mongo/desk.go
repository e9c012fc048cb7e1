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

// desk makes the changes of one kind of document that many requests share: a meter, a bucket of seats. All that this node wants of one
// document goes through one queue and is written together, by one update that names the document's revision; if another node came first,
// the document is read again and everything is decided anew. So a document costs one write for many requests, and nodes contend, not
// requests.
//
// A change that is part of an advance carries the mark of its claim. The desk reads the document, then makes sure that the mark is still
// open, then writes. Whoever completes the work in its stead writes the same document before closing the mark, and whoever takes the work
// back does so after (claim.go). So a node that was asleep in between, however long, finds either the mark closed or the revision raised.
type desk[D document] struct {
	store      *Store
	collection *mongo.Collection
	decode     func(raw bson.Raw, entire bool) (D, error)
	part       func(about []string) bson.D // what of a document is read for orders about these; nil: all of it

	mu    sync.Mutex
	lines map[string][]*order[D] // by document; present while somebody works on it
}

// document is one that a desk keeps. It notes what was changed since it was read.
type document interface {
	changes() (set, unset bson.D) // none: nothing to write
	whole(revision int64) any     // for a document that is not there yet
	at() int64                    // the revision that was read; 0: not there yet
	short() bool                  // what was read is too little to decide on
	marked() []string             // activations that have marks in it which may be closed
	tidy(open marks)              // forgets those
}

// order is one change that somebody waits for.
type order[D document] struct {
	about string        // the activation whose part of the document it is about
	apply func(D) error // decides and changes; an error leaves the document as it is
	mark  mark          // must be open; the zero mark is always
	make  func() D      // the document when there is none; nil: ErrNotFound
	seen  D             // the document as it was read before the mark was opened; saves reading it again
	fresh bool          // seen is given

	err  error
	done chan struct{}
}

// errClosed is the answer to an order whose mark is closed: somebody else has completed the work or taken it back.
var errClosed = errors.New("the work was completed or taken back by another")

func newDesk[D document](s *Store, c *mongo.Collection, decode func(bson.Raw, bool) (D, error), part func([]string) bson.D) *desk[D] {
	return &desk[D]{store: s, collection: c, decode: decode, part: part, lines: map[string][]*order[D]{}}
}

// do makes one change and returns after it is stored.
func (d *desk[D]) do(ctx context.Context, id string, o order[D]) error {
	o.done = make(chan struct{})
	d.mu.Lock()
	line, busy := d.lines[id]
	d.lines[id] = append(line, &o)
	d.mu.Unlock()
	if !busy {
		go d.serve(id)
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return meant(ctx.Err())
	}
}

// most is how many orders share one write.
const most = 256

func (d *desk[D]) serve(id string) {
	for {
		d.mu.Lock()
		waiting := d.lines[id]
		if len(waiting) == 0 {
			delete(d.lines, id)
			d.mu.Unlock()
			return
		}
		batch := waiting[:min(most, len(waiting))]
		d.lines[id] = waiting[len(batch):]
		d.mu.Unlock()
		// The batch is nobody's in particular, so no caller's context ends it.
		ctx, cancel := context.WithTimeout(context.Background(), operation)
		err := d.write(ctx, id, batch)
		cancel()
		for _, o := range batch {
			if err != nil {
				o.err = err
			}
			close(o.done)
		}
	}
}

// write makes the changes of a batch, however often another node comes first.
func (d *desk[D]) write(ctx context.Context, id string, batch []*order[D]) error {
	entire := d.part == nil
	for attempt := 0; ; attempt++ {
		doc, err := d.read(ctx, id, batch, attempt, entire)
		if errors.Is(err, licensing.ErrNotFound) {
			for _, o := range batch {
				o.err = licensing.ErrNotFound
			}
			return nil
		} else if err != nil {
			return err
		}
		if !batch[0].alone(len(batch), attempt) {
			open, err := d.store.openMarks(ctx, doc.marked(), activations(batch))
			if err != nil {
				return err
			}
			doc.tidy(open)
			for _, o := range batch {
				if o.mark != (mark{}) && !open.has(o.mark) {
					o.err = errClosed
				} else {
					o.err = o.apply(doc)
				}
			}
		} else {
			batch[0].err = batch[0].apply(doc)
		}
		if !entire && doc.short() {
			entire = true
			continue
		}
		written, err := d.save(ctx, id, doc)
		if written || err != nil {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// alone tells whether what was seen before the mark was opened may be used: then nothing can have been done under the mark before.
func (o *order[D]) alone(n, attempt int) bool { return o.fresh && n == 1 && attempt == 0 }

func activations[D document](batch []*order[D]) []string {
	var all []string
	for _, o := range batch {
		if o.mark.Activation != "" {
			all = append(all, o.mark.Activation)
		}
	}
	return all
}

func (d *desk[D]) read(ctx context.Context, id string, batch []*order[D], attempt int, entire bool) (doc D, err error) {
	if batch[0].alone(len(batch), attempt) {
		return batch[0].seen, nil
	}
	o := options.FindOne()
	if !entire {
		var about []string
		for _, o := range batch {
			about = append(about, o.about)
		}
		o.SetProjection(d.part(slices.Compact(slices.Sorted(slices.Values(about)))))
	}
	raw, err := one[bson.Raw](ctx, d.collection, with("_id", id), o)
	if errors.Is(err, licensing.ErrNotFound) {
		for _, o := range batch {
			if o.make != nil {
				return o.make(), nil
			}
		}
	}
	if err != nil {
		return doc, err
	}
	return d.decode(raw, entire)
}

// save writes what was changed, if nobody else has changed the document since it was read.
func (d *desk[D]) save(ctx context.Context, id string, doc D) (bool, error) {
	set, unset := doc.changes()
	if len(set)+len(unset) == 0 {
		return true, nil
	}
	if doc.at() == 0 {
		err := d.store.insert(ctx, d.collection, doc.whole(1))
		if errors.Is(err, licensing.ErrExists) {
			return false, nil
		}
		return err == nil, err
	}
	update := with("$set", append(set, bson.E{Key: "rev", Value: doc.at() + 1}))
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return d.store.change(ctx, d.collection, byID(id, "rev", doc.at()), update)
}

// pause waits before the next attempt, longer each time, so that nodes get out of each other's way.
func pause(ctx context.Context, attempt int) error {
	longest := time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return meant(ctx.Err())
	}
}
