package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// vendor is a person who uses the management API, like a browser without pages.
type vendor struct {
	base string
	http *http.Client
	csrf string
}

func newVendor(site string) *vendor {
	jar, _ := cookiejar.New(nil) // its only errors are about options, and there are none
	return &vendor{base: site + "/api/v1", http: &http.Client{Jar: jar, Timeout: stepTimeout}}
}

// object is a JSON object.
type object map[string]any

func (o object) text(member string) string { s, _ := o[member].(string); return s }

// request sends a request and returns the response and "ok", or a problem's code.
func (v *vendor) request(method, path string, body any) (object, string) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err.Error()
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, v.base+path, in)
	if err != nil {
		return nil, err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-CSRF-Token", v.csrf)
	answer, err := v.http.Do(r)
	if err != nil {
		return nil, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err.Error()
	}
	o := object{}
	if answer.StatusCode/100 == 2 && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		return object{"text": string(text)}, "ok"
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &o); err != nil {
			return nil, fmt.Sprintf("HTTP %d: %s", answer.StatusCode, text)
		}
	}
	if answer.StatusCode/100 != 2 {
		return o, o.text("code")
	}
	return o, "ok"
}

// Login of the vendor.
const (
	owner    = "ada@acme.example"
	password = "correct horse battery staple"
)

// setUp creates the organisation and its owner with the link that the server printed.
func (v *vendor) setUp(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	session, code := v.request("POST", "/setup", object{
		"token": u.Query().Get("token"), "organisation": "Acme", "name": "Ada", "email": owner, "password": password,
	})
	if code == "ok" {
		v.csrf = session.text("csrf_token")
	}
	return code
}

// createVersion creates a version with a policy.
func (v *vendor) createVersion(product, name string, policy object) (version, code string) {
	o, code := v.request("POST", "/products/"+product+"/versions", object{"name": name, "policy": policy})
	return o.text("id"), code
}

// createLicense creates a license of a version.
func (v *vendor) createLicense(version string, license object) (id, code string) {
	o, code := v.request("POST", "/versions/"+version+"/licenses", license)
	return o.text("id"), code
}

// keys returns the product's certificate.
func (v *vendor) keys(product string) ([]byte, error) {
	answer, err := v.http.Get(v.base + "/products/" + product + "/public-keys")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(io.LimitReader(answer.Body, 1<<16))
}

// callsUsed returns the number of calls that the server has counted.
func (v *vendor) callsUsed(license string) string {
	o, code := v.request("GET", "/licenses/"+license, nil)
	if code != "ok" {
		return code
	}
	n, _ := o["calls_used"].(float64)
	return fmt.Sprint(int64(n))
}

func inAYear() string { return time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339) }
