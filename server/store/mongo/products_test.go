//go:build mongo

package mongo

import (
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// EachProduct visits the products of all organisations, and no tombstone that bars a slow node from creating one.
func TestEachProduct(t *testing.T) {
	s := openStore(t, newDatabase(t))
	for _, id := range []license.ID{"a", "b"} {
		if err := s.CreateOrganisation(t.Context(), licensing.Organisation{ID: "of " + id}); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateProduct(t.Context(), licensing.Product{Record: licensing.Record{ID: id, Organisation: "of " + id}, Name: "CAD",
			SealedKeys: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.insert(t.Context(), s.products, newDoc("_id", "c", "barred", true)); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	if err := s.EachProduct(t.Context(), func(p licensing.Product) error {
		secrets = append(secrets,
			string(p.SealedKeys))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(secrets); !slices.Equal(secrets, []string{"a", "b"}) {
		t.Errorf("the products are %q", secrets)
	}
}
