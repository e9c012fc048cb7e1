package licensing

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
)

// Conflict is a refusal of what records do not allow as they are, with its stable code.
type Conflict struct {
	Code   license.Code
	Detail string
}

func (e *Conflict) Error() string { return string(e.Code) + ": " + e.Detail }

// NewConflict makes a *Conflict; format and args become its detail.
func NewConflict(code license.Code, format string, args ...any) error {
	return &Conflict{code, fmt.Sprintf(format, args...)}
}

// The codes.
const (
	CodeKeyPendingExists license.Code = "key_waiting"  // there is a next key for this use already
	CodeKeyInUse         license.Code = "key_signs"    // the key is the one that signs now
	CodeKeyWrongState    license.Code = "key_state"    // the key is not in the state that this asks for
	CodeKeyMissing       license.Code = "key_missing"  // no key on this server is good for it
	CodeNothingToChange  license.Code = "nothing_new"  // everything in the certificate is known
	CodeRootInUse        license.Code = "root_taken"   // the certificate belongs to another product
	CodeNoStatement      license.Code = "no_statement" // the product has not made one yet
)
