package api_test

import (
	"net/http"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves B02
func TestFingerprintChangeAndVendorBinding(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	p.policy(version, map[string]any{"type": "perpetual", "activation_limit": 10, "fingerprint_action": "refuse", "fingerprint_tolerance": 1})
	machine := func(values ...string) (parts []lease.FingerprintPart) {
		for n, v := range values {
			parts = append(parts, lease.NewFingerprintPart(license.ID(id), []string{"disk", "board"}[n], v))
		}
		return parts
	}
	d := newDevice(p, product, version, id)
	d.Request.Fingerprint = machine("d1", "b1")
	d.MustSync()
	d.Request.Fingerprint = machine("d2", "b1")
	d.MustSync()
	d.Request.Fingerprint = machine("d3", "b3")
	d.WantRefusal(license.CodeFingerprintChanged)
	one := p.Must(http.StatusOK, "GET", "/licenses/"+id+"/activations", nil)["items"].([]any)[0].(map[string]any)
	evidence := one["evidence"].([]any)
	if len(evidence) != 1 || evidence[0].(map[string]any)["code"] != "fingerprint_changed" ||
		len(evidence[0].(map[string]any)["changed_parts"].([]any)) != 2 {
		t.Errorf("evidence %v", evidence)
	}
	if changed := one["changed_parts"].([]any); len(changed) != 1 || changed[0] != "disk" {
		t.Errorf("changed %v", one)
	}
	p.Must(http.StatusNoContent, "POST", "/licenses/"+id+"/activations/"+d.ID()+"/clear-evidence", nil)
	d.MustSync()

	bound := p.Must(http.StatusOK, "PUT", "/licenses/"+id+"/fingerprint", map[string]any{"parts": []any{map[string]any{"name": "board",
		"value": "b9"}}})
	if names := bound["fingerprint_parts"].([]any); len(names) != 1 || names[0] != "board" {
		t.Errorf("bound %v", bound)
	}
	d.WantRefusal(license.CodeFingerprintChanged)
	other := newDevice(p, product, version, id)
	other.Request.Fingerprint = machine("d7", "b9")
	other.MustSync()
	p.Do("PUT", "/licenses/"+id+"/fingerprint", map[string]any{"parts": []any{map[string]any{"name": "board", "value": ""}}}).
		WantProblem(http.StatusUnprocessableEntity, "invalid")
}
