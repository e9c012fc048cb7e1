package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

func listIndexes(ctx context.Context, s *Store) error {
	return createIndexes(ctx, []index{
		{s.licenses, newestFirstIndex("org"), false},
		{s.licenses, newestFirstIndex("product"), false},
		{s.licenses, newestFirstIndex("org", "customer"), false},
		{s.licenses, newDoc("org", 1, "folded", 1, "_id", 1), false},
		{s.licenses, newDoc("org", 1, "updated", 1, "_id", 1), false},
		{s.licenses, newDoc("org", 1, "expires", 1), false},
	})
}

// licenseFilter returns the filter as a query. A policy's type is a member of the version, so versions with the type are looked up first.
func (s *Store) licenseFilter(ctx context.Context, org license.ID, f licensing.LicenseFilter) (bson.D, error) {
	filter := newDoc("org", string(org))
	for _, c := range []struct{ member, value string }{
		{"product", string(f.Product)}, {"version", string(f.Version)}, {"status", string(f.Status)}, {"customer", f.Customer},
		{"customer_id", string(f.CustomerID)},
	} {
		if c.value != "" {
			filter = append(filter, bson.E{Key: c.member, Value: c.value})
		}
	}
	if f.ExpiresFrom != 0 || f.ExpiresUntil != 0 {
		expires := newDoc("$gte", max(dateOf(f.ExpiresFrom), date(1))) // 0 means never
		if f.ExpiresUntil != 0 {
			expires = append(expires, bson.E{Key: "$lt", Value: dateOf(f.ExpiresUntil)})
		}
		filter = append(filter, bson.E{Key: "expires", Value: expires})
	}
	if f.Type != "" {
		found, err := findAll[version](ctx, s.versions, newDoc("org", string(org)))
		if err != nil {
			return nil, err
		}
		versions := bson.A{}
		for _, v := range found {
			if v.Policy.Type == f.Type {
				versions = append(versions, v.Meta.ID)
			}
		}
		filter = append(filter, bson.E{Key: "$and", Value: bson.A{newDoc("version",
			newDoc("$in", versions))}}) // in addition to a filter for one version
	}
	return filter, nil
}

// maxEmptyPages is the number of pages that are searched for a license that was never activated, before an empty page is returned.
const maxEmptyPages = 20

// neverActivated lists the licenses without activations. It reads pages of licenses and removes those that have one.
func (s *Store) neverActivated(ctx context.Context, filter bson.D, page licensing.Page) (licensing.Listing[licensing.License], error) {
	for round := 1; ; round++ {
		found, err := listSorted(ctx, s.licenses, filter, page, licenseRecord.record)
		if err != nil || len(found.Items) == 0 {
			return found, err
		}
		activated, err := s.withActivations(ctx, found.Items)
		if err != nil {
			return found, err
		}
		left := found.Items[:0]
		for _, l := range found.Items {
			if !activated[string(l.ID)] {
				left = append(left, l)
			}
		}
		found.Items = left
		if len(left) > 0 || found.Next == "" || round == maxEmptyPages {
			return found, nil
		}
		page.After = found.Next
	}
}

// withActivations returns which of the licenses have an activation, open or closed.
func (s *Store) withActivations(ctx context.Context, licenses []licensing.License) (map[string]bool, error) {
	ids := bson.A{}
	for _, l := range licenses {
		ids = append(ids, string(l.ID))
	}
	groups, err := distinct(ctx, s.activations, newDoc("license", newDoc("$in", ids), "generation", newDoc("$gt", int64(0))), "license")
	if err != nil {
		return nil, err
	}
	activated := make(map[string]bool, len(groups))
	for _, id := range groups {
		activated[id] = true
	}
	return activated, nil
}
