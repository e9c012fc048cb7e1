package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/server/servertest"
)

// policyRow holds the members of a row of spec/policy.json that these tests need.
type policyRow struct {
	Name        string
	Kind        string
	Min, Max    int64
	Overridable bool
	Values      []struct{ Value string }
}

func policyRows(t *testing.T) (rows []policyRow) {
	t.Helper()
	text, err := os.ReadFile("../../spec/policy.json")
	if err == nil {
		err = json.Unmarshal(text, &rows)
	}
	if err != nil || len(rows) == 0 {
		t.Fatal("reading the table of policy members: ", err)
	}
	return rows
}

// distinctPolicy returns a policy in which every member applies and has a value of its own.
func distinctPolicy(t *testing.T) map[string]any {
	t.Helper()
	policy := map[string]any{"type": "time_and_calls", "period": "fixed", "trigger": "interval", "clone_action": "suspend"}
	for n, row := range policyRows(t) {
		switch {
		case policy[row.Name] != nil:
		case row.Kind == "choice":
			policy[row.Name] = row.Values[len(row.Values)-1].Value
		case row.Kind == "flag":
			policy[row.Name] = true
		default:
			policy[row.Name] = float64(min(row.Min+int64(n)+1, row.Max))
		}
	}
	return policy
}

// A swapped pair of members, or one that is left out on the way, would be found here: each has a value of its own.
func TestEachPolicyMemberSurvivesTheStore(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, _, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	want := distinctPolicy(t)
	made := p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions", map[string]any{"name": "all", "policy": want})
	version := "/versions/" + id(made)
	for name, value := range want {
		got := p.Must(http.StatusOK, "GET", version, nil)["policy"].(map[string]any)
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("policy.%s is %v, want %v", name, got[name], value)
		}
		if len(got) != len(want) {
			t.Errorf("the policy has %d members, the table %d", len(got), len(want))
		}
	}
	replaced := p.Must(http.StatusOK, "PATCH", version, map[string]any{"revision": 1, "policy": made["policy"]})
	if !reflect.DeepEqual(replaced["policy"], made["policy"]) {
		t.Errorf("a policy that was sent back as it was read is %v, want %v", replaced["policy"], made["policy"])
	}

	own := map[string]any{}
	for _, row := range policyRows(t) {
		if row.Overridable {
			own[row.Name] = want[row.Name]
		}
	}
	license := with(servertest.LicenseBody("Own"), "allowance", 3, "expires", "2031-01-01T00:00:00Z", "overrides", own)
	sold := p.Must(http.StatusCreated, "POST", version+"/licenses", license)
	if got := p.Must(http.StatusOK, "GET", "/licenses/"+id(sold), nil)["overrides"]; !reflect.DeepEqual(got, any(own)) {
		t.Errorf("the overrides are %v, want %v", got, own)
	}
}

// null is no limit and 0 allows none, in a policy and in a license's overrides.
func TestEachPolicyLimitCanBeNullOrZero(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, _ := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	for _, row := range policyRows(t) {
		if row.Kind != "limit" {
			continue
		}
		for _, limit := range []any{nil, 0.0} {
			name := fmt.Sprint(row.Name, limit)
			made := p.Must(http.StatusCreated, "POST", "/products/"+product+"/versions",
				map[string]any{"name": name, "policy": map[string]any{"type": "perpetual", row.Name: limit}})
			policy := p.Must(http.StatusOK, "GET", "/versions/"+id(made), nil)["policy"].(map[string]any)
			if got, there := policy[row.Name]; !there || got != limit {
				t.Errorf("policy.%s is %v, want %v", row.Name, got, limit)
			}
			sold := p.Must(http.StatusCreated, "POST", "/versions/"+version+"/licenses",
				with(servertest.LicenseBody(name), "overrides", map[string]any{row.Name: limit}))
			own := p.Must(http.StatusOK, "GET", "/licenses/"+id(sold), nil)["overrides"].(map[string]any)
			if got, there := own[row.Name]; !there || got != limit {
				t.Errorf("overrides.%s is %v, want %v", row.Name, got, limit)
			}
		}
	}
}
