package onelicense

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// TestMain also is the other process of tests that need one.
func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	switch env := os.Getenv; {
	case env("ONELICENSE_TEST_VERDICT") != "":
		v := abi.Describe(license.Code(env("ONELICENSE_TEST_VERDICT")), "")
		v.OfflineTolerated = env("ONELICENSE_TEST_OFFLINE") != "" && v.Code.Verdict().OfflineTolerable // as the module says it
		m := newRunner(nil, &Config{}, (&Client{}).onUnsolicitedVerdict)
		m.starting = false
		m.deliverVerdict(abi.Effect{Verdict: &v})
		<-m.verdicts.close()
		fmt.Println("went on")
	case env("ONELICENSE_TEST_FILE") != "":
		err = verifyOnce(ctx, env("ONELICENSE_TEST_FILE"), env("ONELICENSE_TEST_RING"))
	case env("ONELICENSE_TEST_SERVER") != "":
		err = activateOnce(ctx, env("ONELICENSE_TEST_SERVER"))
	default:
		os.Exit(m.Run())
	}
	if err == nil && os.Getenv("ONELICENSE_TEST_MODE") == "warm" {
		err = Warm(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
