//go:build !native

package onelicense

import (
	"bytes"
	"crypto/sha256"
	"errors"
)

// A client that began in the interpreter moves to the compiled module when that is ready. Its state cannot be copied, but it can be
// made again: the core is a machine without I/O, so the same calls give the same state, byte for byte. The history holds all calls
// since the instance began; the move makes them again and compares each answer.

// maxHistory bounds what is kept, in bytes. A client that does more before the compiler is done stays in the interpreter.
const maxHistory = 16 << 20

// record is one call by its bytes, or a run of equal counts.
type record struct {
	in  []byte
	out [sha256.Size]byte

	handle, n int32
	now       float64
	answer    int32
	times     int
}

const recordSize = 128 // roughly, besides in

type history struct {
	records []record
	size    int
	sealed  bool // the last record may be being replayed: it must not change
}

func (h *history) called(in, out []byte) { h.add(record{in: in, out: sha256.Sum256(out)}) }

func (h *history) counted(handle, n int32, now float64, answer int32) {
	if last := len(h.records) - 1; last >= 0 && !h.sealed {
		if r := &h.records[last]; r.in == nil && r.handle == handle && r.n == n && r.now == now && r.answer == answer {
			r.times++
			return
		}
	}
	h.add(record{handle: handle, n: n, now: now, answer: answer, times: 1})
}

func (h *history) add(r record) {
	h.sealed = false
	if h.size += recordSize + len(r.in); h.size > maxHistory {
		h.records = nil
		return
	}
	h.records = append(h.records, r)
}

// after gives the records from the nth on, which will not change any more; not ok when the history was too long to keep.
func (h *history) after(n int) (records []record, ok bool) {
	h.sealed = true
	if h.size > maxHistory {
		return nil, false
	}
	return h.records[n:len(h.records):len(h.records)], true
}

var errDiverged = errors.New("the compiled module answers otherwise than the interpreter")

// replay makes the calls again.
func (i *instance) replay(records []record) error {
	for _, r := range records {
		if r.in == nil {
			for range r.times {
				if answer, err := i.count(r.handle, r.n, r.now); err != nil || answer != r.answer {
					return errors.Join(errDiverged, err)
				}
			}
			continue
		}
		out, err := i.exchange(r.in)
		if sum := sha256.Sum256(out); err != nil || !bytes.Equal(sum[:], r.out[:]) {
			return errors.Join(errDiverged, err)
		}
	}
	return nil
}

// forget: an instance that keeps nothing between its calls need not be made again.
func (i *instance) forget() { i.history = nil }

// begun is told of the instance that the client runs in; the caller holds the lock.
func (m *machine) begun(inst *instance) {
	if inst.history != nil {
		go m.moveWhenCompiled(m.run)
	}
}

// moveWhenCompiled moves the client from the interpreter to the compiled module: it makes all calls again there, most of them while
// the client goes on, the last few while it waits.
func (m *machine) moveWhenCompiled(run int) {
	select {
	case <-m.engine.ready:
	case <-m.ctx.Done():
		return
	}
	fresh, err := m.engine.instance()
	if err != nil {
		return
	}
	if fresh.tier.quick || !m.catchUp(run, fresh) {
		fresh.close()
	}
}

func (m *machine) catchUp(run int, fresh *instance) (moved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := 0
	for _, last := range []bool{false, true} {
		if m.run != run || m.inst == nil {
			return false
		}
		records, ok := m.inst.history.after(done)
		if !ok {
			m.inst.history = nil
			return false
		}
		if !last {
			m.mu.Unlock()
		}
		err := fresh.replay(records)
		if !last {
			m.mu.Lock()
		}
		if err != nil {
			if m.run == run && m.inst != nil {
				m.inst.history = nil
			}
			return false
		}
		done += len(records)
	}
	m.inst.close()
	m.inst = fresh
	return true
}
