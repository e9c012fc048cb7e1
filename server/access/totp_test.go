package access

import (
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, for SHA-1, with six of their eight digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := totpCode(secret, at/totpStep); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestRecoveryCodeSpelling(t *testing.T) {
	t.Parallel()
	s := New(nil, Options{})
	codes, hashes := s.createRecoveryCodes(t.Context())
	if len(codes) != recoveryCodes || len(hashes) != recoveryCodes {
		t.Fatalf("%d codes, %d hashes", len(codes), len(hashes))
	}
	for i, code := range codes {
		for _, typed := range []string{code, " " + code[:4] + code[5:] + " "} {
			if hashRecoveryCode(typed) != hashes[i] {
				t.Errorf("%q is not taken for %q", typed, code)
			}
		}
	}
}

func TestExponentialWaits(t *testing.T) {
	t.Parallel()
	l := limit{maxFailures: 3, isExponential: true}
	for failed, want := range map[int]time.Duration{0: 0, 2: 0, 3: time.Second, 4: 2 * time.Second, 5: 4 * time.Second, 50: maxWait,
		5000: maxWait} {
		if got := l.wait(counter{Failed: failed, Last: 1000}, 1000); got != want {
			t.Errorf("after %d failures: %v, want %v", failed, got, want)
		}
	}
	if got := l.wait(counter{Failed: 50, Last: 1000}, addDuration(1000, accountWindow)); got != 0 {
		t.Errorf("they are never forgotten: %v", got)
	}
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{
		"2001:db8:1:2::1": "2001:db8:1:2:ffff::9", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "fe80::1%eth0": "fe80::2%eth1",
	} {
		if networkOf(a) != networkOf(b) {
			t.Errorf("%s and %s are two places", a, b)
		}
	}
	if networkOf("192.0.2.1") == networkOf("192.0.2.2") || networkOf("2001:db8:1:2::1") == networkOf("2001:db8:1:3::1") {
		t.Error("two places are one")
	}
}
