package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Version is one release line of a product, with the default policy of its licenses.
type Version struct {
	ID          string            `json:"id"`
	Product     string            `json:"product"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Archived    bool              `json:"archived"`
	Released    *time.Time        `json:"released,omitempty"`
	Policy      Policy            `json:"policy"`
	Metadata    map[string]string `json:"metadata"`
	Revision    int64             `json:"revision"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// CreateVersionInput is a version to be made.
type CreateVersionInput struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Released    *time.Time        `json:"released,omitempty"`
	Policy      PolicyInput       `json:"policy"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// UpdateVersionInput changes what it names and leaves the rest.
type UpdateVersionInput struct {
	Revision    int64               `json:"revision,omitempty" minimum:"1"`
	Name        *string             `json:"name,omitempty"`
	Description *string             `json:"description,omitempty"`
	Released    Nullable[time.Time] `json:"released,omitempty"`
	Policy      *PolicyInput        `json:"policy,omitempty"`
	Metadata    *map[string]string  `json:"metadata,omitempty"`
}

func toVersion(v licensing.Version) Version {
	return Version{
		ID: string(v.ID), Product: string(v.Product), Name: v.Name, Description: v.Description, Archived: v.Archived,
		Released: optionalTimestamp(v.Released),
		Policy:   toPolicy(v.Policy),
		Metadata: nonNilMap(v.Metadata), Revision: v.Revision, Created: timestamp(v.Created), Updated: timestamp(v.Updated),
	}
}

// registerVersions registers the routes of versions.
func (a *API) registerVersions() {
	const tag = "versions"
	addRoute(a, operation{
		method: "POST", path: "/products/{id}/versions", id: "createVersion", tag: tag, action: access.EditCatalogue, status: http.StatusCreated,
		summary: "Create a version of a product",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[CreateVersionInput]) (*response[Version], error) {
		v, err := a.Catalogue.CreateVersion(ctx, licensing.Version{
			Record:  licensing.Record{Organisation: who.Organisation(), Metadata: in.Body.Metadata},
			Product: in.id(), Name: in.Body.Name, Description: in.Body.Description, Released: fromOptionalTimestamp(in.Body.Released),
			Policy: in.Body.Policy.policy(),
		})
		return reply(toVersion(v), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/products/{id}/versions", id: "listVersions", tag: tag, action: access.ReadCatalogue,
		summary: "List the versions of a product",
	}, func(ctx context.Context, who access.Identity, in *IDArchivableListInput) (*response[List[Version]], error) {
		if _, err := a.Catalogue.Product(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that it is there
		}
		found, err := a.Catalogue.Versions(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toVersion)
	})
	addRoute(a, operation{
		method: "GET", path: "/versions/{id}", id: "getVersion", tag: tag, action: access.ReadCatalogue,
		summary: "Read a version",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Version], error) {
		v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
		return reply(toVersion(v), err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/versions/{id}", id: "updateVersion", tag: tag, action: access.EditCatalogue,
		summary: "Update a version",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateVersionInput]) (*response[Version], error) {
		v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		assignRevision(&v.Revision, in.Body.Revision)
		assign(&v.Name, in.Body.Name)
		assign(&v.Description, in.Body.Description)
		assign(&v.Metadata, in.Body.Metadata)
		if in.Body.Released.IsGiven {
			v.Released = fromOptionalTimestamp(in.Body.Released.Value)
		}
		if in.Body.Policy != nil {
			v.Policy = in.Body.Policy.policy()
		}
		v, err = a.Catalogue.UpdateVersion(ctx, v)
		return reply(toVersion(v), err)
	})
	for _, op := range []operation{
		{path: "/versions/{id}/archive", id: "archiveVersion", summary: "Archive a version (its licenses stop working)"},
		{path: "/versions/{id}/unarchive", id: "unarchiveVersion", summary: "Unarchive a version"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditCatalogue
		archived := op.id == "archiveVersion"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Version], error) {
			v, err := retryOnConflict(func() (licensing.Version, error) {
				v, err := a.Catalogue.Version(ctx, who.Organisation(), in.id())
				if err != nil || v.Archived == archived {
					return v, err
				}
				v.Archived = archived
				return a.Catalogue.UpdateVersion(ctx, v)
			})
			return reply(toVersion(v), err)
		})
	}
	addRoute(a, operation{
		method: "DELETE", path: "/versions/{id}", id: "deleteVersion", tag: tag, action: access.DeleteCatalogue, status: http.StatusNoContent,
		conditional: true, summary: "Delete a version without licenses",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Catalogue.DeleteVersion(ctx, who.Organisation(), in.id(), ifMatchRevision(ctx))
	})
}
