package client_test

import (
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

func (w *world) reserve(context, entitlement string) int64 {
	w.t.Helper()
	return w.slot(abi.EventReserve, context, entitlement)
}

func (w *world) release(context, entitlement string) int64 {
	w.t.Helper()
	return w.slot(abi.EventRelease, context, entitlement)
}

func (w *world) check(context, entitlement string) int64 {
	w.t.Helper()
	return w.slot(abi.EventCheck, context, entitlement)
}

// withFiles returns a world whose licenses come as files.
func withFiles(t *testing.T, claims ...license.Claims) *world {
	t.Helper()
	w := newWorld(t)
	w.cfg.LicenseID = ""
	w.cfg.Keyring = armored(t, w.server.secret.Public())
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	var files []abi.File
	for _, c := range claims {
		data, err := license.Seal(c, w.server.secret, begin.Std())
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, abi.File{Name: string(c.ID) + ".txt", Data: data})
	}
	w.expect(w.call(abi.Event{Type: abi.EventFiles, Files: files}), license.CodeOK)
	return w
}

func claims(id license.ID, context string, entitlements ...string) license.Claims {
	c := license.Claims{ID: id, Contexts: []string{context}}
	for _, e := range entitlements {
		c.Entitlements = append(c.Entitlements, license.Entitlement{Name: e})
	}
	return c
}

// proves L07 L09 L10 L14 L16 L20
func TestReserveAndRelease(t *testing.T) {
	w := started(t, nil)
	posts := w.posts
	w.expect(w.check("ui", "rendering"), license.CodeNotReserved)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	if w.posts != posts+1 {
		t.Fatalf("%d requests for two reserves", w.posts-posts)
	}
	w.expect(w.check("ui", "rendering"), license.CodeOK)
	w.expect(w.check("", "rendering"), license.CodeOK)
	w.expect(w.check("automation", "rendering"), license.CodeNotReserved)
	w.expect(w.release("ui", "rendering"), license.CodeOK)
	if w.posts != posts+1 || w.server.slots["rendering"] != 0 {
		t.Fatal("the server heard of a release that was not the last")
	}
	w.expect(w.release("ui", "rendering"), license.CodeOK)
	if w.posts != posts+2 || w.server.slots["rendering"] != 1 {
		t.Fatal("the last release did not reach the server")
	}
	w.expect(w.check("ui", "rendering"), license.CodeNotReserved)
}

// proves L15
func TestReleaseWithoutHold(t *testing.T) {
	w := started(t, nil)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	posts := w.posts
	w.expect(w.release("automation", "rendering"), license.CodeNotReserved)
	w.expect(w.release("ui", "solid_modeling"), license.CodeNotReserved)
	w.expect(w.check("ui", "rendering"), license.CodeOK)
	if w.posts != posts {
		t.Fatal("the server was told")
	}
}

// proves L08 L19
func TestNoSlotsAndUnknown(t *testing.T) {
	w := started(t, func(s *server) { s.slots["rendering"] = 0 })
	v := w.expect(w.reserve("ui", "rendering"), license.CodeNoSlots)
	if v.Context != "ui" || v.Entitlement != "rendering" || v.License != licenseID || v.AllowContinue || v.Message == "" || v.Do == "" {
		t.Fatalf("%+v", v)
	}
	w.expect(w.reserve("ui", "teleport"), license.CodeUnknownEntitlement)
	w.expect(w.reserve("ui", "a b"), license.CodeBadCall)
	w.offline = true
	v = w.expect(w.reserve("ui", "solid_modeling"), license.CodeUnreachable)
	if !v.AllowContinue {
		t.Fatal("an outage within the lease ends the work")
	}
}

// proves L19 C14
func TestLateGrantIsReturned(t *testing.T) {
	w := started(t, nil)
	w.hold = true
	reserve := w.reserve("ui", "rendering")
	w.lose() // granted, but the program was told that the server is away
	w.expect(reserve, license.CodeUnreachable)
	w.hold = false
	w.pass(10 * minute)
	if w.server.slots["rendering"] != 1 {
		t.Fatal("the slot is held by nobody")
	}
}

// proves L17 L18 L21
func TestShutdownReleasesEverything(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.expect(w.reserve("ui", "rendering"), license.CodeNotRunning)
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	w.expect(w.reserve("ui", "solid_modeling"), license.CodeOK)
	w.expect(w.consume(4), license.CodeOK)
	w.expect(w.call(abi.Event{Type: abi.EventShutdown}), license.CodeOK)
	if w.server.slots["rendering"] != 1 || w.server.slots["solid_modeling"] != 4 || w.server.used != 4 {
		t.Fatalf("%v, %d used", w.server.slots, w.server.used)
	}
	w.expect(w.reserve("ui", "rendering"), license.CodeNotRunning)
	w.expect(w.consume(1), license.CodeNotRunning)
	w.expect(w.check("ui", "rendering"), license.CodeNotRunning)
	w.pass(hour)
	if w.wake != 0 {
		t.Fatal("a timer runs on after shutdown")
	}
}

// proves L21
func TestCrashReleasesSlots(t *testing.T) {
	w := started(t, nil)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	w.crash()
	w.open()
	w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
	if w.server.slots["rendering"] != 1 {
		t.Fatal("the next run keeps what nobody holds")
	}
	w.expect(w.check("ui", "rendering"), license.CodeNotReserved)
}

// proves L11 L13 L12
func TestSeveralLicenses(t *testing.T) {
	one, two := license.ID("aaaaaaaaaaaaaaaaaaaaaaaa"), license.ID("bbbbbbbbbbbbbbbbbbbbbbbb")
	w := withFiles(t, claims(one, "ui", "rendering"), claims(two, "automation", "rendering", "solid_modeling"))
	w.server.slots["rendering"] = 2
	if w.posts != 0 {
		t.Fatal("files alone ask the server")
	}
	v := w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	if v.License != one {
		t.Fatalf("by %s", v.License)
	}
	if v := w.expect(w.reserve("automation", "rendering"), license.CodeOK); v.License != two {
		t.Fatalf("by %s", v.License)
	}
	w.expect(w.release("automation", "rendering"), license.CodeOK)
	w.expect(w.check("ui", "rendering"), license.CodeOK)
	w.expect(w.reserve("ui", "solid_modeling"), license.CodeContextNotAllowed)
	w.expect(w.reserve("ui", "teleport"), license.CodeNoLicense)

	both := withFiles(t, claims(one, "ui", "rendering"), claims(two, "ui", "rendering", "solid_modeling"))
	both.server.slots["rendering"] = 0
	both.expect(both.reserve("ui", "rendering"), license.CodeNoSlots)
	if len(both.server.heads) != 2 {
		t.Fatal("the next fitting license was not tried")
	}
}

// proves L02 L04 L22
func TestFilesThatAreRefusedAreNamed(t *testing.T) {
	w := withFiles(t)
	w.expect(w.reserve("ui", "rendering"), license.CodeNoLicense)
	good, err := license.Seal(claims(licenseID, "ui", "rendering"), w.server.secret, begin.Std())
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte(nil), good...)
	bad[0] ^= 1
	w.expect(w.call(abi.Event{Type: abi.EventFiles, Files: []abi.File{
		{Name: "a.txt", Data: bad}, {Name: "b.txt", Error: "permission denied"}, {Name: "c.txt", Data: good}, {Name: "d.txt"},
	}}), license.CodeOK)
	r := w.do(abi.Call{Op: abi.OpStatus, Handle: w.handle})
	var codes []license.Code
	for _, v := range r.Status.Files {
		codes = append(codes, v.Code)
	}
	if len(codes) != 4 || codes[0] != license.CodeSignatureInvalid || codes[1] != license.CodeFileUnreadable || codes[2] != license.CodeOK ||
		codes[3] == license.CodeOK {
		t.Fatal(codes)
	}
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
}

// proves L05 C14
func TestManyReservesAtOnce(t *testing.T) {
	w := started(t, nil)
	w.hold = true
	sync := w.call(abi.Event{Type: abi.EventSync})
	var reserves []int64
	for i := range 20 {
		name := "feature_" + string(rune('a'+i))
		w.server.slots[name] = 1
		reserves = append(reserves, w.reserve("ui", name))
	}
	w.hold = false
	w.deliver()
	w.expect(sync, license.CodeOK)
	for _, number := range reserves {
		w.expect(number, license.CodeOK)
	}
	for _, r := range w.server.requests {
		if len(r.Want) > 8 {
			t.Fatalf("%d wants in one request", len(r.Want))
		}
	}
}

// proves L04 L22
func TestMissingFileGrantsNothing(t *testing.T) {
	claims := claims(licenseID, "ui", "rendering")
	w := withFiles(t, claims)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
	w.expect(w.call(abi.Event{Type: abi.EventShutdown}), license.CodeOK)
	good, err := license.Seal(claims, w.server.secret, begin.Std())
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte(nil), good...)
	bad[len(bad)-20] ^= 1
	for _, files := range [][]abi.File{nil, {{Name: "a.txt", Data: bad}}} {
		w.crash()
		w.open()
		w.expect(w.call(abi.Event{Type: abi.EventStart}), license.CodeOK)
		w.expect(w.call(abi.Event{Type: abi.EventFiles, Files: files}), license.CodeOK)
		w.expect(w.reserve("ui", "rendering"), license.CodeNoLicense)
		w.expect(w.consume(1), license.CodeNoLicense)
	}
	w.expect(w.call(abi.Event{Type: abi.EventFiles, Files: []abi.File{{Name: "a.txt", Data: good}}}), license.CodeOK)
	w.expect(w.reserve("ui", "rendering"), license.CodeOK)
}

// proves L13
func TestNextLicenseIsBusy(t *testing.T) {
	one, two := license.ID("aaaaaaaaaaaaaaaaaaaaaaaa"), license.ID("bbbbbbbbbbbbbbbbbbbbbbbb")
	w := withFiles(t, claims(one, "ui", "rendering"), claims(two, "ui", "rendering", "solid_modeling"))
	w.server.slots["rendering"] = 0
	w.expect(w.reserve("ui", "solid_modeling"), license.CodeOK)
	w.hold = true
	w.expect(w.release("ui", "solid_modeling"), license.CodeOK) // the second license tells the server
	reserve := w.reserve("ui", "rendering")
	w.sent[0], w.sent[1] = w.sent[1], w.sent[0]
	w.deliver() // the first license is refused; the second has its own request on the way
	w.server.slots["rendering"] = 1
	w.deliver()
	if !w.waits(reserve) {
		t.Fatal("answered by a lease that did not know of it")
	}
	w.deliver()
	if v := w.expect(reserve, license.CodeOK); v.License != two {
		t.Fatalf("by %s", v.License)
	}
}
