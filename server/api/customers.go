package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
)

// Customer is a person or company that licenses are issued to.
type Customer struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Email     string            `json:"email,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata"`
	Revision  int64             `json:"revision"`
	Created   time.Time         `json:"created"`
	Updated   time.Time         `json:"updated"`
}

// CreateCustomerInput is a customer to be made.
type CreateCustomerInput struct {
	Name      string            `json:"name"`
	Email     string            `json:"email,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// UpdateCustomerInput changes what it names and leaves the rest.
type UpdateCustomerInput struct {
	Revision  int64              `json:"revision,omitempty" minimum:"1"`
	Name      *string            `json:"name,omitempty"`
	Email     *string            `json:"email,omitempty"`
	Reference *string            `json:"reference,omitempty"`
	Metadata  *map[string]string `json:"metadata,omitempty"`
}

func toCustomer(c catalogue.Customer) Customer {
	return Customer{string(c.ID), c.Name, c.Email, c.Reference, nonNilMap(c.Metadata), c.Revision, timestamp(c.Created), timestamp(c.Updated)}
}

// registerCustomers registers the routes of customers. Their licenses are listed by the filter customer_id.
func (a *API) registerCustomers() {
	const tag = "customers"
	addRoute(a, operation{
		method: "POST", path: "/customers", id: "createCustomer", tag: tag, action: access.EditLicenses, status: http.StatusCreated,
		summary: "Create a customer",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[CreateCustomerInput]) (*response[Customer], error) {
		c, err := a.Catalogue.CreateCustomer(ctx, catalogue.Customer{
			Record: licensing.Record{Organisation: who.Organisation(), Metadata: in.Body.Metadata},
			Name:   in.Body.Name, Email: in.Body.Email, Reference: in.Body.Reference,
		})
		return reply(toCustomer(c), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/customers", id: "listCustomers", tag: tag, action: access.ReadLicenses,
		summary: "List customers, newest first; search matches name, e-mail address and reference",
	}, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Customer]], error) {
		found, err := a.Catalogue.Customers(ctx, who.Organisation(), in.page())
		return replyList(found, err, toCustomer)
	})
	addRoute(a, operation{
		method: "GET", path: "/customers/{id}", id: "getCustomer", tag: tag, action: access.ReadLicenses,
		summary: "Read a customer",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Customer], error) {
		c, err := a.Catalogue.Customer(ctx, who.Organisation(), in.id())
		return reply(toCustomer(c), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/customers/{id}", id: "updateCustomer", tag: tag, action: access.EditLicenses,
		summary: "Update a customer",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateCustomerInput]) (*response[Customer], error) {
		c, err := a.Catalogue.Customer(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		assignRevision(&c.Revision, in.Body.Revision)
		assign(&c.Name, in.Body.Name)
		assign(&c.Email, in.Body.Email)
		assign(&c.Reference, in.Body.Reference)
		assign(&c.Metadata, in.Body.Metadata)
		c, err = a.Catalogue.UpdateCustomer(ctx, c)
		return reply(toCustomer(c), err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/customers/{id}", id: "deleteCustomer", tag: tag, action: access.RevokeLicenses, status: http.StatusNoContent,
		conditional: true, summary: "Delete a customer without licenses",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Catalogue.DeleteCustomer(ctx, who.Organisation(), in.id(), ifMatchRevision(ctx))
	})
}
