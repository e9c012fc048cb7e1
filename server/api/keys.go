package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Keyring is a product's keys, and what it has said of them and of its licenses.
type Keyring struct {
	Root      string     `json:"root"`
	Keys      []Key      `json:"keys" nullable:"false"`
	Statement *Statement `json:"statement,omitempty"`
}

// Key is one key of a product.
type Key struct {
	Fingerprint   string             `json:"fingerprint"`
	Root          bool               `json:"root"`
	Uses          []string           `json:"uses" nullable:"false"`
	Algorithm     string             `json:"algorithm"`
	State         licensing.KeyState `json:"state" enum:"requested,next,current,retired,compromised,expired,weak"`
	IsActive      bool               `json:"is_active"`
	HasPrivateKey bool               `json:"has_private_key"`
	Request       string             `json:"request,omitempty"`
	Created       time.Time          `json:"created"`
	Expires       *time.Time         `json:"expires,omitempty"`
	Revoked       *time.Time         `json:"revoked,omitempty"`
}

// Statement is the head of a product's newest statement. Its text is at /products/{id}/list.
type Statement struct {
	Number   int64     `json:"number"`
	Time     time.Time `json:"time"`
	MaxAgeMS *int64    `json:"max_age_ms"`
	Keys     int       `json:"keys"`
	Licenses int       `json:"licenses"`
}

// AddKeyInput is a key to be made.
type AddKeyInput struct {
	Use     string     `json:"use" enum:"file,lease,statement,delegation"`
	Expires *time.Time `json:"expires,omitempty"`
}

// ImportCertificateInput is a certificate to be taken over.
type ImportCertificateInput struct {
	Certificate string `json:"certificate"`
}

// PublishRevocationsInput is a statement to be made.
type PublishRevocationsInput struct {
	MaxAgeMS Nullable[int64] `json:"max_age_ms,omitempty" minimum:"1"`
}

// KeyPathInput names a key of a product.
type KeyPathInput struct {
	IDPathInput
	Key string `path:"key" pattern:"^([0-9A-F]{40}|[0-9A-F]{64})$" patternDescription:"a fingerprint of 40 or 64 upper-case hex digits"`
}

// registerKeys registers the routes of a product's keys.
func (a *API) registerKeys() {
	const tag = "keys"
	addRoute(a, operation{
		method: "GET", path: "/products/{id}/keys", id: "getKeyring", tag: tag, action: access.ReadKeys,
		summary: "Read the keys of a product and the head of its revocation list",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[Keyring], error) {
		return a.replyKeyring(ctx, who, in.id(), nil)
	})
	addRoute(a, operation{
		method: "POST", path: "/products/{id}/keys", id: "addKey", tag: tag, action: access.EditKeys, status: http.StatusCreated,
		summary: "Create the next key for a use, or request it from a root kept elsewhere",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[AddKeyInput]) (*response[Keyring], error) {
		var end time.Time
		if in.Body.Expires != nil {
			end = *in.Body.Expires
		}
		_, err := a.Keys.AddKey(ctx, who.Organisation(), in.id(), license.Use(in.Body.Use), end)
		return a.replyKeyring(ctx, who, in.id(), err)
	})
	addRoute(a, operation{
		method: "POST", path: "/products/{id}/certificate", id: "importCertificate", tag: tag, action: access.EditKeys,
		summary: "Import the root's certificate with what it has certified and revoked elsewhere",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[ImportCertificateInput]) (*response[Keyring], error) {
		_, err := a.Keys.ImportCertificate(ctx, who.Organisation(), in.id(), []byte(in.Body.Certificate))
		return a.replyKeyring(ctx, who, in.id(), err)
	})
	for _, op := range []struct {
		operation
		turn licensing.KeyAction
	}{
		{operation{method: "POST", path: "/promote", id: "promoteKey", action: access.EditKeys,
			summary: "Promote the next key to sign from now on"}, licensing.PromoteKey},
		{operation{method: "POST", path: "/retire", id: "retireKey", action: access.EditKeys,
			summary: "Retire a key that no longer signs; its signatures stay valid"}, licensing.RetireKey},
		{operation{method: "POST", path: "/compromise", id: "compromiseKey", action: access.CompromiseKeys,
			summary: "Declare a key compromised: no signature of it is accepted any more, and another key signs at once"}, licensing.CompromiseKey},
		{operation{method: "DELETE", id: "cancelKeyRequest", action: access.EditKeys,
			summary: "Cancel the request for a key"}, licensing.CancelKeyRequest},
	} {
		op.path, op.tag, op.status = "/products/{id}/keys/{key}"+op.path, tag, http.StatusOK
		addRoute(a, op.operation, func(ctx context.Context, who access.Identity, in *KeyPathInput) (*response[Keyring], error) {
			_, err := a.Keys.ChangeKeyState(ctx, who.Organisation(), in.id(), in.Key, op.turn)
			return a.replyKeyring(ctx, who, in.id(), err)
		})
	}
	addRoute(a, operation{
		method: "POST", path: "/products/{id}/revocations", id: "publishRevocations", tag: tag, action: access.EditKeys,
		summary: "Publish the product's next revocation list, even if nothing has changed",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[PublishRevocationsInput]) (*response[Keyring], error) {
		var maxAge *int64
		if in.Body.MaxAgeMS.IsGiven {
			age := nullAsUnlimited(in.Body.MaxAgeMS.Value)
			maxAge = &age
		}
		_, err := a.Keys.PublishStatement(ctx, who.Organisation(), in.id(), maxAge)
		return a.replyKeyring(ctx, who, in.id(), err)
	})
}

// replyKeyring answers with the keys as they are now, unless what came before failed.
func (a *API) replyKeyring(ctx context.Context, who access.Identity, product license.ID, err error) (*response[Keyring], error) {
	if err != nil {
		return nil, err
	}
	p, keys, err := a.Keys.Keys(ctx, who.Organisation(), product)
	if err != nil {
		return nil, err
	}
	described := Keyring{Keys: make([]Key, 0, len(keys))}
	for _, k := range keys {
		if k.Root {
			described.Root = k.Fingerprint
		}
		described.Keys = append(described.Keys, Key{
			Fingerprint: k.Fingerprint, Root: k.Root, Uses: useNames(k.Uses), Algorithm: k.Algorithm, State: k.State, IsActive: k.IsActive,
			HasPrivateKey: k.HasPrivateKey,
			Request:       string(k.Request), Created: k.Created, Expires: optionalTime(k.Expires), Revoked: optionalTime(k.Revoked),
		})
	}
	said, err := a.Keys.Statement(p)
	if said.Number > 0 {
		described.Statement = &Statement{said.Number, timestamp(said.Time), unlimitedAsNull(said.MaxAge), len(said.Keys), len(said.Licenses)}
	}
	return reply(described, err)
}

func useNames(uses []license.Use) []string {
	list := make([]string, 0, len(uses))
	for _, use := range uses {
		list = append(list, string(use))
	}
	return list
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
