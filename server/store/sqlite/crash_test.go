package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The test binary runs itself as a second process, which advances chains and prints what was acknowledged, and kills it at an arbitrary
// moment. proves C14

const (
	crashDirectory = "ONELICENSE_TEST_CRASH" // set in the second process
	crashWorkers   = 8
	crashSlots     = 3
	crashRounds    = 6
)

var (
	crashOrg     = license.ID("0000000000000000000000aa")
	crashProduct = license.ID("0000000000000000000000bb")
	crashVersion = license.ID("0000000000000000000000cc")
	crashLicense = license.ID("0000000000000000000000dd")
)

func TestMain(m *testing.M) {
	if directory := os.Getenv(crashDirectory); directory != "" {
		fmt.Fprintln(os.Stderr, runCrashingProcess(directory))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := crashRecords(directory); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[lease.Hash]int64{} // the highest lease number acknowledged to each activation
	for round := range crashRounds {
		killAfter(t, directory, 50+37*round, acknowledged)
		checkCrash(t, directory, acknowledged)
	}
	if len(acknowledged) != crashWorkers {
		t.Errorf("%d installations were acknowledged", len(acknowledged))
	}
}

// killAfter runs the second process until it has acknowledged this many advances, kills it, and reads the rest of its output.
func killAfter(t *testing.T, directory string, after int, acknowledged map[lease.Hash]int64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env, child.Stderr = append(os.Environ(), crashDirectory+"="+directory), os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for scanner := bufio.NewScanner(out); scanner.Scan(); lines++ {
		if lines == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var activation lease.Hash
		var number int64
		// A line whose end was cut off by the kill has a smaller number, or none.
		if n, _ := fmt.Sscanf(scanner.Text(), "%s %d", &activation, &number); n == 2 && activation.Valid() {
			acknowledged[activation] = max(acknowledged[activation], number)
		}
	}
	_ = child.Wait()
	if lines <= after {
		t.Fatalf("the second process ended by itself after %d lines", lines)
	}
}

// checkCrash checks that everything acknowledged is stored, and that the records agree with each other.
func checkCrash(t *testing.T, directory string, acknowledged map[lease.Hash]int64) {
	t.Helper()
	s := openStore(t, directory)
	defer s.Close()
	var sum int64
	for activation, number := range acknowledged {
		a, err := s.Activation(t.Context(), licensing.ActivationKey{License: crashLicense, Activation: activation})
		if err != nil {
			t.Fatal(err)
		}
		if a.Head.Number < number || a.Counted != a.Head.Number {
			t.Fatalf("acknowledged %d, stored %d, counted %d", number, a.Head.Number, a.Counted)
		}
	}
	if err := s.row(`SELECT sum(granted) FROM activations`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Meter(t.Context(), crashLicense); err != nil || m.Used != sum {
		t.Fatalf("used %d, all together granted %d: %v", m.Used, sum, err)
	}
	var pool, held int64
	if err := s.row(`SELECT (SELECT used FROM pools), (SELECT count(*) FROM reservations)`).Scan(&pool, &held); err != nil {
		t.Fatal(err)
	}
	if pool != held || held > crashSlots {
		t.Fatalf("the pool says %d, %d of %d are held", pool, held, crashSlots)
	}
	var integrity string
	if err := s.row(`PRAGMA integrity_check`).Scan(&integrity); err != nil || integrity != "ok" {
		t.Fatal(integrity, err)
	}
}

// crashRecords creates the records that the second process works on.
func crashRecords(directory string) error {
	s, err := Open(directory)
	if err != nil {
		return err
	}
	ctx := context.Background()
	meta := func(id license.ID) licensing.Record {
		return licensing.Record{ID: id, Organisation: crashOrg, Revision: 1}
	}
	return errors.Join(
		s.CreateOrganisation(ctx, licensing.Organisation{ID: crashOrg}),
		s.CreateProduct(ctx, licensing.Product{Record: meta(crashProduct), Keyring: []byte{1}, SealedKeys: []byte{1}}),
		s.CreateVersion(ctx, licensing.Version{Record: meta(crashVersion), Product: crashProduct}),
		s.CreateLicense(ctx, licensing.License{Record: meta(crashLicense), Product: crashProduct, Version: crashVersion}),
		s.Close(),
	)
}

// runCrashingProcess advances chains until the process is killed.
func runCrashingProcess(directory string) error {
	s, err := Open(directory)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	errs := make([]error, crashWorkers)
	for n := range crashWorkers {
		wait.Add(1)
		go func() { defer wait.Done(); errs[n] = crashWorker(s, n) }()
	}
	wait.Wait()
	return errors.Join(errs...)
}

func crashWorker(s *Store, n int) error {
	key := licensing.ActivationKey{License: crashLicense, Activation: lease.HashOf([]byte{byte(n)})}
	held, err := s.Activation(context.Background(), key)
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	for head := held.Head; ; {
		number := head.Number + 1
		request := lease.HashOf(fmt.Appendf(nil, "%d %d", n, number))
		a := licensing.Advance{
			Key: key, Org: crashOrg, From: head, To: lease.Position{Generation: 1, Number: number, Link: request}, Request: request, Revision: 1,
			Now: lease.Time(number), UsageCharge: licensing.UsageCharge{Counted: number, Allowance: licensing.Unlimited, Block: 5}, Until: 1 << 50,
			Lease: func(licensing.Outcome) (lease.Document, error) { return lease.Document("a lease"), nil },
		}
		if head.Number == 0 {
			a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 40, Window: 1000, MaxMachines: licensing.Unlimited,
				TransferLimit: licensing.Unlimited}
		}
		if number%2 == 0 {
			a.Reserve = []licensing.ReservationRequest{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Slots: crashSlots, Until: 1 << 50}}
		} else {
			a.Release = []string{"modeling"}
		}
		if _, err := s.Advance(context.Background(), a); err != nil {
			return err
		}
		head = a.To
		if _, err := fmt.Printf("%s %d\n", key.Activation, number); err != nil { // one write, so that lines of several workers do not mix
			return err
		}
	}
}
