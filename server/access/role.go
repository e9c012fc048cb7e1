package access

import (
	"maps"
	"slices"
)

// Role is the set of actions that a member may take.
type Role string

// Roles, from the one with all permissions to the one that only reads.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Developer Role = "developer" // builds the product: describes products and versions, creates trial licenses
	Support   Role = "support"   // helps customers: edits licenses, deactivates machines; cannot edit the catalogue
	Viewer    Role = "viewer"
)

// Roles lists all roles.
var Roles = []Role{Owner, Admin, Developer, Support, Viewer}

// Action is a permission. Every route names exactly one.
type Action string

// Actions.
const (
	ActionAnyone          Action = "anyone" // needs no login
	ActionSelf            Action = "self"   // one's own session, password and tokens: for members only, never for a token
	ActionWhoami          Action = "whoami" // reading one's own identity: allowed for every token, whatever its scope
	ReadCatalogue         Action = "catalogue.read"
	EditCatalogue         Action = "catalogue.edit"         // create, edit and archive products and versions
	DeleteCatalogue       Action = "catalogue.delete"       // cannot be undone
	ReadLicenses          Action = "licenses.read"          // with their activations and reservations
	IssueLicenses         Action = "licenses.issue"         // download the signed file: anybody who has it can use the license
	EditLicenses          Action = "licenses.edit"          // create, edit, suspend, reinstate
	RevokeLicenses        Action = "licenses.revoke"        // revoke and delete: cannot be undone
	ReadKeys              Action = "keys.read"              // public keys and their states; never a private key
	EditKeys              Action = "keys.edit"              // add, promote, retire, import a certificate; publish a statement
	CompromiseKeys        Action = "keys.compromise"        // invalidates everything that the key signed, for good
	DeactivateActivations Action = "activations.deactivate" // deactivate an installation, release a reservation
	ManageTokens          Action = "tokens.manage"          // list and revoke all API tokens of the organisation
	ExportAll             Action = "organisation.export"    // export everything, and import it into an empty organisation
	ReadAudit             Action = "audit.read"             // read the audit log
	ReadMembers           Action = "members.read"           // list the members
	ManageAccess          Action = "access.manage"          // edit the organisation's rules for logging in
	EditMembers           Action = "members.edit"           // invite, edit, disable, remove, end sessions; owners only by owners
	ManageWebhooks        Action = "webhooks.manage"        // edit webhooks and read deliveries: allows receiving every event
)

// permissions lists the roles that may take each action. What is not listed is refused.
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

// May reports whether the role may take the action.
func May(role Role, action Action) bool { return slices.Contains(permissions[action], role) }

// RolesAllowed lists the roles that may take the action.
func RolesAllowed(action Action) []Role { return slices.Clone(permissions[action]) }

// Scopes lists, in order, the actions that a token's scope can contain.
func Scopes() []Action {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(permissions)), func(a Action) bool { return a == ActionSelf || a == ActionWhoami })
}

// May returns an error if the identity may not take the action now: by the member's role, and for a token by its scope too.
func (i Identity) May(action Action) error {
	switch {
	case i.mfaMissing && action != ActionWhoami && (i.Token != nil || action != ActionSelf):
		return &Error{
			Code:   "mfa_required",
			Detail: "your organisation requires two-factor authentication: enrol, log in again, then re-create your API tokens",
		}
	case !May(i.Member.Role, action):
		return &Error{Code: "forbidden", Detail: "the role " + string(i.Member.Role) + " does not allow this"}
	case i.Token != nil && action != ActionWhoami && !slices.Contains(i.Token.Scope, action):
		return &Error{Code: "out_of_scope", Detail: "the API token's scope does not include " + string(action)}
	}
	return nil
}

// checkMayGrant returns an error if the identity may not give another person access with the role. A token may grant only roles whose every
// action it holds; otherwise its holder could gain what its scope excludes.
func (i Identity) checkMayGrant(role Role) error {
	if i.Token == nil {
		return nil
	}
	for _, action := range Scopes() {
		if May(role, action) && !slices.Contains(i.Token.Scope, action) {
			return &Error{
				Code:   "out_of_scope",
				Detail: "the API token's scope does not include " + string(action) + ", which the role " + string(role) + " may use",
			}
		}
	}
	return nil
}
