package license_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
)

// proves B04
func TestVerdictsMatchTable(t *testing.T) {
	data, err := os.ReadFile("../spec/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Code, Class, Message, Do string
		AllowContinue            bool `json:"allow_continue"`
		OfflineTolerable         bool `json:"offline_tolerable"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 30 {
		t.Fatalf("only %d verdicts", len(rows))
	}
	for _, r := range rows {
		want := license.Verdict{Code: license.Code(r.Code), Class: license.Class(r.Class), AllowContinue: r.AllowContinue,
			OfflineTolerable: r.OfflineTolerable, Message: r.Message, Do: r.Do}
		if got := license.Code(r.Code).Verdict(); got != want {
			t.Errorf("got %v, want %v: run go run ./internal/gen/verdicts", got, want)
		}
	}
}

// A newer server may send a code that this program does not know: it must neither end the work at once nor allow to continue.
func TestUnknownCodeIsTransient(t *testing.T) {
	for _, code := range []license.Code{"", "from_the_future", "OK"} {
		v := code.Verdict()
		if v.Class != license.ClassTransient || v.AllowContinue || v.OfflineTolerable || v.Code != code || v.Message == "" || v.Do == "" {
			t.Errorf("%q: %v", code, v)
		}
	}
}

// Only codes of the classes ok and recover allow to continue; final ones never do.
func TestClasses(t *testing.T) {
	for code, class := range map[license.Code]license.Class{
		license.CodeOK: license.ClassOK, license.CodeGrace: license.ClassOK,
		license.CodeRevoked: license.ClassFinal, license.CodeCloned: license.ClassFinal,
		license.CodeActivationLimit: license.ClassRetryAt, license.CodeStaleState: license.ClassRecover,
		license.CodeRequestMalformed: license.ClassRequest, license.CodeExhausted: license.ClassTransient,
		license.CodeKeyCompromised: license.ClassFile, license.CodeNotRunning: license.ClassUsage,
	} {
		v := code.Verdict()
		if v.Class != class || v.AllowContinue != (class == license.ClassOK || class == license.ClassRecover) {
			t.Errorf("%s: %v", code, v)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := license.Refuse(license.CodeFileByte, "byte 0x%02x at offset %d", 0, 7)
	for _, part := range []string{"file_byte", license.CodeFileByte.Verdict().Message, "offset 7"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}
