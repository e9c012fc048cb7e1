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

// mailbox keeps what is mailed.
type mailbox struct {
	mu      sync.Mutex
	letters map[string][]string // by address
}

func (p *mailbox) Mail(_ context.Context, to, subject, text string) error {
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
func (w *testServer) tokenMailedTo(p *mailbox, to string) string {
	w.Helper()
	w.s.access.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.letters[to]
	if len(all) == 0 {
		w.Fatalf("nothing was mailed to %s", to)
	}
	return tokenIn(w, all[len(all)-1])
}

func tokenIn(w *testServer, text string) string {
	w.Helper()
	found := inLink.FindStringSubmatch(text)
	if found == nil {
		w.Fatalf("no link in %q", text)
	}
	return found[1]
}

func startServerWithMail(t *testing.T) (*testServer, *mailbox) {
	p := &mailbox{}
	return startServerWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), PublicURL: "http://licenses.example.com", Mailer: p}), p
}

// proves S02
func TestInvitationAccept(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	invite := map[string]any{"email": " Help@Acme.test", "role": "support"}
	made := owner.must(http.StatusCreated, "POST", "/invitations", invite)
	if made["email"] != "help@acme.test" || !strings.HasPrefix(made["link"].(string), w.url+"/invitation?token=") {
		t.Errorf("made %v", made)
	}
	owner.do("POST", "/invitations", invite).wantProblem(http.StatusConflict, "exists")
	owner.do("POST", "/invitations", map[string]any{"email": "OWNER@acme.test", "role": "support"}).wantProblem(http.StatusConflict, "exists")
	list := owner.must(http.StatusOK, "GET", "/invitations", nil)["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["link"] != nil {
		t.Errorf("listed %v", list)
	}
	token := tokenIn(w, made["link"].(string))
	accept := func(token string) map[string]any {
		return map[string]any{"token": token, "name": "Helper", "password": password}
	}
	guest := w.anonymous()
	short := accept(token)
	short["password"] = "short"
	guest.do("POST", "/join", short).wantProblem(http.StatusUnprocessableEntity, "invalid")
	for _, wrong := range []string{"", "x", token[:len(token)-1] + "g", strings.Repeat("0", 24) + token[24:]} {
		guest.do("POST", "/join", accept(wrong)).wantProblem(http.StatusForbidden, "bad_link")
	}
	session := guest.must(http.StatusCreated, "POST", "/join", accept(token))
	if m := session["member"].(map[string]any); m["role"] != "support" || m["email"] != "help@acme.test" {
		t.Errorf("came in as %v", m)
	}
	guest.must(http.StatusOK, "GET", "/session", nil)
	w.anonymous().do("POST", "/join", accept(token)).wantProblem(http.StatusForbidden, "bad_link")
	if m := owner.must(http.StatusOK, "GET", "/members/"+owner.memberID("help@acme.test"), nil); m["email_verified"] != false {
		t.Errorf("a link that went through other hands proves the address: %v", m)
	}
	w.login("help@acme.test")
}

// proves part of S02
func TestInvitationExpiryAndRevocation(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	invite := func() (id, token string) {
		t.Helper()
		made := owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
		return made["id"].(string), tokenIn(w, made["link"].(string))
	}
	refused := func(token string) {
		t.Helper()
		w.anonymous().do("POST", "/join", map[string]any{"token": token, "name": "Helper", "password": password}).
			wantProblem(http.StatusForbidden, "bad_link")
	}
	id, revoked := invite()
	owner.must(http.StatusNoContent, "DELETE", "/invitations/"+id, nil)
	refused(revoked)
	_, old := invite()
	w.clock.advance(access.InvitationLifetime)
	refused(old)
	owner = w.login("owner@acme.test")
	_, again := invite() // the old one is not in its way
	refused(old)
	w.anonymous().must(http.StatusCreated, "POST", "/join", map[string]any{"token": again, "name": "Helper", "password": password})
}

// proves part of S02
func TestConcurrentInvitationAccept(t *testing.T) {
	w := startServer(t)
	made := w.owner().must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	body := map[string]any{"token": tokenIn(w, made["link"].(string)), "name": "Helper", "password": password}
	statuses := make([]int, 16)
	var all sync.WaitGroup
	for i := range statuses {
		p := w.anonymous()
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
func TestEmailVerification(t *testing.T) {
	w, post := startServerWithMail(t)
	owner := w.owner()
	made := owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	if made["link"] != nil {
		t.Errorf("the inviter sees what was mailed: %v", made)
	}
	helper := w.anonymous()
	helper.must(http.StatusCreated, "POST", "/join", map[string]any{"token": w.tokenMailedTo(post, "help@acme.test"), "name": "Helper", "password": password})
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
	if p := helper.do("PUT", "/session/email", change).wantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "password" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	helper.do("PUT", "/session/email", map[string]any{"password": password, "email": "owner@acme.test"}).wantProblem(http.StatusConflict, "exists")
	verified(true)
	change["password"] = password
	helper.must(http.StatusNoContent, "PUT", "/session/email", change)
	verified(false)
	first := w.tokenMailedTo(post, "new@acme.test")
	helper.must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	w.anonymous().must(http.StatusNoContent, "POST", "/verification", map[string]any{"token": w.tokenMailedTo(post, "new@acme.test")})
	verified(true)

	change["email"] = "third@acme.test"
	helper.must(http.StatusNoContent, "PUT", "/session/email", change)
	w.anonymous().do("POST", "/verification", map[string]any{"token": first}).wantProblem(http.StatusForbidden, "bad_link") // it was for another address
	verified(false)
	change["email"] = "third@acme.test"
	helper.must(http.StatusNoContent, "PUT", "/session/email", change) // the same again changes nothing
}

// proves part of S05
func TestPasswordReset(t *testing.T) {
	w, post := startServerWithMail(t)
	owner := w.owner()
	known := w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "Owner@acme.test"})
	unknown := w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "nobody@acme.test"})
	if known.status != http.StatusAccepted || unknown.status != known.status || string(known.body) != string(unknown.body) {
		t.Errorf("the answers tell who is known: %d %s, %d %s", known.status, known.body, unknown.status, unknown.body)
	}
	token := w.tokenMailedTo(post, "owner@acme.test")
	if len(post.letters) != 1 {
		t.Errorf("mailed %v", post.letters)
	}
	reset := func(token string) reply {
		return w.anonymous().do("POST", "/password/reset", map[string]any{"token": token, "password": "another horse battery"})
	}
	if r := reset(token); r.status != http.StatusNoContent {
		t.Fatalf("%d %s", r.status, r.body)
	}
	reset(token).wantProblem(http.StatusForbidden, "bad_link")
	owner.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	owner.must(http.StatusCreated, "POST", "/session", map[string]any{"email": "owner@acme.test", "password": "another horse battery"})

	// A link is void when the password has changed in another way, and after its time.
	w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	token = w.tokenMailedTo(post, "owner@acme.test")
	owner.must(http.StatusNoContent, "PUT", "/session/password", map[string]any{"old": "another horse battery", "new": password})
	reset(token).wantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	token = w.tokenMailedTo(post, "owner@acme.test")
	w.clock.advance(access.ResetLifetime)
	reset(token).wantProblem(http.StatusForbidden, "bad_link")
}

func TestLinksAreReturnedWithoutMailer(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	w.member("", "admin@acme.test", access.Admin)
	w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "help@acme.test"}).wantProblem(http.StatusConflict, "no_mail")
	owner.do("POST", "/session/email/verification", nil).wantProblem(http.StatusConflict, "no_mail")
	admin := w.login("admin@acme.test")
	admin.do("POST", "/members/"+owner.memberID("owner@acme.test")+"/password", nil).wantProblem(http.StatusForbidden, "forbidden")
	link := admin.must(http.StatusOK, "POST", "/members/"+owner.memberID("help@acme.test")+"/password", nil)["link"].(string)
	w.anonymous().must(http.StatusNoContent, "POST", "/password/reset", map[string]any{"token": tokenIn(w, link), "password": "another horse battery"})
	w.anonymous().must(http.StatusCreated, "POST", "/session", map[string]any{"email": "help@acme.test", "password": "another horse battery"})
}

// Nobody is flooded with mail, and nobody learns from that who is known.
//
// proves part of B10
func TestLinkMailRateLimit(t *testing.T) {
	w, post := startServerWithMail(t)
	w.owner()
	for range 6 {
		if r := w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"}); r.status != http.StatusAccepted {
			t.Fatalf("%d %s", r.status, r.body)
		}
		w.s.access.Wait()
	}
	if n := len(post.letters["owner@acme.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.clock.advance(15 * time.Minute)
	w.anonymous().do("POST", "/password/forgotten", map[string]any{"email": "owner@acme.test"})
	w.tokenMailedTo(post, "owner@acme.test")
	if n := len(post.letters["owner@acme.test"]); n != 4 {
		t.Errorf("%d letters", n)
	}
}

// Whoever opens a link of a letter finds a command that does what the letter says.
//
// proves part of S02
func TestLinkLandingPages(t *testing.T) {
	w, box := startServerWithMail(t)
	owner := w.owner()
	command := regexp.MustCompile(`curl .*http://licenses\.example\.com/api/v1(/\S+) \\\n +-d '(.*)'\n`)
	inLetter := regexp.MustCompile(`http://licenses\.example\.com(/[a-z]+\?token=\S+)`)
	follow := func(to string, status int) {
		t.Helper()
		token := w.tokenMailedTo(box, to)
		link := inLetter.FindStringSubmatch(box.letters[to][len(box.letters[to])-1])
		for _, accept := range []string{"*/*", "text/html,application/xhtml+xml"} {
			page := w.anonymous().send("GET", link[1], http.Header{"Accept": {accept}}, nil)
			found := command.FindStringSubmatch(string(page.body))
			if found == nil || page.status != http.StatusOK || page.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(found[2], token) {
				t.Fatalf("%s: %d %s", link[1], page.status, page.body)
			}
			if accept == "*/*" {
				w.anonymous().must(status, "POST", found[1], found[2])
			}
		}
		path, _, _ := strings.Cut(link[1], "?")
		if page := w.anonymous().send("GET", path+"?token=%27;ls", nil, nil); page.status != http.StatusOK || strings.Contains(string(page.body), "ls") {
			t.Errorf("%s with something else than a token: %d %s", path, page.status, page.body)
		}
	}
	owner.must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	follow("owner@acme.test", http.StatusNoContent)
	owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	follow("new@acme.test", http.StatusCreated)
	w.anonymous().must(http.StatusAccepted, "POST", "/password/forgotten", map[string]any{"email": "new@acme.test"})
	follow("new@acme.test", http.StatusNoContent)
}

// Who is shut out does not come back by a link that they made before, neither as somebody new nor as a colleague.
//
// proves part of S02 S05
func TestLinksEndWithTheirCreatorsRights(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "admin@acme.test", access.Admin)
	w.member("", "dev@acme.test", access.Developer)
	admin := w.login("admin@acme.test")
	id, developer := owner.memberID("admin@acme.test"), owner.memberID("dev@acme.test")
	invitation := tokenIn(w, admin.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "friend@acme.test", "role": "admin"})["link"].(string))
	link := tokenIn(w, admin.must(http.StatusOK, "POST", "/members/"+developer+"/password", nil)["link"].(string))
	join := map[string]any{"token": invitation, "name": "Friend", "password": "a new password"}
	set := map[string]any{"token": link, "password": "a new password"}

	owner.must(http.StatusOK, "POST", "/members/"+id+"/disable", nil)
	w.anonymous().do("POST", "/join", join).wantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().do("POST", "/password/reset", set).wantProblem(http.StatusForbidden, "bad_link")
	owner.must(http.StatusOK, "POST", "/members/"+id+"/enable", nil)
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 3, "role": "support"})
	w.anonymous().do("POST", "/join", join).wantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().do("POST", "/password/reset", set).wantProblem(http.StatusForbidden, "bad_link")
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 4, "role": "owner"})
	w.anonymous().must(http.StatusNoContent, "POST", "/password/reset", set)

	// One who was an owner makes no owners.
	second := w.login("admin@acme.test")
	heir := tokenIn(w, second.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "heir@acme.test", "role": "owner"})["link"].(string))
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 5, "role": "admin"})
	w.anonymous().do("POST", "/join", map[string]any{"token": heir, "name": "Heir", "password": "a new password"}).wantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().must(http.StatusCreated, "POST", "/join", join)
}

// Nobody is sent letters without end by a member who takes their address again and again.
//
// proves part of S06 B10
func TestAddressChangeMailRateLimit(t *testing.T) {
	w, box := startServerWithMail(t)
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
	change("victim@other.test").wantProblem(http.StatusTooManyRequests, "rate_limited")
	for i := range 4 {
		change(fmt.Sprintf("more%d@acme.test", i))
	}
	change("last@acme.test").wantProblem(http.StatusTooManyRequests, "rate_limited")
	w.s.access.Wait()
	if n := len(box.letters["victim@other.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.clock.advance(15 * time.Minute)
	if r := change("last@acme.test"); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// An address that the mail server would not take is no way to reach anybody.
//
// proves part of S24
func TestInvalidEmailAddressesAreRefused(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	for _, email := range []string{"a,b@acme.test", "a b@acme.test", "<a>@acme.test", "a@acme..test", "a@acme.test, b@acme.test", "a..b@acme.test", "a@b@acme.test", "(a)@acme.test", "@acme.test", "a@", "a\n@acme.test"} {
		if wrong := owner.do("POST", "/invitations", map[string]any{"email": email, "role": "viewer"}).wantProblem(http.StatusUnprocessableEntity, "invalid"); len(wrong.Errors) != 1 || wrong.Errors[0].Field != "email" {
			t.Errorf("%s: %+v", email, wrong)
		}
	}
	for _, email := range []string{"o'neil+x@acme.test", "jörg@bücher.test", "a@[192.0.2.1]", "a@localhost"} {
		owner.must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": email, "role": "viewer"})
	}
}
