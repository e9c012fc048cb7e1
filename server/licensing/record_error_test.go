package licensing_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
)

// Errors of records name kind and id, and can still be told apart by what they wrap.
func TestErrorsNameTheRecord(t *testing.T) {
	s := newServer(t)
	const missing license.ID = "0123456789abcdef01234567"
	product, version, l := s.product, s.version, s.license
	product.Revision, version.Revision, l.Revision = 99, 99, 99
	customer, err := s.CreateCustomer(t.Context(), catalogue.Customer{Record: s.meta(), Name: "Ada", Reference: "7"})
	must(t, err)
	stale := customer
	stale.Revision = 99
	for want, err := range map[string]struct{ is, got error }{
		"product " + string(missing) + " not found": {licensing.ErrNotFound, second(s.Product(t.Context(),
			s.org, missing))},
		"version " + string(missing) + " not found": {licensing.ErrNotFound, second(s.Version(t.Context(),
			s.org, missing))},
		"license " + string(missing) + " not found": {licensing.ErrNotFound, second(s.License(t.Context(),
			s.org, missing))},
		"customer " + string(missing) + " not found": {licensing.ErrNotFound, second(s.Customer(t.Context(),
			s.org, missing))},
		"hold " + string(missing) + " not found": {licensing.ErrNotFound,
			s.DeleteHold(t.Context(), s.org, s.license.ID, missing)},
		`a product with the name "CAD" exists`: {licensing.ErrExists,
			second(s.CreateProduct(t.Context(), licensing.Product{Record: s.meta(), Name: "CAD"}))},
		`a customer with the reference "7" exists`: {licensing.ErrExists,
			second(s.CreateCustomer(t.Context(), catalogue.Customer{Record: s.meta(), Name: "Bob", Reference: "7"}))},
		"product " + string(product.ID) + " was changed since it was read": {licensing.ErrStale,
			second(s.UpdateProduct(t.Context(), product))},
		"version " + string(version.ID) + " was changed since it was read": {licensing.ErrStale,
			second(s.UpdateVersion(t.Context(), version))},
		"license " + string(l.ID) + " was changed since it was read": {licensing.ErrStale,
			second(s.UpdateLicense(t.Context(), l))},
		"customer " + string(customer.ID) + " was changed since it was read": {licensing.ErrStale,
			second(s.UpdateCustomer(t.Context(), stale))},
		"product " + string(product.ID) + " has dependent records": {licensing.ErrInUse, s.DeleteProduct(t.Context(),
			s.org, product.ID, 0)},
	} {
		if !errors.Is(err.got, err.is) || !strings.HasSuffix(fmt.Sprint(err.got), want) {
			t.Errorf("got %v, want %s", err.got, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
