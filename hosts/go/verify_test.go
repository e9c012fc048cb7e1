package onelicense

import (
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// proves part of N07
func TestVerifyReceipt(t *testing.T) {
	v := newFakeServer(t)
	before := time.Now().Truncate(time.Millisecond)
	c := must(t, v.config(t))
	if err := c.ConsumeN(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	one := status.Licenses[0]
	r, err := VerifyReceipt(t.Context(), one.Receipt, []byte(v.ring))
	if err != nil {
		t.Fatal(err)
	}
	if r.Product != product || r.License != first || r.Activation != one.Activation || r.Generation != 1 || r.Number != 2 ||
		r.Counters != one.Counters ||
		r.Counters.Counted != 3 || r.Root != v.root || r.Key == "" || r.Request == "" || r.Time.Std().Before(before) {
		t.Errorf("it proves %+v", r)
	}
	for text, code := range map[string]license.Code{
		strings.Replace(one.Receipt, `"counted":3`, `"counted":2`, 1): license.CodeSignatureInvalid,
		"":         license.CodeLeaseMalformed,
		"nonsense": license.CodeLeaseMalformed,
		string(v.file(t, first, []string{"ui"}, "rendering")): license.CodeLeaseMalformed,
	} {
		_, err := VerifyReceipt(t.Context(), text, []byte(v.ring))
		wantCode(t, err, code)
	}
	_, err = VerifyReceipt(t.Context(), one.Receipt, []byte("none"))
	wantCode(t, err, license.CodeKeyringInvalid)
}

func TestVerifyWithRevocationList(t *testing.T) {
	v := newFakeServer(t)
	file, ring := v.file(t, first, []string{"ui"}, "rendering"), []byte(v.ring)
	list := v.statement(t, 7, first)
	for _, c := range []struct {
		name string
		list []byte
		code license.Code
	}{
		{"of_another_license", v.statement(t, 7, second), license.CodeOK},
		{"of_this_license", list, license.CodeRevoked},
		{"changed", []byte(strings.Replace(string(list), first, second, 1)), license.CodeSignatureInvalid},
		{"not_utf8", append([]byte(`{"type":"onelicense/statement/1","x":"`+"\xff\xfe"), list...), license.CodeSignatureInvalid},
		{"empty", []byte{}, license.CodeStatementMalformed},
		{"none_at_all", nil, license.CodeStatementMalformed},
		{"nonsense", []byte("nonsense"), license.CodeLeaseMalformed},
		{"license_file", file, license.CodeLeaseMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Verify(t.Context(), file, ring, WithList(c.list))
			wantCode(t, err, c.code)
		})
	}
}
