package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Product is a program that the vendor sells, with a keyring of its own.
type Product struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Archived    bool              `json:"archived"`
	Root        string            `json:"root,omitempty"`
	Metadata    map[string]string `json:"metadata"`
	Revision    int64             `json:"revision"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// CreateProductInput is a product to be made.
type CreateProductInput struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Keys        ProductKeysInput  `json:"keys,omitempty"`
}

// ProductKeysInput says what a product's keys are made of.
type ProductKeysInput struct {
	OpenPGPVersion int    `json:"openpgp_version,omitempty" enum:"4,6"`
	PrivateKeys    string `json:"private_keys,omitempty"`
}

// UpdateProductInput changes what it names and leaves the rest.
type UpdateProductInput struct {
	Revision    int64              `json:"revision,omitempty" minimum:"1"`
	Name        *string            `json:"name,omitempty"`
	Description *string            `json:"description,omitempty"`
	Metadata    *map[string]string `json:"metadata,omitempty"`
}

func toProduct(p licensing.Product) Product {
	return Product{
		ID: string(p.ID), Name: p.Name, Description: p.Description, Archived: p.Archived, Metadata: nonNilMap(p.Metadata),
		Revision: p.Revision, Created: timestamp(p.Created), Updated: timestamp(p.Updated),
	}
}

// registerProducts registers the routes of products.
func (a *API) registerProducts() {
	const tag = "products"
	addRoute(a, operation{
		method: "POST", path: "/products", id: "createProduct", tag: tag, action: access.EditCatalogue, status: http.StatusCreated,
		summary: "Create a product with its keys",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[CreateProductInput]) (*response[Product], error) {
		p, err := a.Catalogue.CreateProductWithKeys(ctx, licensing.Product{
			Record: licensing.Record{Organisation: who.Organisation(), Metadata: in.Body.Metadata},
			Name:   in.Body.Name, Description: in.Body.Description,
		}, licensing.NewKeys{Version: in.Body.Keys.OpenPGPVersion, Private: []byte(in.Body.Keys.PrivateKeys)})
		return reply(toProduct(p), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/products", id: "listProducts", tag: tag, action: access.ReadCatalogue,
		summary: "List products",
	}, func(ctx context.Context, who access.Identity, in *ArchivableListInput) (*response[List[Product]], error) {
		found, err := a.Catalogue.Products(ctx, who.Organisation(), in.page())
		return replyList(found, err, toProduct)
	})
	addRoute(a, operation{
		method: "GET", path: "/products/{id}", id: "getProduct", tag: tag, action: access.ReadCatalogue,
		summary: "Read a product",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Product], error) {
		p, err := a.Catalogue.Product(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		described := toProduct(p)
		described.Root, err = a.Keys.RootFingerprint(p)
		return reply(described, err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/products/{id}", id: "updateProduct", tag: tag, action: access.EditCatalogue,
		summary: "Update a product",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateProductInput]) (*response[Product], error) {
		p, err := a.Catalogue.Product(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		assignRevision(&p.Revision, in.Body.Revision)
		assign(&p.Name, in.Body.Name)
		assign(&p.Description, in.Body.Description)
		assign(&p.Metadata, in.Body.Metadata)
		p, err = a.Catalogue.UpdateProduct(ctx, p)
		return reply(toProduct(p), err)
	})
	for _, op := range []operation{
		{path: "/products/{id}/archive", id: "archiveProduct", summary: "Archive a product (its licenses stop working)"},
		{path: "/products/{id}/unarchive", id: "unarchiveProduct", summary: "Unarchive a product"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditCatalogue
		archived := op.id == "archiveProduct"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Product], error) {
			p, err := retryOnConflict(func() (licensing.Product, error) {
				p, err := a.Catalogue.Product(ctx, who.Organisation(), in.id())
				if err != nil || p.Archived == archived {
					return p, err
				}
				p.Archived = archived
				return a.Catalogue.UpdateProduct(ctx, p)
			})
			return reply(toProduct(p), err)
		})
	}
	addRoute(a, operation{
		method: "DELETE", path: "/products/{id}", id: "deleteProduct", tag: tag, action: access.DeleteCatalogue, status: http.StatusNoContent,
		conditional: true, summary: "Delete a product without versions",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Catalogue.DeleteProduct(ctx, who.Organisation(), license.ID(in.ID), ifMatchRevision(ctx))
	})
}

// retryOnConflict makes a change that does not depend on what else has changed, for as long as others come first.
func retryOnConflict[T any](change func() (T, error)) (v T, err error) {
	for range 10 {
		if v, err = change(); !errors.Is(err, licensing.ErrStale) {
			return v, err
		}
	}
	return v, err
}

// assign sets what an edit names.
func assign[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// assignRevision sets the revision that an edit was made from. One that names none is made from whatever there is: If-Match said so.
func assignRevision(to *int64, from int64) {
	if from != 0 {
		*to = from
	}
}

// nonNilMap is m, never null.
func nonNilMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
