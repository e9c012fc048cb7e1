package api_test

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

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/access"
)

// mailbox keeps the mail that is sent.
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

// tokenMailedTo returns the token in the latest mail to an address, after background work has finished.
func (w *testServer) tokenMailedTo(p *mailbox, to string) string {
	w.Helper()
	w.runJobs()
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
	return startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), PublicURL: "http://licenses.example.com", Mailer: p}), p
}

// proves S02
func TestInvitationAccept(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	invite := map[string]any{"email": " Help@Acme.test", "role": "support"}
	made := owner.Must(http.StatusCreated, "POST", "/invitations", invite)
	if made["email"] != "help@acme.test" || !strings.HasPrefix(made["link"].(string), w.URL+"/invitation?token=") {
		t.Errorf("made %v", made)
	}
	owner.Do("POST", "/invitations", invite).WantProblem(http.StatusConflict, "exists")
	owner.Do("POST", "/invitations", map[string]any{"email": "OWNER@acme.test", "role": "support"}).WantProblem(http.StatusConflict, "exists")
	list := owner.Must(http.StatusOK, "GET", "/invitations", nil)["items"].([]any)
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
	guest.Do("POST", "/accept-invitation", short).WantProblem(http.StatusUnprocessableEntity, "invalid")
	for _, wrong := range []string{"", "x", token[:len(token)-1] + "g", strings.Repeat("0", 24) + token[24:]} {
		guest.Do("POST", "/accept-invitation", accept(wrong)).WantProblem(http.StatusForbidden, "bad_link")
	}
	session := guest.Must(http.StatusCreated, "POST", "/accept-invitation", accept(token))
	if m := session["member"].(map[string]any); m["role"] != "support" || m["email"] != "help@acme.test" {
		t.Errorf("came in as %v", m)
	}
	guest.Must(http.StatusOK, "GET", "/session", nil)
	w.anonymous().Do("POST", "/accept-invitation", accept(token)).WantProblem(http.StatusForbidden, "bad_link")
	if m := owner.Must(http.StatusOK, "GET", "/members/"+owner.memberID("help@acme.test"), nil); m["email_verified"] != false {
		t.Errorf("a link that went through other hands proves the address: %v", m)
	}
	w.login("help@acme.test")
}

// proves part of S02
func TestInvitationExpiryAndRevocation(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	invite := func() (id, token string) {
		t.Helper()
		made := owner.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
		return made["id"].(string), tokenIn(w, made["link"].(string))
	}
	refused := func(token string) {
		t.Helper()
		w.anonymous().Do("POST", "/accept-invitation", map[string]any{"token": token, "name": "Helper", "password": password}).
			WantProblem(http.StatusForbidden, "bad_link")
	}
	id, revoked := invite()
	owner.Must(http.StatusNoContent, "DELETE", "/invitations/"+id, nil)
	refused(revoked)
	_, old := invite()
	w.Clock.Advance(access.InvitationLifetime)
	refused(old)
	owner = w.login("owner@acme.test")
	_, again := invite() // the old one is not in its way
	refused(old)
	w.anonymous().Must(http.StatusCreated, "POST", "/accept-invitation",
		map[string]any{"token": again, "name": "Helper", "password": password})
}

// proves part of S02
func TestConcurrentInvitationAccept(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	made := w.owner().Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	body := map[string]any{"token": tokenIn(w, made["link"].(string)), "name": "Helper", "password": password}
	statuses := make([]int, 16)
	var all sync.WaitGroup
	for i := range statuses {
		p := w.anonymous()
		all.Go(func() { statuses[i] = p.Do("POST", "/accept-invitation", body).Status })
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
	t.Parallel()
	w, post := startServerWithMail(t)
	owner := w.owner()
	made := owner.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	if made["link"] != nil {
		t.Errorf("the inviter sees what was mailed: %v", made)
	}
	helper := w.anonymous()
	helper.Must(http.StatusCreated, "POST", "/accept-invitation",
		map[string]any{"token": w.tokenMailedTo(post, "help@acme.test"), "name": "Helper",
			"password": password})
	verified := func(want bool) {
		t.Helper()
		for _, one := range owner.Must(http.StatusOK, "GET", "/members?search=helper", nil)["items"].([]any) {
			if got := one.(map[string]any)["email_verified"]; got != want {
				t.Errorf("verified: %v, want %v", got, want)
			}
		}
	}
	verified(true)

	change := map[string]any{"password": "wrong horse battery", "email": "new@acme.test"}
	if p := helper.Do("PUT", "/session/email", change).WantProblem(http.StatusUnprocessableEntity,
		"invalid"); p.Errors[0].Field != "password" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	helper.Do("PUT", "/session/email", map[string]any{"password": password, "email": "owner@acme.test"}).WantProblem(http.StatusConflict,
		"exists")
	verified(true)
	change["password"] = password
	helper.Must(http.StatusNoContent, "PUT", "/session/email", change)
	verified(false)
	first := w.tokenMailedTo(post, "new@acme.test")
	helper.Must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	w.anonymous().Must(http.StatusNoContent, "POST", "/email/verify", map[string]any{"token": w.tokenMailedTo(post, "new@acme.test")})
	verified(true)

	change["email"] = "third@acme.test"
	helper.Must(http.StatusNoContent, "PUT", "/session/email", change)
	// it was for another address
	w.anonymous().Do("POST", "/email/verify", map[string]any{"token": first}).WantProblem(http.StatusForbidden, "bad_link")
	verified(false)
	change["email"] = "third@acme.test"
	helper.Must(http.StatusNoContent, "PUT", "/session/email", change) // the same again changes nothing
}

// proves part of S05
func TestPasswordReset(t *testing.T) {
	t.Parallel()
	w, post := startServerWithMail(t)
	owner := w.owner()
	known := w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "Owner@acme.test"})
	unknown := w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "nobody@acme.test"})
	if known.Status != http.StatusAccepted || unknown.Status != known.Status || string(known.Body) != string(unknown.Body) {
		t.Errorf("the answers tell who is known: %d %s, %d %s", known.Status, known.Body, unknown.Status, unknown.Body)
	}
	token := w.tokenMailedTo(post, "owner@acme.test")
	if len(post.letters) != 1 {
		t.Errorf("mailed %v", post.letters)
	}
	reset := func(token string) reply {
		return w.anonymous().Do("POST", "/password/reset", map[string]any{"token": token, "password": "another horse battery"})
	}
	if r := reset(token); r.Status != http.StatusNoContent {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	reset(token).WantProblem(http.StatusForbidden, "bad_link")
	owner.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	owner.Must(http.StatusCreated, "POST", "/session", map[string]any{"email": "owner@acme.test", "password": "another horse battery"})

	// A link is void when the password has changed in another way, and after its time.
	w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "owner@acme.test"})
	token = w.tokenMailedTo(post, "owner@acme.test")
	owner.Must(http.StatusNoContent, "PUT", "/session/password",
		map[string]any{"current_password": "another horse battery", "new_password": password})
	reset(token).WantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "owner@acme.test"})
	token = w.tokenMailedTo(post, "owner@acme.test")
	w.Clock.Advance(access.ResetLifetime)
	reset(token).WantProblem(http.StatusForbidden, "bad_link")
}

func TestLinksAreReturnedWithoutMailer(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "help@acme.test", access.Support)
	w.AddMember("", "admin@acme.test", access.Admin)
	w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "help@acme.test"}).WantProblem(http.StatusConflict,
		"mail_not_configured")
	owner.Do("POST", "/session/email/verification", nil).WantProblem(http.StatusConflict, "mail_not_configured")
	admin := w.login("admin@acme.test")
	admin.Do("POST", "/members/"+owner.memberID("owner@acme.test")+"/password-link", nil).WantProblem(http.StatusForbidden, "forbidden")
	link := admin.Must(http.StatusOK, "POST", "/members/"+owner.memberID("help@acme.test")+"/password-link", nil)["link"].(string)
	w.anonymous().Must(http.StatusNoContent, "POST", "/password/reset", map[string]any{"token": tokenIn(w, link),
		"password": "another horse battery"})
	w.anonymous().Must(http.StatusCreated, "POST", "/session", map[string]any{"email": "help@acme.test", "password": "another horse battery"})
}

// Link mail is rate-limited, and the limit does not reveal which addresses are known.
//
// proves part of B10
func TestLinkMailRateLimit(t *testing.T) {
	w, post := startServerWithMail(t)
	w.owner()
	for range 6 {
		if r := w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "owner@acme.test"}); r.Status != http.StatusAccepted {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		w.runJobs()
	}
	if n := len(post.letters["owner@acme.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.Clock.Advance(15 * time.Minute)
	w.anonymous().Do("POST", "/password/reset-request", map[string]any{"email": "owner@acme.test"})
	w.tokenMailedTo(post, "owner@acme.test")
	if n := len(post.letters["owner@acme.test"]); n != 4 {
		t.Errorf("%d letters", n)
	}
}

// Every mailed link leads to a text with a command that does what the mail says.
//
// proves part of S02
func TestLinkLandingPages(t *testing.T) {
	t.Parallel()
	w, box := startServerWithMail(t)
	owner := w.owner()
	command := regexp.MustCompile(`curl .*http://licenses\.example\.com/api/v1(/\S+) \\\n +-d '(.*)'\n`)
	inLetter := regexp.MustCompile(`http://licenses\.example\.com(/[a-z]+\?token=\S+)`)
	follow := func(to string, status int) {
		t.Helper()
		token := w.tokenMailedTo(box, to)
		link := inLetter.FindStringSubmatch(box.letters[to][len(box.letters[to])-1])
		for _, accept := range []string{"*/*", "text/html,application/xhtml+xml"} {
			page := w.anonymous().Send("GET", link[1], http.Header{"Accept": {accept}}, nil)
			found := command.FindStringSubmatch(string(page.Body))
			if found == nil || page.Status != http.StatusOK || page.Header.Get("Content-Type") != "text/plain; charset=utf-8" ||
				!strings.Contains(found[2], token) {
				t.Fatalf("%s: %d %s", link[1], page.Status, page.Body)
			}
			if accept == "*/*" {
				w.anonymous().Must(status, "POST", found[1], found[2])
			}
		}
		path, _, _ := strings.Cut(link[1], "?")
		if page := w.anonymous().Send("GET", path+"?token=%27;ls", nil, nil); page.Status != http.StatusOK ||
			strings.Contains(string(page.Body), "ls") {
			t.Errorf("%s with something else than a token: %d %s", path, page.Status, page.Body)
		}
	}
	owner.Must(http.StatusNoContent, "POST", "/session/email/verification", nil)
	follow("owner@acme.test", http.StatusNoContent)
	owner.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	follow("new@acme.test", http.StatusCreated)
	w.anonymous().Must(http.StatusAccepted, "POST", "/password/reset-request", map[string]any{"email": "new@acme.test"})
	follow("new@acme.test", http.StatusNoContent)
}

// A disabled member cannot return by a link that they created before, neither as a new member nor as an existing one.
//
// proves part of S02 S05
func TestLinksEndWithTheirCreatorsRights(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "admin@acme.test", access.Admin)
	w.AddMember("", "dev@acme.test", access.Developer)
	admin := w.login("admin@acme.test")
	id, developer := owner.memberID("admin@acme.test"), owner.memberID("dev@acme.test")
	invitation := tokenIn(w, admin.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "friend@acme.test",
		"role": "admin"})["link"].(string))
	link := tokenIn(w, admin.Must(http.StatusOK, "POST", "/members/"+developer+"/password-link", nil)["link"].(string))
	join := map[string]any{"token": invitation, "name": "Friend", "password": "a new password"}
	set := map[string]any{"token": link, "password": "a new password"}

	owner.Must(http.StatusOK, "POST", "/members/"+id+"/disable", nil)
	w.anonymous().Do("POST", "/accept-invitation", join).WantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().Do("POST", "/password/reset", set).WantProblem(http.StatusForbidden, "bad_link")
	owner.Must(http.StatusOK, "POST", "/members/"+id+"/enable", nil)
	owner.Must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 3, "role": "support"})
	w.anonymous().Do("POST", "/accept-invitation", join).WantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().Do("POST", "/password/reset", set).WantProblem(http.StatusForbidden, "bad_link")
	owner.Must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 4, "role": "owner"})
	w.anonymous().Must(http.StatusNoContent, "POST", "/password/reset", set)

	// One who was an owner makes no owners.
	second := w.login("admin@acme.test")
	heir := tokenIn(w, second.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "heir@acme.test",
		"role": "owner"})["link"].(string))
	owner.Must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 5, "role": "admin"})
	w.anonymous().Do("POST", "/accept-invitation", map[string]any{"token": heir, "name": "Heir",
		"password": "a new password"}).WantProblem(http.StatusForbidden, "bad_link")
	w.anonymous().Must(http.StatusCreated, "POST", "/accept-invitation", join)
}

// A member who sets somebody else's address again and again does not cause endless mail to it.
//
// proves part of S06 B10
func TestAddressChangeMailRateLimit(t *testing.T) {
	w, box := startServerWithMail(t)
	p := w.owner()
	change := func(to string) reply {
		return p.Do("PUT", "/session/email", map[string]any{"password": password, "email": to})
	}
	for i := range 3 {
		for _, to := range []string{"victim@other.test", fmt.Sprintf("%d@acme.test", i)} {
			if r := change(to); r.Status != http.StatusNoContent {
				t.Fatalf("%s: %d %s", to, r.Status, r.Body)
			}
		}
	}
	change("victim@other.test").WantProblem(http.StatusTooManyRequests, "rate_limited")
	for i := range 4 {
		change(fmt.Sprintf("more%d@acme.test", i))
	}
	change("last@acme.test").WantProblem(http.StatusTooManyRequests, "rate_limited")
	w.runJobs()
	if n := len(box.letters["victim@other.test"]); n != 3 {
		t.Errorf("%d letters", n)
	}
	w.Clock.Advance(15 * time.Minute)
	if r := change("last@acme.test"); r.Status != http.StatusNoContent {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// An address that the mail server would refuse is refused.
//
// proves part of S24
func TestInvalidEmailAddressesAreRefused(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	for _, email := range []string{"a,b@acme.test", "a b@acme.test", "<a>@acme.test", "a@acme..test", "a@acme.test, b@acme.test",
		"a..b@acme.test", "a@b@acme.test", "(a)@acme.test", "@acme.test", "a@", "a\n@acme.test"} {
		if wrong := owner.Do("POST", "/invitations", map[string]any{"email": email, "role": "viewer"}).WantProblem(http.StatusUnprocessableEntity,
			"invalid"); len(wrong.Errors) != 1 || wrong.Errors[0].Field != "email" {
			t.Errorf("%s: %+v", email, wrong)
		}
	}
	for _, email := range []string{"o'neil+x@acme.test", "jörg@bücher.test", "a@[192.0.2.1]", "a@localhost"} {
		owner.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": email, "role": "viewer"})
	}
}

// Link mail waits in the queue while the mail server is unavailable.
//
// proves part of B14
func TestLinkMailIsQueued(t *testing.T) {
	t.Parallel()
	w := startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), PublicURL: "http://licenses.example.com",
		SMTP: server.SMTP{Host: "127.0.0.1", Port: 1, From: "licenses@acme.test", TLS: "none"}})
	w.owner().Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	hour := lease.Time(w.Clock.Now().UnixMilli() + 3_600_000)
	if waiting, err := w.Store.DueEntries(t.Context(), "mail", hour, 10); err != nil || len(waiting) != 1 {
		t.Errorf("%d messages wait: %v", len(waiting), err)
	}
}
