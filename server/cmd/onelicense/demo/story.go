package demo

import (
	"errors"
	"fmt"
	"os"
)

// serverStory runs the second part: a server, a vendor, and programs. It returns an error if it cannot continue.
func (s *runner) serverStory() (err error) {
	s.heading("A vendor and a server")
	site := s.newServerProcess("server")
	if err := site.start(s.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.stop()) }()
	s.verdict("the server starts in an empty directory", "ok", "ok")
	v := newVendor(site.url())
	s.verdict("the one-time link creates the owner", "ok", v.setUp(site.setupLink))
	s.verdict("the link cannot be used again", "bad_setup_token", newVendor(site.url()).setUp(site.setupLink))
	product, code := v.request("POST", "/products", object{"name": "Acme CAD"})
	s.verdict("the vendor creates a product with its own keys", "ok", code)
	t := programInput{product: product.text("id")}
	t.version, code = v.createVersion(t.product, "2026", object{
		"type": "time_and_calls", "trigger": "interval", "interval_ms": 60_000, "max_retries": 2, "grace_ms": 600_000, "activation_limit": 20,
		"clock_tolerance_ms": 300_000,
	})
	s.verdict("a version: limited calls and time, periodic sync", "ok", code)
	strict, code := v.createVersion(t.product, "2026 strict", object{
		"type": "calls", "trigger": "every_call", "interval_ms": 60_000, "activation_limit": 20,
	})
	s.verdict("a version: each call asks the server", "ok", code)

	certificate, err := v.keys(t.product)
	if err != nil {
		return err
	}
	if product, code = v.request("GET", "/products/"+t.product, nil); code != "ok" {
		return fmt.Errorf("reading the product: %s", code)
	}
	t.server = site.url() + "/api/v1#" + product.text("root")

	rights := object{
		"name": "Plant 7", "customer": "Initech", "contexts": []string{"ui", "automation"}, "allowance": 1_000, "expires": inAYear(),
		"entitlements": []object{{"name": "rendering", "slots": 4}, {"name": "solid_modeling"}},
	}
	shared, code := v.createLicense(t.version, rights)
	s.verdict("a license: 1000 calls, a year, 4 slots of rendering", "ok", code)
	file, code := v.request("GET", "/licenses/"+shared+"/file", nil)
	if code == "ok" {
		code = s.verifyIssued(file.text("text"), certificate)
	}
	s.verdict("its file is genuine under the product's keys", "ok", code)

	for _, p := range s.Programs {
		if err := s.programStory(v, p, t, strict); err != nil {
			return err
		}
	}
	t.license = shared
	if err := s.sharedLicenseStory(v, t, site); err != nil {
		return err
	}
	s.summary()
	if s.KeepRunning && s.failures == 0 {
		s.waitForInterrupt(site, t)
	}
	return nil
}

// verifyIssued verifies a file that the server issued, with onelicense verify.
func (s *runner) verifyIssued(file string, certificate []byte) string {
	if err := errors.Join(
		os.WriteFile(s.path("issued.txt"), []byte(file), 0o600),
		os.WriteFile(s.path("product.asc"), certificate, 0o600),
	); err != nil {
		return err.Error()
	}
	return s.runCommand("verify", s.path("issued.txt"), "--key", s.path("product.asc"))
}

// programStory runs one licensed program through its limits.
func (s *runner) programStory(v *vendor, p Program, t programInput, strict string) error {
	s.heading("A program in " + p.Name)
	license := object{
		"name":         p.Name,
		"contexts":     []string{"ui"},
		"allowance":    5,
		"entitlements": []object{{"name": "rendering", "slots": 1}},
	}
	counted, code := v.createLicense(strict, license)
	if code != "ok" {
		return fmt.Errorf("making a license: %s", code)
	}
	license["expires"] = inAYear()
	if t.license, code = v.createLicense(t.version, license); code != "ok" {
		return fmt.Errorf("making a license: %s", code)
	}
	state := func(name string) string { return p.Name + "-" + name }

	s.verdict("activates, counts 3 calls, reports them", "ok", s.runToEnd(p, t, state("a"), "consume=3", "sync"))
	s.verdict("the server has counted", "3", v.callsUsed(t.license))
	s.verdict("starts again: 2 calls are left, a third is refused", "exhausted", s.runToEnd(p, t, state("a"), "consume=3"))
	s.verdict("the server has counted", "5", v.callsUsed(t.license))
	s.verdict("reserves rendering, checks, releases", "ok", s.runToEnd(p, t, state("a"), "reserve=ui:rendering", "check=ui:rendering",
		"release=ui:rendering"))
	s.verdict("an entitlement that the license lacks", "unknown_entitlement", s.runToEnd(p, t, state("a"), "reserve=ui:teleport"))

	each := t
	each.version, each.license = strict, counted
	s.verdict("each call asks the server: 5 are granted", "ok", s.runToEnd(p, each, state("b"), "consume=5"))
	s.verdict("a sixth call of 5", "exhausted", s.runToEnd(p, each, state("b"), "consume=1"))

	_, code = v.request("POST", "/licenses/"+t.license+"/suspend", object{})
	s.verdict("the vendor suspends the license", "ok", code)
	s.verdict("the program is refused", "suspended", s.runToEnd(p, t, state("a"), "sync"))
	_, code = v.request("POST", "/licenses/"+t.license+"/reinstate", object{})
	s.verdict("reinstated, it works again", "ok", codeOr(code, func() string { return s.runToEnd(p, t, state("a"), "sync") }))

	fake, err := newImpostor()
	if err != nil {
		return err
	}
	defer fake.Close()
	lured := t
	_, pin, _ := splitServer(t.server)
	lured.server = fake.URL + "/api/v1#" + pin
	s.verdict("a fake server that grants everything", "wrong_root", s.runToEnd(p, lured, state("c"), "sync"))
	lured.server = "http://licenses.invalid/api/v1"
	s.verdict("an address without the pinned key", "unpinned", s.runToEnd(p, lured, state("d"), "sync"))
	return nil
}

// sharedLicenseStory runs several programs on one license, and a crash of the server.
func (s *runner) sharedLicenseStory(v *vendor, t programInput, site *serverProcess) error {
	if len(s.Programs) == 0 {
		return nil
	}
	s.heading("Several programs on one license, and a crash")
	var holders []*process
	for i := range 4 {
		p := s.Programs[i%len(s.Programs)]
		r, err := s.launch(p, t, fmt.Sprintf("seat-%d", i), "reserve=ui:rendering", "consume=10", "hold", "sync", "consume=1", "sync")
		if err != nil {
			return err
		}
		holders = append(holders, r)
		s.verdict(fmt.Sprintf("seat %d of 4 of rendering, in %s", i+1, p.Name), "ok", r.verdictOf("reserve"))
	}
	fifth := s.Programs[len(s.Programs)-1]
	s.verdict("a fifth seat of 4", "no_slots", s.runToEnd(fifth, t, "seat-5", "reserve=ui:rendering"))

	if err := site.kill(); err != nil {
		return err
	}
	s.verdict("the server is killed (kill -9)", "ok", "ok")
	if err := site.start(s.ctx); err != nil {
		return err
	}
	s.verdict("and comes back", "ok", "ok")
	for i, r := range holders {
		r.resume()
		s.verdict(fmt.Sprintf("seat %d carries on and reports", i+1), "ok", r.verdictOf("sync"))
	}
	for _, r := range holders {
		if err := r.wait(); err != nil {
			s.verdict("a program ends", "ok", err.Error())
		}
	}
	s.verdict("4 × 11 calls, none lost, none twice", "44", v.callsUsed(t.license))
	s.verdict("the seats are free again", "ok", s.runToEnd(fifth, t, "seat-5", "reserve=ui:rendering"))
	return nil
}

// waitForInterrupt keeps the server running, for the user to explore.
func (s *runner) waitForInterrupt(site *serverProcess, t programInput) {
	fmt.Fprintf(s.Out, `
The server keeps running until you press Ctrl-C, with everything that the story made:
  the pages:  %s   log in as %s with %q
  a program:  %s --server '%s' --product %s --version %s --license %s --storage /tmp/try consume=3 sync status
`, site.url(), owner, password, joinCommand(s.Programs[0].Command), t.server, t.product, t.version, t.license)
	<-s.ctx.Done()
}
