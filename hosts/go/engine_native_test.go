//go:build native

package onelicense

import (
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

func compiled(testing.TB) *engine { return shared }

const tags = "native" // of programs that a test builds

// breakDown makes the core panic at its next call.
func breakDown(i *instance) { i.core = nil }

// An instance that panicked answers nobody after that, and Verify takes another.
func TestPanicEndsTheInstance(t *testing.T) {
	v := newVendor(t)
	e := &engine{idle: make(chan *instance, 1)}
	call := verifyCall(v.file(t, first, []string{"ui"}, "rendering"), []byte(v.ring), time.Now())
	broken, err := e.borrow()
	if err != nil {
		t.Fatal(err)
	}
	breakDown(broken)
	e.idle <- broken
	_, err = e.perform(call)
	wantCode(t, err, license.CodeInternal)
	if len(e.idle) != 0 {
		t.Fatal("it is kept")
	}
	if _, err := e.perform(call); err != nil {
		t.Error(err)
	}
	if len(e.idle) != 1 {
		t.Error("the new one is not kept")
	}
}
