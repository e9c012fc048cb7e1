package licensing_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// parts sets a fingerprint with these values of disk, board and mac.
func (s *server) parts(values ...string) func(*lease.Request) {
	return func(r *lease.Request) {
		r.Fingerprint = nil
		for n, v := range values {
			r.Fingerprint = append(r.Fingerprint, lease.NewFingerprintPart(s.license.ID, []string{"disk", "board", "mac"}[n], v))
		}
	}
}

// withTolerance refuses machines of which more than this number of parts have changed.
func withTolerance(parts int64) func(*licensing.Policy, *licensing.License) {
	return func(p *licensing.Policy, _ *licensing.License) {
		p.FingerprintAction, p.FingerprintTolerance = licensing.FingerprintRefuse, parts
	}
}

func (p *program) key() licensing.ActivationKey {
	return licensing.ActivationKey{License: p.s.license.ID, Activation: p.activation()}
}

func (p *program) record(t *testing.T) licensing.Activation {
	t.Helper()
	a, err := p.s.store.Activation(t.Context(), p.key())
	must(t, err)
	return a
}

// A machine whose parts are replaced one after another stays the same machine.
//
// proves part of B02
func TestFingerprintDrift(t *testing.T) {
	s := newServer(t, withTolerance(1))
	p := s.program(1)
	p.sync(t, s.parts("d1", "b1", "m1"))
	for _, m := range [][]string{{"d2", "b1", "m1"}, {"d2", "b2", "m1"}, {"d2", "b2", "m2"}, {"d2", "b2", "m2"}, {"d2", "b2"},
		{"d2", "b2", "m3"}} {
		s.wait(time.Minute)
		p.sync(t, s.parts(m...))
	}
	seen := p.record(t).LastReport
	if !slices.Equal(seen.Changed, []string{"mac"}) || seen.ChangedAt != ms(s.clock()) {
		t.Errorf("%+v", seen)
	}
}

// proves part of B02
func TestFingerprintChangeRefused(t *testing.T) {
	s := newServer(t, withTolerance(1))
	p := s.program(1)
	p.sync(t, s.parts("d1", "b1", "m1"), counts(1))
	for range 2 { // it asks again
		no := p.refused(t, license.CodeFingerprintChanged, s.parts("d1", "b2", "m2"), counts(9))
		if !strings.Contains(no.Detail, "board, mac") || !strings.Contains(no.Detail, "1 may change") {
			t.Errorf("the refusal does not say what changed: %s", no.Detail)
		}
		equal(t, "the same bytes", p.send(t, p.sent).Refusal.Code, license.CodeFingerprintChanged)
	}
	held := p.record(t)
	if e := held.Reactivations.Evidence; len(e) != 2 || !slices.Equal(e[1].ChangedParts, []string{"board", "mac"}) || !e[1].Refused ||
		e[1].Code != license.CodeFingerprintChanged {
		t.Errorf("evidence: %+v", e)
	}
	equal(t, "counted", held.Counted, 1) // nothing of it was taken
	p.sync(t, s.parts("d1", "b1", "m1"), counts(1))

	// The same state on another machine is refused, also when it re-activates.
	clone := p.copy()
	p.sync(t, s.parts("d1", "b1", "m1"), counts(2))
	clone.refused(t, license.CodeStaleState, s.parts("d2", "b2", "m2"))
	clone.refused(t, license.CodeFingerprintChanged, s.parts("d2", "b2", "m2"), clone.reactivation(1))
	p.sync(t, s.parts("d1", "b1", "m1"), counts(3))

	s.wait(time.Minute)
	must(t, s.ClearCloneEvidence(t.Context(), s.org, p.key()))
	s.wait(time.Minute)
	p.sync(t, s.parts("d3", "b3", "m3"), counts(4)) // the vendor knows of the new machine
	s.wait(time.Minute)
	p.refused(t, license.CodeFingerprintChanged, s.parts("d4", "b4", "m4"), counts(4)) // that was once
}

// Changes are reported also where the policy refuses nothing.
func TestFingerprintChangesAreReported(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t, s.parts("d1", "b1"))
	equal(t, "at first", p.record(t).LastReport.ChangedAt, 0)
	s.wait(time.Minute)
	p.sync(t, s.parts("d2", "b2"))
	at := ms(s.clock())
	s.wait(time.Minute)
	p.sync(t, s.parts("d2", "b2"))
	seen := p.record(t).LastReport
	if !slices.Equal(seen.Changed, []string{"disk", "board"}) || seen.ChangedAt != at {
		t.Errorf("%+v", seen)
	}
}

// proves part of B02
func TestBindMachine(t *testing.T) {
	s := newServer(t)
	bind := func(parts ...licensing.PartValue) {
		t.Helper()
		var err error
		s.license, err = s.BindMachine(t.Context(), s.org, s.license.ID, parts)
		must(t, err)
	}
	running := s.program(1)
	running.sync(t, s.parts("d1"))
	bind(licensing.PartValue{Name: "board", Value: "b1"})
	s.edit(t, func(l *licensing.License) { l.Name, l.Fingerprint = "renamed", nil }) // an edit leaves it
	no := running.refused(t, license.CodeFingerprintChanged, s.parts("d1"))
	if !strings.Contains(no.Detail, "board") {
		t.Error(no.Detail)
	}
	s.program(2).refused(t, license.CodeFingerprintChanged, s.parts("d1", "b2"))
	equal(t, "installations", s.activations(t), 1)
	mine := s.program(3)
	mine.sync(t, s.parts("any disk", "b1", "any mac"))
	bind()
	running.sync(t, s.parts("d1"))

	for _, wrong := range [][]licensing.PartValue{{{"no name!", "x"}}, {{"disk", ""}}, {{"disk", "a"}, {"disk", "b"}},
		{{"disk", strings.Repeat("x", 1025)}}} {
		if _, err := s.BindMachine(t.Context(), s.org, s.license.ID, wrong); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}

// The files of an installation that has vacated its place are copied to another machine. That is a transfer, although it is the same
// installation.
//
// proves part of B01 B02
func TestGoodbyeThenOtherMachine(t *testing.T) {
	s := newServer(t, withTolerance(1), func(p *licensing.Policy, l *licensing.License) { p.MaxMachines, p.TransferLimit = 1, 1 })
	p := s.program(1)
	back := func(generation int64) func(*lease.Request) {
		return func(r *lease.Request) {
			r.Generation, r.Number, r.Previous, r.Lease = generation, 1, lease.OriginLink, ""
		}
	}
	here, there, elsewhere := s.parts("d1", "b1", "m1"), s.parts("d2", "b2", "m2"), s.parts("d3", "b3", "m3")
	p.sync(t, here)
	p.sync(t, here, goodbye)
	p.sync(t, s.parts("d1", "b1", "m2"), back(2))
	equal(t, "with another part", s.usage(t).Moves, 0)
	p.sync(t, here, goodbye)
	p.sync(t, there, back(3))
	equal(t, "on another machine", s.usage(t).Moves, 1)
	p.sync(t, there, goodbye)
	p.refused(t, license.CodeMoveLimit, elsewhere, back(4))
	p.sync(t, there, back(4))
	p.sync(t, there, goodbye)
	s.program(2).refused(t, license.CodeMoveLimit, here)
	s.wait(time.Minute)
	must(t, s.ClearCloneEvidence(t.Context(), s.org, p.key()))
	p.sync(t, elsewhere, back(5)) // the vendor knows of it
	equal(t, "places", s.usage(t).Places, 1)
}
