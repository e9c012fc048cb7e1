package licensing_test

import (
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// withPolicy changes a server's policy before its version is made.
func withPolicy(change func(*licensing.Policy)) func(*licensing.Policy, *licensing.License) {
	return func(p *licensing.Policy, _ *licensing.License) { change(p) }
}

// proves part of S14
func TestTypeDecidesWhatEndsALicense(t *testing.T) {
	for _, c := range []struct {
		kind        lease.PolicyType
		calls, time bool
	}{
		{lease.Calls, true, false}, {lease.Timed, false, true}, {lease.TimeAndCalls, true, true}, {lease.Perpetual, false, false},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s := newServer(t, withPolicy(func(p *licensing.Policy) { p.Type = c.kind }))
			p := s.program(1)
			equal(t, "more calls than allowed are refused", p.sync(t, counts(11)).Verdict == license.CodeExhausted, c.calls)
			s.wait(25 * time.Hour)
			a := p.send(t, p.request())
			equal(t, "a time after the end is refused", a.Refusal != nil && a.Refusal.Code == license.CodeExpired, c.time)
		})
	}
}

// A limit of 0 allows none, and Unlimited any number.
func TestMachineLimit(t *testing.T) {
	for limit, allowed := range map[licensing.Limit]int{0: 0, 2: 2, licensing.Unlimited: 5} {
		s := newServer(t, withPolicy(func(p *licensing.Policy) { p.MaxMachines = limit }))
		for n := 1; n <= allowed; n++ {
			s.program(byte(n)).sync(t)
		}
		if limit != licensing.Unlimited {
			s.program(9).refused(t, license.CodeMachineLimit)
		}
	}
}

func TestUnlimitedActivations(t *testing.T) {
	s := newServer(t, withPolicy(func(p *licensing.Policy) { p.ActivationLimit = licensing.Unlimited }))
	for n := 1; n <= 200; n++ {
		s.program(byte(n)).sync(t)
	}
}

func TestTransferLimitOfZero(t *testing.T) {
	s := newServer(t, withPolicy(func(p *licensing.Policy) { p.MaxMachines, p.TransferLimit = 1, 0 }))
	here := s.program(1)
	here.sync(t)
	here.sync(t, goodbye)
	s.program(2).refused(t, license.CodeMoveLimit)
}

// Each alternation shows the lease that the other holder's re-activation closed. The limit says which of them is refused.
func TestCloneLimit(t *testing.T) {
	for limit := int64(1); limit <= licensing.ReactivationBudget; limit++ {
		s := newServer(t, withHighLimits, withPolicy(func(p *licensing.Policy) { p.CloneLimit = limit }))
		here := s.program(1)
		here.sync(t)
		code, accepted := alternateSyncs(t, here, here.copy())
		if want := int(min(limit, licensing.ReactivationBudget)); accepted != want {
			t.Errorf("clone_limit %d: %d re-activations were accepted, then %s; want %d", limit, accepted, code, want)
		}
	}
}

// The table is data; these members end where the protocol and the domain end.
func TestPolicyRangesFitTheProtocol(t *testing.T) {
	s := newServer(t)
	for name, change := range map[string]func(*licensing.Policy){
		"fingerprint_tolerance": func(p *licensing.Policy) { p.FingerprintTolerance = lease.MaxFingerprintParts },
		"clone_limit":           func(p *licensing.Policy) { p.CloneLimit = licensing.ReactivationBudget },
		"interval_ms":           func(p *licensing.Policy) { p.Interval = licensing.MaxDuration },
	} {
		v := licensing.Version{Record: s.meta(), Product: s.product.ID, Name: name, Policy: s.version.Policy}
		change(&v.Policy)
		if _, err := s.CreateVersion(t.Context(), v); err != nil {
			t.Errorf("the largest %s: %v", name, err)
		}
		v.Name += " beyond"
		v.Policy.FingerprintTolerance++
		v.Policy.CloneLimit++
		v.Policy.Interval++
		if _, err := s.CreateVersion(t.Context(), v); err == nil {
			t.Errorf("more than the largest %s was accepted", name)
		}
	}
}
