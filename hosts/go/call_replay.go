//go:build !native

package onelicense

import (
	"bytes"
	"crypto/sha256"
	"errors"
)

// A client that began in the interpreter moves to the compiled module when that is ready. Its state cannot be copied, but it can be
// reproduced: the core has no I/O, so the same calls give the same state, byte for byte. The log holds all calls since the instance
// began; the move repeats them and compares each answer.

// maxCallLog limits the log in bytes. A client that does more before the compiler is done stays in the interpreter.
const maxCallLog = 16 << 20

// callRecord is one call by its bytes, or a number of equal counts in a row.
type callRecord struct {
	in  []byte
	out [sha256.Size]byte

	handle, n int32
	now       float64
	answer    int32
	times     int
}

const recordSize = 128 // bytes of a record in memory, roughly, without its input

// callLog holds all calls of an instance.
type callLog struct {
	records []callRecord
	size    int
	frozen  bool // a replay may be reading the last record: it must not change
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

// recordsFrom returns the records from the nth on, which do not change any more. It returns false if the log became too long to be kept.
func (h *callLog) recordsFrom(n int) (records []callRecord, ok bool) {
	h.frozen = true
	if h.size > maxCallLog {
		return nil, false
	}
	return h.records[n:len(h.records):len(h.records)], true
}

var errDiverged = errors.New("the compiled module answers differently than the interpreter")

// replay repeats the calls and compares each answer.
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

// stopRecording drops the log: an instance that keeps nothing between its calls never needs a replay.
func (i *instance) stopRecording() { i.log = nil }

// started begins the move to the compiled module for an instance that the client now runs in. The caller holds the lock.
func (m *runner) started(inst *instance) {
	if inst.log != nil {
		go m.upgradeEngine(m.generation)
	}
}

// upgradeEngine moves the client from the interpreter to the compiled module. It repeats all calls there: most of them while the client
// goes on, the last few while it waits.
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

// replayInto repeats the calls of the present instance in another one and puts that in its place. It returns false if that is not
// possible; the present instance then stays.
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
