package sqlite

import (
	"sync"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// standings is where installations and their licenses stand, so that who comes again is not read again. That is right here because this
// process alone writes the data, and one goroutine of it does, which keeps this too:
//
//   - It alone puts anything in. A reader would put in what may be old by then.
//   - Readers see what a COMMIT has stored, and see it before the COMMIT's callers have their answers.
//   - Counters change here and are written once for all changes of a transaction, before its COMMIT.
//   - After a COMMIT that failed, and before a change of these records that is no advance, all is forgotten.
type standings struct {
	mu    sync.RWMutex // of known; the rest is the writer's own
	known map[licensing.ActivationKey]*standing
	ahead map[licensing.ActivationKey]*standing // of the transaction under way

	accounts map[license.ID]*account // with the transaction under way
	unsaved  map[license.ID]*account
}

// standing is an activation as it is stored. Nobody may change it.
type standing struct {
	licensing.Activation
	bare bool // it has no reservations; somebody else can take one from it, but only its own advance gives it one
}

// account is a license's counters, and what an advance is held to of the license.
type account struct {
	org      license.ID
	revision int64
	licensing.Meter
}

// remembered is how many installations are, some three kilobytes each.
const remembered = 4096

func newStandings() *standings {
	s := &standings{ahead: map[licensing.ActivationKey]*standing{}, unsaved: map[license.ID]*account{}}
	s.forget()
	return s
}

// lookup is for readers.
func (s *standings) lookup(key licensing.ActivationKey) (*standing, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.known[key]
	return found, ok
}

func (s *standings) forget() {
	s.mu.Lock()
	s.known = map[licensing.ActivationKey]*standing{}
	s.mu.Unlock()
	s.accounts = map[license.ID]*account{}
	clear(s.ahead)
	clear(s.unsaved)
}

// committed makes known what the transaction has stored.
func (s *standings) committed() {
	if len(s.ahead) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known)+len(s.ahead) > remembered {
		clear(s.known)
	}
	for key, one := range s.ahead {
		s.known[key] = one
	}
	clear(s.ahead)
	if len(s.accounts) > remembered {
		clear(s.accounts)
	}
}

// standing is the activation as the change sees it. It fails with ErrNotFound.
func (t *tx) standing(key licensing.ActivationKey) (*standing, error) {
	s := t.w.standings
	if one, ok := s.ahead[key]; ok {
		return one, nil
	}
	if one, ok := s.known[key]; ok {
		return one, nil
	}
	a, err := readActivation(new(int64), t.row(activationByKey, key.License, key.Activation))
	if err != nil {
		return nil, err
	}
	return &standing{Activation: a}, nil
}

// account is a license's as the change sees it. It fails with ErrNotFound.
func (t *tx) account(id license.ID) (*account, error) {
	s := t.w.standings
	if one, ok := s.accounts[id]; ok {
		return one, nil
	}
	one := new(account)
	var err error
	one.Meter, err = readMeter(t.row(`SELECT l.org, l.revision, `+meterColumns+` FROM licenses l JOIN meters m ON m.license = l.id WHERE l.id = ?`, id),
		&one.org, &one.revision)
	if err != nil {
		return nil, err
	}
	s.accounts[id] = one
	return one, nil
}

// stand says what an advance has made of its activation, which it has stored, and of the license's counters. It is the last that the change
// does.
func (t *tx) stand(is *standing, of *account, now licensing.Meter) {
	s := t.w.standings
	s.ahead[is.ActivationKey] = is
	if !now.Same(&of.Meter) {
		of.Meter = now
		s.unsaved[is.License] = of
	}
}

// settle writes the counters that were changed.
func (w *writer) settle() error {
	for id, one := range w.standings.unsaved {
		if err := saveMeter(&tx{w: w, wrote: true}, id, one.Meter); err != nil {
			return err
		}
	}
	clear(w.standings.unsaved)
	return nil
}
