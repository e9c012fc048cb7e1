package server

import (
	"net/http"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// proves B02
func TestFingerprintChangeAndVendorBinding(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	product, version, id := p.createLicense("perpetual", licenseBody("One"))
	p.policy(version, map[string]any{"type": "perpetual", "activation_limit": 10, "fingerprint_action": "refuse", "fingerprint_tolerance": 1})
	machine := func(values ...string) (parts []lease.FingerprintPart) {
		for n, v := range values {
			parts = append(parts, lease.NewFingerprintPart(license.ID(id), []string{"disk", "board"}[n], v))
		}
		return parts
	}
	d := newDevice(p, product, version, id)
	d.request.Fingerprint = machine("d1", "b1")
	d.mustSync()
	d.request.Fingerprint = machine("d2", "b1")
	d.mustSync()
	d.request.Fingerprint = machine("d3", "b3")
	d.wantRefusal(license.CodeFingerprintChanged)
	one := p.must(http.StatusOK, "GET", "/licenses/"+id+"/activations", nil)["items"].([]any)[0].(map[string]any)
	evidence := one["evidence"].([]any)
	if len(evidence) != 1 || evidence[0].(map[string]any)["code"] != "fingerprint_changed" || len(evidence[0].(map[string]any)["differs"].([]any)) != 2 {
		t.Errorf("evidence %v", evidence)
	}
	if changed := one["changed"].([]any); len(changed) != 1 || changed[0] != "disk" {
		t.Errorf("changed %v", one)
	}
	p.must(http.StatusNoContent, "POST", "/licenses/"+id+"/activations/"+d.id()+"/forgive", nil)
	d.mustSync()

	bound := p.must(http.StatusOK, "PUT", "/licenses/"+id+"/fingerprint", map[string]any{"parts": []any{map[string]any{"name": "board", "value": "b9"}}})
	if names := bound["fingerprint"].([]any); len(names) != 1 || names[0] != "board" {
		t.Errorf("bound %v", bound)
	}
	d.wantRefusal(license.CodeFingerprintChanged)
	other := newDevice(p, product, version, id)
	other.request.Fingerprint = machine("d7", "b9")
	other.mustSync()
	p.do("PUT", "/licenses/"+id+"/fingerprint", map[string]any{"parts": []any{map[string]any{"name": "board", "value": ""}}}).
		wantProblem(http.StatusUnprocessableEntity, "invalid")
}
