//go:build native

package onelicense

import (
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

func compiled(testing.TB) *engine { return shared }

const tags = "native" // of programs that a test builds

// breakInstance makes the core panic at its next call.
func breakInstance(i *instance) { i.core = nil }

// An instance that panicked is not used again, and Verify takes another.
func TestPanicEndsTheInstance(t *testing.T) {
	v := newFakeServer(t)
	e := &engine{idleInstances: make(chan *instance, 1)}
	call := verifyCall(v.file(t, first, []string{"ui"}, "rendering"), []byte(v.ring), time.Now())
	broken, err := e.acquireInstance()
	if err != nil {
		t.Fatal(err)
	}
	breakInstance(broken)
	e.idleInstances <- broken
	_, err = e.invoke(call)
	wantCode(t, err, license.CodeInternal)
	if len(e.idleInstances) != 0 {
		t.Fatal("it is kept")
	}
	if _, err := e.invoke(call); err != nil {
		t.Error(err)
	}
	if len(e.idleInstances) != 1 {
		t.Error("the new one is not kept")
	}
}
