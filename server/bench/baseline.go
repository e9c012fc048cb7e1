package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/gofiber/fiber/v2"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// baseline is the least that an honest answer takes: the request's signature checked and its JSON read, one row written in a group commit,
// the answer's JSON written and signed. It knows no rule.
type baseline struct {
	db     *sql.DB
	signer license.Signer
	rows   chan upsert
	ended  chan struct{}
}

type upsert struct {
	key   string
	value []byte
	done  chan error
}

func openBaseline(file string, signer license.Signer) (*baseline, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	b := &baseline{db: db, signer: signer, rows: make(chan upsert, 256), ended: make(chan struct{})}
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `CREATE TABLE rows (key TEXT PRIMARY KEY, value BLOB)`); err != nil {
		return nil, err
	}
	write, err := conn.PrepareContext(ctx, `INSERT INTO rows VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(b.ended)
		for r := range b.rows {
			batch := []upsert{r}
			_, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`)
			for more := true; more && err == nil; {
				_, err = write.ExecContext(ctx, r.key, r.value)
				more = false
				if len(batch) < 256 {
					select {
					case r = <-b.rows:
						if more = r.done != nil; more {
							batch = append(batch, r)
						}
					default:
					}
				}
			}
			if err == nil {
				_, err = conn.ExecContext(ctx, `COMMIT`)
			}
			for _, r := range batch {
				r.done <- err
			}
		}
		_ = conn.Close()
	}()
	return b, nil
}

func (b *baseline) handle(c *fiber.Ctx) error {
	r, hash, err := lease.OpenRequest(c.Body())
	if err != nil {
		return err
	}
	now := time.Now()
	document := baselineLease(r, hash, now)
	w := upsert{string(r.Activation()), document, make(chan error, 1)}
	b.rows <- w
	if err := <-w.done; err != nil {
		return err
	}
	answer, err := document.Sign(b.signer, now)
	if err != nil {
		return err
	}
	return c.Send(answer)
}

// baselineLease is the lease that everybody gets.
func baselineLease(r *lease.Request, hash lease.Hash, now time.Time) lease.Document {
	at := lease.Time(now.UnixMilli())
	return lease.Lease{
		Product: r.Product, License: r.License, Activation: r.Activation(), Generation: r.Generation, Number: r.Number,
		Link:    lease.NextLink(r.Previous, hash),
		Request: hash, Nonce: r.Nonce, Time: at, Epoch: 1, Verdict: license.CodeOK,
		Settings: lease.Settings{Type: lease.Calls, Trigger: lease.EveryCall, Interval: 3600_000, MaxRetries: 3, Grace: 3600_000,
			JournalEvery: 100},
		Counters: lease.Counters{Used: r.Counted, Allowance: lease.MaxCount, Counted: r.Counted}, NotAfter: at + 3*holdDuration,
	}.Document()
}

func (b *baseline) close() {
	close(b.rows)
	<-b.ended
	_ = b.db.Close()
}
