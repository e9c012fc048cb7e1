package access

import (
	"maps"
	"slices"
)

// Role says what a member is there for.
type Role string

// The roles, from the one that may everything to the one that only looks.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Developer Role = "developer" // builds the product: describes products and versions, makes licenses for trial
	Support   Role = "support"   // helps customers: edits licenses, frees machines; the catalogue is not theirs
	Viewer    Role = "viewer"
)

// Roles lists all of them.
var Roles = []Role{Owner, Admin, Developer, Support, Viewer}

// Action is what a route does, as far as rights are concerned. Every route names exactly one.
type Action string

// The actions.
const (
	ActionAnyone          Action = "anyone" // no session is asked for
	ActionSelf            Action = "self"   // one's own session, password and tokens: what a person does, never a token
	ActionWhoami          Action = "whoami" // who one is: open to every token, whatever its scope
	ReadCatalogue         Action = "catalogue.read"
	EditCatalogue         Action = "catalogue.edit"      // products and versions: create, edit, archive
	DeleteCatalogue       Action = "catalogue.delete"    // what has been deleted does not come back
	ReadLicenses          Action = "licenses.read"       // with their activations and reservations
	IssueLicenses         Action = "licenses.issue"      // the signed file: who has it can use the license
	EditLicenses          Action = "licenses.edit"       // create, edit, suspend, reinstate
	RevokeLicenses        Action = "licenses.end"        // revoke, delete: for good
	ReadKeys              Action = "keys.read"           // what there is of keys, and for what; never a private one
	EditKeys              Action = "keys.edit"           // rotate: add, promote, retire, take over a certificate; publish a statement
	CompromiseKeys        Action = "keys.compromise"     // what the key signed is worth nothing, for good
	DeactivateActivations Action = "activations.free"    // deactivate an installation, take a reservation back
	ManageTokens          Action = "tokens.manage"       // see and revoke everybody's API tokens
	ExportAll             Action = "organisation.export" // all there is, and back into an empty organisation
	ReadAudit             Action = "audit.read"          // who did what
	ReadMembers           Action = "members.read"        // colleagues
	ManageAccess          Action = "access.govern"       // the organisation's rules for its door
	EditMembers           Action = "members.edit"        // invite, edit, disable, remove, end sessions; owners only by owners
	ManageWebhooks        Action = "webhooks.manage"     // what is sent where, with its deliveries: who has it can have everything told to themselves
)

// permissions is the whole table of rights. An action or role that is not in it may nothing.
var permissions = map[Action][]Role{
	ActionSelf:            {Owner, Admin, Developer, Support, Viewer},
	ActionWhoami:          {Owner, Admin, Developer, Support, Viewer},
	ReadCatalogue:         {Owner, Admin, Developer, Support, Viewer},
	EditCatalogue:         {Owner, Admin, Developer},
	DeleteCatalogue:       {Owner, Admin},
	ReadLicenses:          {Owner, Admin, Developer, Support, Viewer},
	IssueLicenses:         {Owner, Admin, Developer, Support},
	EditLicenses:          {Owner, Admin, Developer, Support},
	RevokeLicenses:        {Owner, Admin},
	ReadKeys:              {Owner, Admin, Developer, Support, Viewer},
	EditKeys:              {Owner, Admin},
	CompromiseKeys:        {Owner, Admin},
	DeactivateActivations: {Owner, Admin, Support},
	ManageTokens:          {Owner, Admin},
	ExportAll:             {Owner, Admin},
	ReadAudit:             {Owner, Admin},
	ReadMembers:           {Owner, Admin, Developer, Support, Viewer},
	ManageAccess:          {Owner},
	EditMembers:           {Owner, Admin},
	ManageWebhooks:        {Owner, Admin},
}

// May tells whether the role allows the action.
func May(role Role, action Action) bool { return slices.Contains(permissions[action], role) }

// RolesAllowed lists the roles that may take the action.
func RolesAllowed(action Action) []Role { return slices.Clone(permissions[action]) }

// Scopes lists the actions that a token can be given, in order.
func Scopes() []Action {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(permissions)), func(a Action) bool { return a == ActionSelf || a == ActionWhoami })
}

// May tells whether the identity may take the action now: by the member's role, and for a token by its scope too.
func (i Identity) May(action Action) error {
	switch {
	case i.mfaMissing && action != ActionWhoami && (i.Token != nil || action != ActionSelf):
		return &Error{Code: "mfa_required", Detail: "your organisation wants a second factor: make one, then log in with it (make API tokens anew)"}
	case !May(i.Member.Role, action):
		return &Error{Code: "forbidden", Detail: "the role " + string(i.Member.Role) + " does not allow this"}
	case i.Token != nil && action != ActionWhoami && !slices.Contains(i.Token.Scope, action):
		return &Error{Code: "out_of_scope", Detail: "the API token's scope does not hold " + string(action)}
	}
	return nil
}

// checkMayGrant tells whether the identity may give somebody a way in with the role: a token only what it holds, for whoever shows it could take
// that way, and then there would be no scope but all that its maker may.
func (i Identity) checkMayGrant(role Role) error {
	if i.Token == nil {
		return nil
	}
	for _, action := range Scopes() {
		if May(role, action) && !slices.Contains(i.Token.Scope, action) {
			return &Error{Code: "out_of_scope", Detail: "the API token's scope does not hold " + string(action) + ", which the role " + string(role) + " may"}
		}
	}
	return nil
}
