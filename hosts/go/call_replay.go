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

// maxCallLog bounds what is kept, in bytes. A client that does more before the compiler is done stays in the interpreter.
const maxCallLog = 16 << 20

// callRecord is one call by its bytes, or a run of equal counts.
type callRecord struct {
	in  []byte
	out [sha256.Size]byte

	handle, n int32
	now       float64
	answer    int32
	times     int
}

const recordSize = 128 // roughly, besides in

type callLog struct {
	records []callRecord
	size    int
	frozen  bool // the last record may be being replayed: it must not change
}

func (h *callLog) addCall(in, out []byte) { h.add(callRecord{in: in, out: sha256.Sum256(out)}) }

func (h *callLog) addCount(handle, n int32, now float64, answer int32) {
	if last := len(h.records) - 1; last >= 0 && !h.frozen {
		if r := &h.records[last]; r.in == nil && r.handle == handle && r.n == n && r.now == now && r.answer == answer {
			r.times++
			return
		}
	}
	h.add(callRecord{handle: handle, n: n, now: now, answer: answer, times: 1})
}

func (h *callLog) add(r callRecord) {
	h.frozen = false
	if h.size += recordSize + len(r.in); h.size > maxCallLog {
		h.records = nil
		return
	}
	h.records = append(h.records, r)
}

// recordsFrom gives the records from the nth on, which will not change any more; not ok when the history was too long to keep.
func (h *callLog) recordsFrom(n int) (records []callRecord, ok bool) {
	h.frozen = true
	if h.size > maxCallLog {
		return nil, false
	}
	return h.records[n:len(h.records):len(h.records)], true
}

var errDiverged = errors.New("the compiled module answers otherwise than the interpreter")

// replay makes the calls again.
func (i *instance) replay(records []callRecord) error {
	for _, r := range records {
		if r.in == nil {
			for range r.times {
				if answer, err := i.count(r.handle, r.n, r.now); err != nil || answer != r.answer {
					return errors.Join(errDiverged, err)
				}
			}
			continue
		}
		out, err := i.callBytes(r.in)
		if sum := sha256.Sum256(out); err != nil || !bytes.Equal(sum[:], r.out[:]) {
			return errors.Join(errDiverged, err)
		}
	}
	return nil
}

// stopRecording: an instance that keeps nothing between its calls need not be made again.
func (i *instance) stopRecording() { i.log = nil }

// started is told of the instance that the client runs in; the caller holds the lock.
func (m *runner) started(inst *instance) {
	if inst.log != nil {
		go m.upgradeEngine(m.generation)
	}
}

// upgradeEngine moves the client from the interpreter to the compiled module: it makes all calls again there, most of them while
// the client goes on, the last few while it waits.
func (m *runner) upgradeEngine(run int) {
	select {
	case <-m.engine.ready:
	case <-m.ctx.Done():
		return
	}
	fresh, err := m.engine.instance()
	if err != nil {
		return
	}
	if fresh.backend.isInterpreter || !m.replayInto(run, fresh) {
		fresh.close()
	}
}

func (m *runner) replayInto(run int, fresh *instance) (moved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := 0
	for _, last := range []bool{false, true} {
		if m.generation != run || m.inst == nil {
			return false
		}
		records, ok := m.inst.log.recordsFrom(done)
		if !ok {
			m.inst.log = nil
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
			if m.generation == run && m.inst != nil {
				m.inst.log = nil
			}
			return false
		}
		done += len(records)
	}
	m.inst.close()
	m.inst = fresh
	return true
}
