package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A shell runs the examples of docs/api.md in their order.
func TestAPIExamples(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	w := startServer(t)
	p := w.owner()
	made := p.Must(http.StatusCreated, "POST", "/tokens", map[string]any{
		"name": "docs", "scope": []string{"catalogue.read", "catalogue.edit", "licenses.read", "licenses.edit"},
	})
	other := p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Beside"})
	version := p.Must(http.StatusCreated, "POST", "/products/"+id(other)+"/versions", map[string]any{"name": "1",
		"policy": map[string]any{"type": "perpetual"}})
	p.Must(http.StatusOK, "POST", "/products/"+id(other)+"/archive", nil)
	env := append(os.Environ(), "API="+w.URL+"/api/v1", "AUTH=Authorization: Bearer "+made["secret"].(string), "VERSION="+id(version))
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, example := range strings.Split(block[1], "$ ")[1:] {
			command, want, _ := strings.Cut(example, "\n")
			shell := exec.CommandContext(t.Context(), "sh", "-c", command)
			shell.Env = env
			got, err := shell.Output()
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			form := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", ".*")
			if !regexp.MustCompile("^" + form + "$").MatchString(strings.TrimSpace(string(got))) {
				t.Errorf("%s\nsays  %s\nnot   %s", command, got, want)
			}
			var record struct{ ID string }
			if json.Unmarshal(got, &record) == nil && record.ID != "" {
				env = append(env, "ID="+record.ID)
			}
			ran++
		}
	}
	if ran != 6 {
		t.Errorf("%d examples were run", ran)
	}
}
