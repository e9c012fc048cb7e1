//go:build mongo

package mongo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Three processes serve one database. One after the other is killed in the middle of its work and restarted, while installations advance
// their chains and send unanswered requests again, to any node.

// nodeURI is set in the other processes: the test binary runs itself.
const nodeURI = "ONELICENSE_TEST_NODE"

const (
	processes      = 3
	installations  = 12
	slots          = 5
	block          = 3
	kills          = 9
	repliesPerKill = 40 // replies from one kill to the next
	repliesPerSeat = 4  // replies for which an installation keeps its seat
)

// serveNode answers advances over HTTP until it is killed. It prints its address.
func serveNode(uri string) error {
	s, err := Open(context.Background(), uri)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a advanceMessage
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		done, err := s.Advance(r.Context(), a.advance())
		document := done.Document
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(document)
	}))
}

// advanceMessage is an Advance as it goes to a node, which adds the Lease.
type advanceMessage struct {
	licensing.Advance
	Lease *struct{} // hides the function, which cannot be sent
}

func (a advanceMessage) advance() licensing.Advance {
	a.Advance.Lease = func(o licensing.Outcome) (lease.Document, error) { return json.Marshal(o) }
	return a.Advance
}

// processGroup is the group of processes with their addresses.
type processGroup struct {
	t         *testing.T
	uri       string
	mu        sync.Mutex
	addresses [processes]string
	commands  [processes]*exec.Cmd
	next      atomic.Int64
}

func (f *processGroup) start(n int) {
	f.t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env, c.Stderr = append(os.Environ(), nodeURI+"="+f.uri), os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.addresses[n], f.commands[n] = address[:len(address)-1], c
	f.mu.Unlock()
}

func (f *processGroup) kill(n int) {
	_ = f.commands[n].Process.Kill()
	_ = f.commands[n].Wait()
}

// send returns the reply of any node: it tries one after the other until there is one.
func (f *processGroup) send(client *http.Client, a licensing.Advance) (licensing.Outcome, error) {
	body, err := json.Marshal(advanceMessage{Advance: a})
	if err != nil {
		return licensing.Outcome{}, err
	}
	var last error
	for range 2000 {
		f.mu.Lock()
		address := f.addresses[f.next.Add(1)%processes]
		f.mu.Unlock()
		response, err := client.Post("http://"+address, "application/json", bytes.NewReader(body))
		if err != nil {
			last = err
			continue
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			last = errors.Join(err, fmt.Errorf("%s: %s", response.Status, answer))
			continue
		}
		var out licensing.Outcome
		return out, json.Unmarshal(answer, &out)
	}
	return licensing.Outcome{}, fmt.Errorf("no node answers: %w", last)
}

// proves S27, C14
func TestThreeProcessesKilledRepeatedly(t *testing.T) {
	c := newScene(t, newDatabase(t))
	f := &processGroup{t: t, uri: c.uri}
	for n := range processes {
		f.start(n)
	}
	defer func() {
		for n := range processes {
			f.kill(n)
		}
	}()
	var answers, holders atomic.Int64
	answered := make(chan struct{}, 1)
	finished := make(chan struct{})
	counted := make([]int64, installations)
	errs := make([]error, installations)
	var all sync.WaitGroup
	for n := range installations {
		all.Go(func() {
			errs[n] = installation(c, f, n, finished, &counted[n], &holders, func() {
				answers.Add(1)
				select {
				case answered <- struct{}{}:
				default:
				}
			})
		})
	}
	for n := range kills {
		for target := answers.Load() + repliesPerKill; answers.Load() < target; {
			<-answered
		}
		f.kill(n % processes)
		f.start(n % processes)
	}
	close(finished)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	c.checkSums()
	for n, want := range counted {
		if held, err := c.s.Activation(t.Context(), c.key(fmt.Sprint(n))); err != nil || held.Counted != want {
			t.Errorf("installation %d: acknowledged %d, stored %d: %v", n, want, held.Counted, err)
		}
	}
	t.Logf("%d answers, %d kills", answers.Load(), kills)
}

// installation advances its chain until finished is closed. Each request is sent until it is answered.
func installation(c *scene, f *processGroup, n int, finished chan struct{}, counted *int64, holders *atomic.Int64, tell func()) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	name := fmt.Sprint(n)
	var head lease.Position
	held := 0 // replies since it has its seat, including the one that granted it
	for number := int64(1); ; number++ {
		select {
		case <-finished:
			return nil
		default:
		}
		request := lease.HashOf(fmt.Appendf(nil, "%s %d", name, number))
		a := licensing.Advance{Key: c.key(name), Org: "org", From: head, Request: request, Device: name, Revision: 1, Now: 1000, Until: 1 << 47,
			UsageCharge: licensing.UsageCharge{Counted: number, Block: block, Allowance: licensing.Unlimited}, To: lease.Position{Generation: 1,
				Number: number, Link: lease.NextLink(lease.OriginLink, request)}}
		if number == 1 {
			a.NewActivation = &licensing.ActivationLimits{Limit: 1000, Window: 1000, MaxMachines: installations, TransferLimit: licensing.Unlimited}
		}
		switch held {
		case 0:
			a.Reserve = []licensing.ReservationRequest{{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Slots: slots, Until: a.Until}}
		case repliesPerSeat:
			a.Release, held = []string{"seat"}, 0
			holders.Add(-1) // the store may grant it to another before it has replied
		}
		out, err := f.send(client, a)
		if err != nil {
			return err
		}
		if out.Counted != number || out.Charged != number+block {
			return fmt.Errorf("installation %s: sent %d counted and %d prepaid, got %d and %d", name, number, block, out.Counted, out.Charged)
		}
		switch has := slices.ContainsFunc(out.Reservations, func(r lease.Reservation) bool { return r.Entitlement == "seat" }); {
		case held > 0 && !has:
			return fmt.Errorf("installation %s has lost its seat: %+v", name, out)
		case has:
			held++
		}
		if held == 1 {
			if all := holders.Add(1); all > slots {
				return fmt.Errorf("%d of %d slots are held", all, slots)
			}
		}
		head, *counted = a.To, number
		tell()
	}
}
