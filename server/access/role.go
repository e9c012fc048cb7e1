package access

import "slices"

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
	Anyone          Action = "anyone" // no session is asked for
	Self            Action = "self"   // one's own session and password
	ReadCatalogue   Action = "catalogue.read"
	EditCatalogue   Action = "catalogue.edit"   // products and versions: create, edit, archive
	DeleteCatalogue Action = "catalogue.delete" // what has been deleted does not come back
	ReadLicenses    Action = "licenses.read"    // with their activations and reservations
	IssueLicenses   Action = "licenses.issue"   // the signed file: who has it can use the license
	EditLicenses    Action = "licenses.edit"    // create, edit, suspend, reinstate
	EndLicenses     Action = "licenses.end"     // revoke, delete: for good
	FreeActivations Action = "activations.free" // deactivate an installation, take a reservation back
)

// allowed is the whole table of rights. An action or role that is not in it may nothing.
var allowed = map[Action][]Role{
	Self:            {Owner, Admin, Developer, Support, Viewer},
	ReadCatalogue:   {Owner, Admin, Developer, Support, Viewer},
	EditCatalogue:   {Owner, Admin, Developer},
	DeleteCatalogue: {Owner, Admin},
	ReadLicenses:    {Owner, Admin, Developer, Support, Viewer},
	IssueLicenses:   {Owner, Admin, Developer, Support},
	EditLicenses:    {Owner, Admin, Developer, Support},
	EndLicenses:     {Owner, Admin},
	FreeActivations: {Owner, Admin, Support},
}

// May tells whether the role allows the action.
func May(role Role, action Action) bool { return slices.Contains(allowed[action], role) }

// Allowed lists the roles that may take the action.
func Allowed(action Action) []Role { return slices.Clone(allowed[action]) }
