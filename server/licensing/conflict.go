package licensing

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
)

// Conflict is the error of a request that the state of a record does not allow, with a stable code.
type Conflict struct {
	Code   license.Code
	Detail string
}

func (e *Conflict) Error() string { return string(e.Code) + ": " + e.Detail }

// NewConflict returns a *Conflict; format and args become its detail.
func NewConflict(code license.Code, format string, args ...any) error {
	return &Conflict{code, fmt.Sprintf(format, args...)}
}

// The codes of conflicts.
const (
	CodeKeyPendingExists license.Code = "key_pending_exists" // there is a next key for this use already
	CodeKeyInUse         license.Code = "key_in_use"         // the key is active: it signs at present
	CodeKeyWrongState    license.Code = "key_wrong_state"    // the key is not in the state that the action needs
	CodeKeyMissing       license.Code = "key_missing"        // the server has no private key that can sign this
	CodeNothingToChange  license.Code = "nothing_to_change"  // the certificate contains nothing new
	CodeRootInUse        license.Code = "root_in_use"        // the root key belongs to another product
	CodeNoStatement      license.Code = "no_statement"       // the product has not published a statement yet
)
