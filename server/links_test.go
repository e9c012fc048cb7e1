package server

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// postbox keeps what is mailed.
type postbox struct {
	mu      sync.Mutex
	letters map[string][]string // by address
}

func (p *postbox) Mail(_ context.Context, to, subject, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.letters == nil {
		p.letters = map[string][]string{}
	}
	p.letters[to] = append(p.letters[to], subject+"\n"+text)
	return nil
}

var inLink = regexp.MustCompile(`\?token=([0-9a-f]{24}_[0-9a-f]{64})\b`)

// token is the one in the last letter to the address, after what is done behind answers is done.
func (w *world) mailed(p *postbox, to string) string {
	w.Helper()
	w.s.access.Finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.letters[to]
	if len(all) == 0 {
		w.Fatalf("nothing was mailed to %s", to)
	}
	return tokenIn(w, all[len(all)-1])
}

func tokenIn(w *world, text string) string {
	w.Helper()
	found := inLink.FindStringSubmatch(text)
	if found == nil {
		w.Fatalf("no link in %q", text)
	}
	return found[1]
}

func beginWithMail(t *testing.T) (*world, *postbox) {
	p := &postbox{}
	return beginWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), PublicURL: "http://licenses.example.com", Mailer: p}), p
}

// proves S02
func TestPeopleComeByInvitation(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	invite := map[string]any{"email": " Help@Acme.test", "role": "support"}
	made := owner.must(http.StatusCreated, "POST", "/invitations", invite)
	if made["email"] != "help@acme.test" || !strings.HasPrefix(made["link"].(string), w.base+"/invitation?token=") {
		t.Errorf("made %v", made)
	}
	owner.do("POST", "/invitations", invite).refused(http.StatusConflict, "exists")
	owner.do("POST", "/invitations", map[string]any{"email": "OWNER@acme.test", "role": "support"}).refused(http.StatusConflict, "exists")
	list := owner.must(http.StatusOK, "GET", "/invitations", nil)["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["link"] != nil {
		t.Errorf("listed %v", list)
	}
	token := tokenIn(w, made["link"].(string))
	accept := func(token string) map[string]any {
		return map[string]any{"token": token, "name": "Helper", "password": password}
	}
	guest := w.stranger()
	short := accept(token)
	short["password"] = "short"
	guest.do("POST", "/join", short).refused(http.StatusUnprocessableEntity, "invalid")
	for _, wrong := range []string{"", "x", token[:len(token)-1] + "g", strings.Repeat("0", 24) + token[24:]} {
		guest.do("POST", "/join", accept(wrong)).refused(http.StatusForbidden, "bad_link")
	}
	session := guest.must(http.StatusCreated, "POST", "/join", accept(token))
	if m := session["member"].(map[string]any); m["role"] != "support" || m["email"] != "help@acme.test" {
		t.Errorf("came in as %v", m)
	}
	guest.must(http.StatusOK, "GET", "/session", nil)
	w.stranger().do("POST", "/join", accept(token)).refused(http.StatusForbidden, "bad_link")
	if m := owner.must(http.StatusOK, "GET", "/members/"+owner.find("help@acme.test"), nil); m["email_verified"] != false {
		t.Errorf("a link that went through other hands proves the address: %v", m)
	}
	w.login("help@acme.test")
}

// proves part of S02
func TestInvitationsEnd(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	invite := func() (id, token string) {
		t.Helper()
		made := owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
		return made["id"].(string), tokenIn(w, made["link"].(string))
	}
	refused := func(token string) {
		t.Helper()
		w.stranger().do("POST", "/join", map[string]any{"token": token, "name": "Helper", "password": password}).
			refused(http.StatusForbidden, "bad_link")
	}
	id, revoked := invite()
	owner.must(http.StatusNoContent, "DELETE", "/invitations/"+id, nil)
	refused(revoked)
	_, old := invite()
	w.clock.pass(access.InvitationLife)
	refused(old)
	owner = w.login("owner@acme.test")
	_, again := invite() // the old one is not in its way
	refused(old)
	w.stranger().must(http.StatusCreated, "POST", "/join", map[string]any{"token": again, "name": "Helper", "password": password})
}

// proves part of S02
func TestSixteenAcceptOneInvitation(t *testing.T) {
	w := begin(t)
	made := w.owner().must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	body := map[string]any{"token": tokenIn(w, made["link"].(string)), "name": "Helper", "password": password}
	statuses := make([]int, 16)
	var all sync.WaitGroup
	for i := range statuses {
		p := w.stranger()
		all.Go(func() { statuses[i] = p.do("POST", "/join", body).status })
	}
	all.Wait()
	in := 0
	for _, status := range statuses {
		if status == http.StatusCreated {
			in++
		} else if status != http.StatusForbidden && status != http.StatusConflict && status != http.StatusTooManyRequests {
			t.Errorf("status %d", status)
		}
	}
	if in != 1 {
		t.Errorf("%d came in", in)
	}
}

// proves S06
// proves part of S02
func TestAddressIsProvenByMail(t *testing.T) {
	w, post := beginWithMail(t)
	owner := w.owner()
	made := owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	if made["link"] != nil {
		t.Errorf("the inviter sees what was mailed: %v", made)
	}
	helper := w.stranger()
	helper.must(http.StatusCreated, "POST", "/join", map[string]any{"token": w.mailed(post, "help@acme.test"), "name": "Helper", "password": password})
	verified := func(want bool) {
		t.Helper()
		for _, one := range owner.must(http.StatusOK, "GET", "/members?search=helper", nil)["items"].([]any) {
			if got := one.(map[string]any)["email_verified"]; got != want {
				t.Errorf("verified: %v, want %v", got, want)
			}
		}
	}
	verified(true)

	change := map[string]any{"password": "wrong horse battery", "email": "new@acme.test"}
	if p := helper.do("PUT", "/session/email", change).refused(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "password" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	helper.do("PUT", "/session/email", map[string]any{"password": password, "email": "owner@acme.test"}).refused(http.StatusConflict, "exists")
	verified(true)
	change["password"] = password
	helper.must(http.StatusNoContent, "PUT", "/session/email", change)
	verified(false)
	first := w.mailed(post, "new@acme.test")
	helper.must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	w.stranger().must(http.StatusNoContent, "POST", "/verification", map[string]any{"token": w.mailed(post, "new@acme.test")})
	verified(true)

	change["email"] = "third@acme.test"
	helper.must(http.StatusNoContent, "PUT", "/session/email", change)
	w.stranger().do("POST", "/verification", map[string]any{"token": first}).refused(http.StatusForbidden, "bad_link") // it was for another address
	verified(false)
	change["email"] = "third@acme.test"
	helper.must(http.StatusNoContent, "PUT", "/session/email", change) // the same again changes nothing
}

// proves part of S05
func TestForgottenPassword(t *testing.T) {
	w, post := beginWithMail(t)
	owner := w.owner()
	known := w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "Owner@acme.test"})
	unknown := w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "nobody@acme.test"})
	if known.status != http.StatusAccepted || unknown.status != known.status || string(known.body) != string(unknown.body) {
		t.Errorf("the answers tell who is known: %d %s, %d %s", known.status, known.body, unknown.status, unknown.body)
	}
	token := w.mailed(post, "owner@acme.test")
	if len(post.letters) != 1 {
		t.Errorf("mailed %v", post.letters)
	}
	reset := func(token string) reply {
		return w.stranger().do("POST", "/password/reset", map[string]any{"token": token, "password": "another horse battery"})
	}
	if r := reset(token); r.status != http.StatusNoContent {
		t.Fatalf("%d %s", r.status, r.body)
	}
	reset(token).refused(http.StatusForbidden, "bad_link")
	owner.do("GET", "/session", nil).refused(http.StatusUnauthorized, "bad_session")
	owner.must(http.StatusCreated, "POST", "/session", map[string]any{"email": "owner@acme.test", "password": "another horse battery"})

	// A link is void when the password has changed in another way, and after its time.
	w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	token = w.mailed(post, "owner@acme.test")
	owner.must(http.StatusNoContent, "PUT", "/session/password", map[string]any{"old": "another horse battery", "new": password})
	reset(token).refused(http.StatusForbidden, "bad_link")
	w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	token = w.mailed(post, "owner@acme.test")
	w.clock.pass(access.ResetLife)
	reset(token).refused(http.StatusForbidden, "bad_link")
}

func TestWithoutMailAnAdministratorPassesLinksOn(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	w.member("", "admin@acme.test", access.Admin)
	w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "help@acme.test"}).refused(http.StatusConflict, "no_mail")
	owner.do("POST", "/session/email/verification", nil).refused(http.StatusConflict, "no_mail")
	admin := w.login("admin@acme.test")
	admin.do("POST", "/members/"+owner.find("owner@acme.test")+"/password", nil).refused(http.StatusForbidden, "forbidden")
	link := admin.must(http.StatusOK, "POST", "/members/"+owner.find("help@acme.test")+"/password", nil)["link"].(string)
	w.stranger().must(http.StatusNoContent, "POST", "/password/reset", map[string]any{"token": tokenIn(w, link), "password": "another horse battery"})
	w.stranger().must(http.StatusCreated, "POST", "/session", map[string]any{"email": "help@acme.test", "password": "another horse battery"})
}

// Nobody is flooded with mail, and nobody learns from that who is known.
//
// proves part of B10
func TestFewLinksAreMailed(t *testing.T) {
	w, post := beginWithMail(t)
	w.owner()
	for range 6 {
		if r := w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"}); r.status != http.StatusAccepted {
			t.Fatalf("%d %s", r.status, r.body)
		}
		w.s.access.Finish()
	}
	if n := len(post.letters["owner@acme.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.clock.pass(15 * time.Minute)
	w.stranger().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	w.mailed(post, "owner@acme.test")
	if n := len(post.letters["owner@acme.test"]); n != 4 {
		t.Errorf("%d letters", n)
	}
}

// Whoever opens a link of a letter finds a command that does what the letter says.
//
// proves part of S02
func TestLinksSayHowToGoOn(t *testing.T) {
	w, box := beginWithMail(t)
	owner := w.owner()
	command := regexp.MustCompile(`curl .*http://licenses\.example\.com/api/v1(/\S+) \\\n +-d '(.*)'\n`)
	inLetter := regexp.MustCompile(`http://licenses\.example\.com(/[a-z]+\?token=\S+)`)
	follow := func(to string, status int) {
		t.Helper()
		token := w.mailed(box, to)
		link := inLetter.FindStringSubmatch(box.letters[to][len(box.letters[to])-1])
		for _, accept := range []string{"*/*", "text/html,application/xhtml+xml"} {
			page := w.stranger().send("GET", link[1], http.Header{"Accept": {accept}}, nil)
			found := command.FindStringSubmatch(string(page.body))
			if found == nil || page.status != http.StatusOK || page.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(found[2], token) {
				t.Fatalf("%s: %d %s", link[1], page.status, page.body)
			}
			if accept == "*/*" {
				w.stranger().must(status, "POST", found[1], found[2])
			}
		}
		path, _, _ := strings.Cut(link[1], "?")
		if page := w.stranger().send("GET", path+"?token=%27;ls", nil, nil); page.status != http.StatusOK || strings.Contains(string(page.body), "ls") {
			t.Errorf("%s with something else than a token: %d %s", path, page.status, page.body)
		}
	}
	owner.must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	follow("owner@acme.test", http.StatusNoContent)
	owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	follow("new@acme.test", http.StatusCreated)
	w.stranger().must(http.StatusAccepted, "POST", "/password/forgotten", map[string]any{"email": "new@acme.test"})
	follow("new@acme.test", http.StatusNoContent)
}

// Who is shut out does not come back by a link that they made before, neither as somebody new nor as a colleague.
//
// proves part of S02 S05
func TestLinksEndWithTheRightToMakeThem(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	w.member("", "admin@acme.test", access.Admin)
	w.member("", "dev@acme.test", access.Developer)
	admin := w.login("admin@acme.test")
	id, developer := owner.find("admin@acme.test"), owner.find("dev@acme.test")
	invitation := tokenIn(w, admin.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "friend@acme.test", "role": "admin"})["link"].(string))
	link := tokenIn(w, admin.must(http.StatusOK, "POST", "/members/"+developer+"/password", nil)["link"].(string))
	join := map[string]any{"token": invitation, "name": "Friend", "password": "a new password"}
	set := map[string]any{"token": link, "password": "a new password"}

	owner.must(http.StatusOK, "POST", "/members/"+id+"/disable", nil)
	w.stranger().do("POST", "/join", join).refused(http.StatusForbidden, "bad_link")
	w.stranger().do("POST", "/password/reset", set).refused(http.StatusForbidden, "bad_link")
	owner.must(http.StatusOK, "POST", "/members/"+id+"/enable", nil)
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 3, "role": "support"})
	w.stranger().do("POST", "/join", join).refused(http.StatusForbidden, "bad_link")
	w.stranger().do("POST", "/password/reset", set).refused(http.StatusForbidden, "bad_link")
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 4, "role": "owner"})
	w.stranger().must(http.StatusNoContent, "POST", "/password/reset", set)

	// One who was an owner makes no owners.
	second := w.login("admin@acme.test")
	heir := tokenIn(w, second.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "heir@acme.test", "role": "owner"})["link"].(string))
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 5, "role": "admin"})
	w.stranger().do("POST", "/join", map[string]any{"token": heir, "name": "Heir", "password": "a new password"}).refused(http.StatusForbidden, "bad_link")
	w.stranger().must(http.StatusCreated, "POST", "/join", join)
}

// Nobody is sent letters without end by a member who takes their address again and again.
//
// proves part of S06 B10
func TestChangedAddressesAreMailedSeldom(t *testing.T) {
	w, box := beginWithMail(t)
	p := w.owner()
	change := func(to string) reply {
		return p.do("PUT", "/session/email", map[string]any{"password": password, "email": to})
	}
	for i := range 3 {
		for _, to := range []string{"victim@other.test", fmt.Sprintf("%d@acme.test", i)} {
			if r := change(to); r.status != http.StatusNoContent {
				t.Fatalf("%s: %d %s", to, r.status, r.body)
			}
		}
	}
	change("victim@other.test").refused(http.StatusTooManyRequests, "rate_limited")
	for i := range 4 {
		change(fmt.Sprintf("more%d@acme.test", i))
	}
	change("last@acme.test").refused(http.StatusTooManyRequests, "rate_limited")
	w.s.access.Finish()
	if n := len(box.letters["victim@other.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.clock.pass(15 * time.Minute)
	if r := change("last@acme.test"); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// An address that the mail server would not take is no way to reach anybody.
//
// proves part of S24
func TestAddressesThatCanBeMailed(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	for _, email := range []string{"a,b@acme.test", "a b@acme.test", "<a>@acme.test", "a@acme..test", "a@acme.test, b@acme.test", "a..b@acme.test", "a@b@acme.test", "(a)@acme.test", "@acme.test", "a@", "a\n@acme.test"} {
		if wrong := owner.do("POST", "/invitations", map[string]any{"email": email, "role": "viewer"}).refused(http.StatusUnprocessableEntity, "invalid"); len(wrong.Errors) != 1 || wrong.Errors[0].Field != "email" {
			t.Errorf("%s: %+v", email, wrong)
		}
	}
	for _, email := range []string{"o'neil+x@acme.test", "jörg@bücher.test", "a@[192.0.2.1]", "a@localhost"} {
		owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": email, "role": "viewer"})
	}
}
