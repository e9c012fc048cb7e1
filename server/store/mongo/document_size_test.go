package mongo

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// MongoDB accepts documents of up to 16 MiB. The largest document of each collection is built here, with every text as long as the domain
// allows and in characters of four bytes, in the encoding that is stored. docs/scaling.md states a bound for each collection, which this
// test checks.

// requestsInFlight is the number of requests for one license that may be in progress at the same time, on all nodes together. It is many
// times what a meter can handle.
const requestsInFlight = 10_000

// longText returns a text of this many characters, of which none takes more bytes.
func longText(characters int) string { return strings.Repeat("𝄞", characters) }

func TestDocumentSizesAreBounded(t *testing.T) {
	hash := lease.HashOf(nil)
	id := license.ID(strings.Repeat("f", 24))
	metadata := map[string]string{}
	for n := range licensing.MaxMetadata {
		metadata[fmt.Sprintf("%02d", n)+longText(licensing.MaxMetadataKey-2)] = longText(licensing.MaxMetadataValue)
	}
	m := licensing.Record{ID: id, Organisation: id, Metadata: metadata}
	named := longText(licensing.MaxText)

	sold := licensing.License{Record: m, Product: id, Version: id, CustomerID: id, Name: named, Customer: named}
	for n := range license.MaxContexts {
		sold.Contexts = append(sold.Contexts, fmt.Sprintf("%064d", n))
	}
	for n := range license.MaxEntitlements {
		sold.Entitlements = append(sold.Entitlements, license.Entitlement{Name: fmt.Sprintf("%064d", n), Slots: license.MaxSlots})
	}
	for range 4 {
		sold.RecentHistory = append(sold.RecentHistory, licensing.HistoryEntry{Key: longText(licensing.MaxText), From: named, To: named})
	}

	listed := newLicenseRecord(sold)
	for _, e := range sold.Entitlements {
		listed.Reduced = append(listed.Reduced, e.Name)
	}
	listed.Birth = newToken()

	// An activation that holds a slot of everything, releases all of them and requests all of them again, after eight re-activations.
	b := newBucket(string(id), strings.Repeat("e", license.MaxName), 1<<20)
	held := seat{strings.Repeat("e", license.MaxName), strings.Repeat("c", license.MaxName), maxDate, maxDate, b.ID, newToken()}
	a := activation{ID: activationID(licensing.ActivationKey{License: id, Activation: hash}), License: string(id), Activation: string(hash),
		Birth: newToken(), Org: string(id), Device: string(hash),
		Link: string(hash), Request: string(hash), Lease: bytes.Repeat([]byte("{"), lease.MaxLease), Claim: &claim{Token: newToken(),
			Link: string(hash), Request: string(hash)}, Pending: &pendingRelease{}}
	for range license.MaxEntitlements {
		a.Seats = append(a.Seats, held)
		a.Claim.Plan.Reserve = append(a.Claim.Plan.Reserve, reservationRequest{held.Entitlement, held.Context, 1, 1, maxDate, true})
		a.Claim.Plan.Release = append(a.Claim.Plan.Release, held.Entitlement)
		a.Pending.Release = append(a.Pending.Release, held)
		a.Pending.Swap = append(a.Pending.Swap, seatSwap{newToken(), held})
	}
	parts := make([]lease.FingerprintPart, lease.MaxFingerprintParts)
	differs := make([]string, 2*lease.MaxFingerprintParts)
	for n := range differs {
		differs[n] = strings.Repeat("p", license.MaxName)
	}
	for n := range parts {
		parts[n] = lease.FingerprintPart{Name: differs[n], Hash: string(hash)}
	}
	a.LastReport = licensing.LastReport{Address: longText(64), Fingerprint: parts, Statistics: &lease.Statistics{}}
	for range 8 {
		a.Reactivations.Evidence = append(a.Reactivations.Evidence, licensing.Evidence{Request: hash, Shown: lease.Position{Link: hash},
			Address: longText(64), ChangedParts: differs})
	}
	a.Claim.Plan.LastReport, a.Claim.Plan.Reactivation = a.LastReport, &reactivationLimits{History: a.Reactivations}

	// A full bucket, and one with as many seats beyond its capacity as are allowed.
	for n := range maxOverCapacity + bucketSize {
		b.Seats[string(lease.HashOf(fmt.Append(nil, n)))] = seatHolder{newToken(), held.Context, maxDate, maxDate, newToken(), maxDate}
	}
	used := &meter{ID: string(id), Birth: newToken(), Traces: map[string]trace{}}
	for n := range requestsInFlight {
		used.Traces[string(lease.HashOf(fmt.Append(nil, n)))] = trace{Token: newToken()}
	}

	largest := map[string]any{
		"organisations": newOrganisationDocument(licensing.Organisation{ID: id, Name: named}),
		"products": newProductDocument(licensing.Product{Record: m, Name: named, Description: longText(licensing.MaxDescription),
			Keyring:    make([]byte, pgp.MaxCertificate),
			SealedKeys: make([]byte, 2*pgp.MaxCertificate), Statement: make([]byte, lease.MaxStatement*4/3)}),
		"versions": newVersionDocument(licensing.Version{Record: m, Product: id, Name: named,
			Description: longText(licensing.MaxDescription)}),
		"licenses":    listed,
		"activations": a,
		"pools":       b,
		"meters":      used,
		"names":       uniqueName{ID: nameKey("product", string(id), named), Owner: string(id)},
		"deletions":   deletion{string(id), 1, newToken()},
		"settings": firstOwner{ID: firstOwnerID, Organisation: newOrganisationDocument(licensing.Organisation{Name: named}),
			Owner: newMemberDocument(person(named))},
		"members":  newMemberDocument(person(named)),
		"sessions": session{ID: string(hash), Member: string(id)},
		"entries": newEntryDocument(licensing.Entry{Kind: longText(64), ID: longText(licensing.MaxText), Org: id,
			List: longText(licensing.MaxText), Search: longText(licensing.MaxText),
			Body: make([]byte, licensing.MaxEntryBody)}),
	}
	told := bounds(t)
	for name := range collectionsOf(t) {
		document, known := largest[name]
		if !known {
			t.Errorf("no size is known for documents of %s: add it here and to docs/scaling.md", name)
			continue
		}
		var raw bytes.Buffer
		encoder := bson.NewEncoder(bson.NewDocumentWriter(&raw))
		encoder.UseJSONStructTags()
		if err := encoder.Encode(document); err != nil {
			t.Fatal(name, err)
		}
		size, bound := raw.Len(), told[name]
		t.Logf("%-13s %8d bytes, told: %d KiB", name, size, bound>>10)
		switch {
		case bound == 0:
			t.Errorf("docs/scaling.md has no bound for %s, whose largest document has %d bytes", name, size)
		case size > bound || size < bound/8 && bound > 1<<10:
			t.Errorf("the largest document of %s has %d bytes, docs/scaling.md says %d KiB", name, size, bound>>10)
		case size > 4<<20:
			t.Errorf("a document of %s can have %d bytes", name, size)
		}
	}
}

func person(name string) access.Member {
	return access.Member{ID: license.ID(strings.Repeat("f", 24)), Name: name, Email: name, Password: strings.Repeat("$", 200)}
}

// collectionsOf returns the store's collections by name.
func collectionsOf(t *testing.T) map[string]**mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://127.0.0.1:1")) // nothing is sent
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
	s := &Store{}
	s.collections(client.Database("none"))
	return s.collectionsByName()
}

// bounds reads the table of docs/scaling.md: the collection is in the first column, KiB in the third.
func bounds(t *testing.T) map[string]int {
	t.Helper()
	page, err := os.ReadFile("../../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		kib, unit, _ := strings.Cut(strings.TrimSpace(cells[3]), " ")
		if n, err := strconv.Atoi(kib); err == nil && unit == "KiB" {
			for name := range strings.SplitSeq(cells[1], ",") {
				found[strings.Trim(name, " `")] = n << 10
			}
		}
	}
	return found
}
