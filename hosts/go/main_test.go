package onelicense

import (
	"fmt"
	"os"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// TestMain is also the other process of the tests that need one.
func TestMain(m *testing.M) {
	if code := os.Getenv("ONELICENSE_TEST_VERDICT"); code != "" {
		(&Client{}).hear(notice{Verdict: abi.Describe(license.Code(code), "")})
		fmt.Println("went on")
		return
	}
	if file := os.Getenv("ONELICENSE_TEST_FILE"); file != "" {
		os.Exit(verifyOnce(file, os.Getenv("ONELICENSE_TEST_RING"), os.Getenv("ONELICENSE_TEST_MODE") == "warm"))
	}
	os.Exit(m.Run())
}
