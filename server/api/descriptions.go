package api

import (
	"cmp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Descriptions of the OpenAPI document. They stand here and not in struct tags so that they can be read, and kept, as one text: noun
// phrases with the unit, the default and the meaning of 0, null or absent. The command line's help is made of them too.
//
// A key is the name of a schema and of its member, or the name of a member alone where it means the same in every schema. TestDescriptions
// refuses a member without a description, a key without a member, and beginnings that are no noun.
var memberDescriptions = map[string]string{
	"activation":   "Id of an installation: the hash of its own public key, 64 lower-case hex digits.",
	"archived":     "True if the record is archived; its licenses do not work then.",
	"created":      "Time of creation.",
	"customer_id":  "Id of the customer's record; absent if the license has none.",
	"detail":       "Explanation for people.",
	"dry_run":      "True if the request was only checked and nothing was created.",
	"email":        "E-mail address.",
	"entitlement":  "Name of the entitlement.",
	"events":       "Types of the events.",
	"id":           "Id of the record.",
	"items":        "Records of this page.",
	"license":      "Id of the license.",
	"metadata":     "Vendor's own names and values; the server never interprets them.",
	"next":         "Cursor of the next page; absent on the last page.",
	"organisation": "Id of the organisation.",
	"product":      "Id of the product.",
	"revision":     "Revision of the record; every edit raises it by one.",
	"role":         "Role of the member in the organisation.",
	"scope":        "Permissions of the token.",
	"updated":      "Time of the last edit.",
	"version":      "Id of the version.",
	"password":     "Present password of the member.",
	"csrf_token":   "Value to send in the header X-CSRF-Token with every request but GET; empty for an API token.",
	"require_mfa": "True if members who log in with a password alone may do nothing but enrol a second factor. API tokens created " +
		"in such a session stop.",
	"allowance":    "Calls that the license allows: in each period if its policy has periods, else in total; null for no limit.",
	"contexts":     "Names of the contexts in which entitlements are used: letters, digits, dots, hyphens and underscores.",
	"entitlements": "Entitlements of the license.",
	"expires_from": "Start of the term: the creation of the license or its first activation. Default: creation.",
	"overrides":    "Values that replace those of the version's policy for this license.",
	"trial":        "True for a trial license.",
	"address":      "IP address from which the request came.",
	"fingerprint":  "OpenPGP fingerprint of the key, in upper-case hex digits.",

	// Session and organisation
	"Session.member":       "Member who is logged in, or for whom the API token acts.",
	"Session.organisation": "Organisation of the member.",
	"Session.expires":      "Time at which the session or API token expires; absent for an API token that does not.",
	"Session.scope": "Permissions of the API token; absent for a session, which may do all " +
		"that the member's role allows.",
	"Organisation.name":            "Name of the organisation.",
	"Member.name":                  "Name of the member.",
	"MemberDetails.email_verified": "True if the member has proven to receive mail at the address.",
	"MemberDetails.disabled":       "True if the member cannot log in and the member's API tokens do not work.",
	"UpdateMemberInput.name":       "New name of the member.",
	"UpdateMemberInput.role":       "New role of the member. Only owners can assign or change the owner role.",
	"SetupInput.token":             "One-time token, from the link that the server prints.",
	"SetupInput.organisation":      "Name of the new organisation.",
	"SetupInput.name":              "Name of the owner.",
	"SetupInput.email":             "E-mail address of the owner.",
	"SetupInput.password":          "Password of the owner, 12 characters or more.",
	"LoginInput.code": "Code of the authenticator, or a recovery code; required when the login " +
		"without it is refused with code_required.",
	"ChangePasswordInput.current_password": "Present password.",
	"ChangePasswordInput.new_password":     "New password, 12 characters or more.",
	"ChangeEmailInput.email":               "New e-mail address. It counts as unverified until the link that is mailed there is opened.",
	"VerifyEmailInput.token":               "One-time token from the mailed link.",
	"RequestPasswordResetInput.email":      "E-mail address of the member.",
	"ResetPasswordInput.token":             "One-time token from the link.",
	"ResetPasswordInput.password":          "New password, 12 characters or more.",
	"OneTimeLink.link":                     "Link to pass on to the member; absent if the server has mailed it.",
	"ActiveSession.id":                     "Id of the session.",
	"ActiveSession.current":                "True for the session that sends this request.",
	"ActiveSession.auth_method":            "Method by which the member logged in.",
	"ActiveSession.expires":                "Time at which the session expires.",

	// Two-factor authentication and OpenID Connect
	"MFAStatus.enabled":               "True if logging in takes a code of the authenticator.",
	"MFAStatus.recovery_codes_left":   "Number of recovery codes that have not been used.",
	"Enrolment.secret":                "Secret for the authenticator, in base32. It is shown only here.",
	"Enrolment.uri":                   "Address of the form otpauth://…, for a QR code.",
	"ConfirmMFAInput.password":        "Present password; required from members who have one.",
	"ConfirmMFAInput.code":            "Code of the authenticator.",
	"ReauthenticationInput.code":      "Code of the authenticator, or a recovery code.",
	"MFAEnabled.recovery_codes":       "Recovery codes, each good for one login. They are shown only here.",
	"RecoveryCodes.recovery_codes":    "Recovery codes, each good for one login. They are shown only here.",
	"AccessSettings.oidc":             "OpenID Connect provider of the organisation; absent if members log in only here.",
	"UpdateAccessSettingsInput.oidc":  "OpenID Connect provider; absent to let members log in only here.",
	"OIDCProvider.issuer":             "Address of the provider, such as https://login.example.com.",
	"OIDCProvider.client_id":          "Client id that the provider has given this server.",
	"OIDCProvider.domains":            "Domains of the e-mail addresses that may log in; absent for all domains.",
	"OIDCProvider.default_role":       "Role of people who log in without an invitation; absent to refuse them. Requires domains.",
	"OIDCProviderInput.client_secret": "Client secret; absent to keep the stored one for the same client. No answer shows it.",
	"OIDCRedirect.url":                "Address of the provider, to open in the same browser.",

	// Invitations and API tokens
	"Invitation.email":               "E-mail address of the invited person.",
	"Invitation.role":                "Role that the invited person gets.",
	"Invitation.invited_by":          "Id of the member who sent the invitation.",
	"Invitation.expires":             "Time at which the invitation expires.",
	"InviteMemberInput.email":        "E-mail address of the invited person.",
	"InviteMemberInput.role":         "Role that the invited person gets. Only owners can invite owners.",
	"CreatedInvitation.link":         "Link to pass on, shown only here; absent if the server has mailed it.",
	"AcceptInvitationInput.token":    "One-time token from the invitation's link.",
	"AcceptInvitationInput.name":     "Name of the new member.",
	"AcceptInvitationInput.password": "Password of the new member, 12 characters or more.",
	"Token.id":                       "Id of the token; also the part of its secret between the two underscores.",
	"Token.member":                   "Id of the member who created the token and for whom it acts.",
	"Token.name":                     "Purpose of the token, for people.",
	"Token.expires":                  "Time at which the token expires; absent if it does not.",
	"Token.last_used":                "Time of the last use, to within an hour; absent if the token was never used.",
	"CreateTokenInput.name":          "Purpose of the token, for people.",
	"CreateTokenInput.scope":         "Permissions of the token: at most those of the member's role, now and later.",
	"CreateTokenInput.expires":       "Time at which the token expires. Default: never.",
	"CreatedToken.secret":            "Secret to send as Authorization: Bearer. It is shown only here.",

	// Products and keys
	"Product.name":                     "Name of the product.",
	"Product.description":              "Description of the product.",
	"Product.root":                     "Fingerprint of the root key, which programs pin; present only where a single product is read.",
	"CreateProductInput.name":          "Name of the product, unique within the organisation.",
	"CreateProductInput.description":   "Description of the product.",
	"CreateProductInput.keys":          "Keys of the product. Default: new OpenPGP keys of version 4, with their root.",
	"ProductKeysInput.openpgp_version": "Version of OpenPGP for new keys. GnuPG reads 4; 6 is RFC 9580. Default: 4.",
	"ProductKeysInput.private_keys": "Existing private keys, armored, without a passphrase, with or without their " +
		"root. They can belong to one " +
		"product only.",
	"UpdateProductInput.name":        "New name of the product.",
	"UpdateProductInput.description": "New description of the product.",
	"Keyring.root":                   "Fingerprint of the root key, which programs pin.",
	"Keyring.keys":                   "Keys of the product: the root first, then by time of creation.",
	"Keyring.statement":              "Newest revocation list; absent if none was published.",
	"Key.root":                       "True for the root key, which certifies the others.",
	"Key.uses":                       "Kinds of signatures that the key is good for: file, lease, statement, delegation.",
	"Key.algorithm":                  "Algorithm of the key.",
	"Key.state":                      "State of the key in its rotation.",
	"Key.is_active":                  "True if the server signs with the key now.",
	"Key.has_private_key":            "True if the server holds the private key.",
	"Key.request": "Certification request for the command onelicense keys certify, at the place " +
		"of the root; only for a requested key.",
	"Key.expires":                        "Time at which the key expires; absent if it does not.",
	"Key.revoked":                        "Time at which the key was revoked; absent if it was not.",
	"Statement.number":                   "Number of the list; each new one is higher by one.",
	"Statement.time":                     "Time of publication.",
	"Statement.max_age_ms":               "Milliseconds for which license files accept the list; null for any age.",
	"Statement.keys":                     "Number of keys listed as retired or compromised.",
	"Statement.licenses":                 "Number of revoked licenses.",
	"AddKeyInput.use":                    "Use of the new key.",
	"AddKeyInput.expires":                "Time after which no signature of the key is accepted. Default: never.",
	"ImportCertificateInput.certificate": "OpenPGP certificate of the product's root, armored.",
	"PublishRevocationsInput.max_age_ms": "Milliseconds for which license files accept a list from now on; null for any age. " +
		"Default: unchanged.",

	// Versions
	"Version.name":        "Name of the version.",
	"Version.description": "Description of the version.",
	"Version.released": "Time of release; licenses of other versions whose maintenance lasts " +
		"until then work with this one too.",
	"Version.policy":                 "Policy of the version's licenses.",
	"CreateVersionInput.name":        "Name of the version, unique within the product.",
	"CreateVersionInput.description": "Description of the version.",
	"CreateVersionInput.released": "Time of release; licenses of other versions whose maintenance lasts until then work with this one too. " +
		"Default: none do.",
	"CreateVersionInput.policy":      "Policy of the version's licenses.",
	"UpdateVersionInput.name":        "New name of the version.",
	"UpdateVersionInput.description": "New description of the version.",
	"UpdateVersionInput.released":    "Time of release; null if only licenses of this version work with it.",
	"UpdateVersionInput.policy": "Policy that replaces the whole present one, of the same type. " +
		"Programs get it with their next sync.",

	// Customers
	"Customer.name":                 "Name of the customer.",
	"Customer.reference":            "Vendor's own reference, such as a customer number; absent if there is none.",
	"CreateCustomerInput.name":      "Name of the customer.",
	"CreateCustomerInput.reference": "Vendor's own reference, such as a customer number; unique within the organisation.",
	"UpdateCustomerInput.name":      "New name of the customer. Licenses keep the name that they have.",
	"UpdateCustomerInput.reference": "New reference, unique within the organisation; an empty text removes it.",

	// Licenses
	"License.name":       "Name of the license.",
	"License.customer":   "Name of the customer.",
	"License.calls_used": "Calls used so far; present only where a single license is read.",
	"License.expires": "Time at which the license expires; absent if it does not, or if its term " +
		"begins with the first activation.",
	"License.expires_after_ms": "Milliseconds of the term; absent if the license has a fixed end or none.",
	"License.maintenance": "End of maintenance: other versions of the product released until " +
		"then work too; absent if none do.",
	"License.fingerprint_parts": "Names of the fingerprint parts of the one machine that the license is " +
		"bound to; absent if it is not bound.",
	"License.status":                 "Status of the license.",
	"Entitlement.name":               "Name of the entitlement.",
	"Entitlement.slots":              "Number of installations that may hold the entitlement at once; null or absent for no limit.",
	"CreateLicenseInput.name":        "Name of the license.",
	"CreateLicenseInput.customer":    "Name of the customer. Default: the name in the customer's record.",
	"CreateLicenseInput.customer_id": "Id of the customer's record.",
	"CreateLicenseInput.allowance": "Calls allowed: in each period if the policy has periods, else in total. " +
		"Required by the types calls and time_and_calls; null or absent for no limit.",
	"CreateLicenseInput.expires": "Time at which the license expires. The types time and time_and_calls " +
		"require this or expires_after_ms.",
	"CreateLicenseInput.expires_after_ms": "Milliseconds of a term, instead of a fixed end.",
	"CreateLicenseInput.trial":            "True for a trial license; its type must have an end.",
	"CreateLicenseInput.maintenance": "End of maintenance: other versions of the product released until " +
		"then work too. Default: none do.",
	"UpdateLicenseInput.name":        "New name of the license.",
	"UpdateLicenseInput.customer":    "New name of the customer.",
	"UpdateLicenseInput.customer_id": "Id of the customer's record; null for none.",
	"UpdateLicenseInput.contexts": "Contexts that replace all present ones. License files issued " +
		"before keep the old ones.",
	"UpdateLicenseInput.entitlements": "Entitlements that replace all present ones.",
	"UpdateLicenseInput.allowance":    "New allowance in calls; null for no limit.",
	"UpdateLicenseInput.expires": "Time at which the license expires; null for never, or to restart a term " +
		"with the next sync of any installation.",
	"UpdateLicenseInput.trial":       "True for a trial license; its type must have an end.",
	"UpdateLicenseInput.maintenance": "End of maintenance; null for none.",
	"UpdateLicenseInput.overrides":   "Overrides that replace all present ones.",
	"ExternalSignatureInput.signature": "Detached signature of text over the three lines of the unsigned license file: " +
		"armored, or the binary packet " +
		"in base64.",
	"RenewLicenseInput.key": "Caller's own key, such as an order number: the same renewal " +
		"sent again changes nothing.",
	"RenewLicenseInput.extend_ms": "Milliseconds added to the end of the license, or to the present time " +
		"if it has expired. Default: 0.",
	"RenewLicenseInput.calls": "Calls added to the allowance. Default: 0.",
	"RenewLicenseInput.maintenance_ms": "Milliseconds added to the end of maintenance, or to the present time " +
		"if it has passed. Default: 0.",
	"TransferLicenseInput.key":                      "Caller's own key: the same transfer sent again changes nothing.",
	"TransferLicenseInput.customer":                 "Name of the new customer. Default: the name in the customer's record.",
	"TransferLicenseInput.customer_id":              "Id of the new customer's record; required if no name is given.",
	"TransferLicenseInput.deactivate_installations": "True to deactivate the installations of the present customer. Default: false.",
	"BindMachineInput.parts": "Fingerprint parts of the machine, as the program reports them; an " +
		"empty list unbinds the license.",
	"FingerprintPart.name":                 "Name of the part, as the program reports it.",
	"FingerprintPart.value":                "Value of the part. The server stores only a hash of it.",
	"HistoryEntry.key":                     "Key of the renewal or transfer.",
	"HistoryEntry.kind":                    "Kind of the change.",
	"HistoryEntry.time":                    "Time of the change.",
	"HistoryEntry.extended_ms":             "Milliseconds added to the end of the license by the renewal.",
	"HistoryEntry.calls_added":             "Calls added to the allowance by the renewal.",
	"HistoryEntry.maintenance_extended_ms": "Milliseconds added to the end of maintenance by the renewal.",
	"HistoryEntry.from_customer":           "Name of the customer before the transfer.",
	"HistoryEntry.to_customer":             "Name of the customer after the transfer.",
	"HistoryEntry.from_customer_id":        "Id of the customer's record before the transfer; absent if there was none.",
	"HistoryEntry.to_customer_id":          "Id of the customer's record after the transfer; absent if there is none.",
	"HistoryEntry.expires":                 "End of the license after the change; absent if it does not expire.",
	"HistoryEntry.allowance":               "Allowance of the license after the change.",
	"HistoryEntry.maintenance":             "End of maintenance after the change; absent if there is none.",
	"CreateLicensesInput.count":            "Number of licenses to create.",
	"CreateLicensesInput.template": "License to create as often as count says; {n} in its name is " +
		"replaced by the number, from 1.",
	"LicenseIDs.ids":            "Ids of the licenses.",
	"BulkResult.id":             "Id of the license; absent if it could not be created.",
	"BulkResult.error":          "Reason of the failure; absent on success.",
	"BulkResults.succeeded":     "Number of licenses for which the operation succeeded.",
	"BulkResults.failed":        "Number of licenses for which it failed.",
	"BulkResults.items":         "Result for each license, in the order of the request.",
	"LicenseImportResult.count": "Number of valid licenses read.",
	"LicenseImportResult.ids":   "Ids of the created licenses, in the order of the request; empty for a dry run.",

	// Usage
	"Usage.calls_used":      "Calls used since the creation of the license.",
	"Usage.period":          "Present period; absent if the policy has no periods.",
	"Usage.machines":        "Number of activated installations.",
	"Usage.activations":     "Present window of the activation limit; absent if it is empty.",
	"Usage.transfers":       "Present window of the transfer limit; absent if it is empty.",
	"Usage.last_activation": "Time of the last activation.",
	"Usage.last_sync":       "Time of the last sync of any installation.",
	"Period.from":           "Start of the period.",
	"Period.until":          "End of the period; absent in the list of past periods.",
	"Period.calls_used":     "Calls used in the period.",
	"LimitWindow.count":     "Number counted in the window.",
	"LimitWindow.limit":     "Largest count in the window; null for no limit.",
	"LimitWindow.from":      "Start of the window.",
	"LimitWindow.until":     "End of the window; counting begins anew then.",

	// Installations
	"Activation.id":              "Id of the installation: the hash of its own public key.",
	"Activation.name":            "Name given by the vendor; absent if there is none.",
	"Activation.calls_used":      "Calls used by the installation.",
	"Activation.calls_charged":   "Calls charged to the license; those above calls_used are prepaid.",
	"Activation.generation":      "Generation of the lease chain: higher by one for each re-activation from an older state.",
	"Activation.lease_number":    "Number of the latest lease in the present generation.",
	"Activation.last_sync":       "Time of the last sync.",
	"Activation.closed":          "Time at which the installation said goodbye or was deactivated; absent while it is active.",
	"Activation.reactivations":   "Number of re-activations from an older state in the present window.",
	"Activation.cloned":          "Time since which all holders of the activation are refused as clones; absent if they are not.",
	"Activation.evidence":        "Re-activations and changed machines of the last 90 days, oldest first.",
	"Activation.changed_parts":   "Names of the fingerprint parts that changed last; absent if none ever did.",
	"Activation.changed_at":      "Time at which fingerprint parts changed last.",
	"Activation.address":         "IP address of the last sync.",
	"Activation.statistics":      "Statistics that the installation reported last; absent unless the policy asks for them.",
	"UpdateActivationInput.name": "Name of the installation, for searches; an empty text removes it.",
	"Evidence.time":              "Time of the sync.",
	"Evidence.generation":        "Generation of the lease that was presented.",
	"Evidence.lease_number":      "Number of the lease that was presented.",
	"Evidence.changed_parts":     "Names of the fingerprint parts that differ from the last holder's.",
	"Evidence.alternation":       "True if the holder of the closed chain came back: two installations alternate.",
	"Evidence.refused":           "True if the sync was refused.",
	"Evidence.code":              "Verdict code of the refusal; absent if the sync was accepted.",
	"Statistics.program":         "Version of the program.",
	"Statistics.platform":        "Platform of the program.",
	"Statistics.host":            "Version of the client library.",
	"Statistics.numbers":         "Numbers that the program reports about itself.",
	"NamedNumber.name":           "Name of the number.",
	"NamedNumber.value":          "Value of the number.",
	"Reservation.context":        "Context in which the slot was first reserved.",
	"Reservation.since":          "Time of the reservation.",
	"Reservation.until":          "Time at which the reservation lapses unless it is renewed.",
	"QueueEntry.position":        "Position in the queue of the entitlement, from 1.",
	"QueueEntry.since":           "Time at which the installation was queued.",
	"QueueEntry.until":           "Time at which the place in the queue lapses unless the installation asks again.",
	"QueueEntry.expected":        "Time by which enough slots will have lapsed if none is renewed or returned; absent if fewer are held.",
	"Hold.slots":                 "Number of slots held.",
	"Hold.note":                  "Purpose of the hold, for people.",
	"Hold.part":                  "Name of the fingerprint part that identifies the holder; absent if the hold is for an installation.",
	"Hold.activation": "Id of the installation that the slots are held for; absent if a " +
		"fingerprint part identifies the holder.",
	"Hold.from":                  "Start of the hold.",
	"Hold.until":                 "End of the hold.",
	"CreateHoldInput.slots":      "Number of slots to hold; all holds of a license together have at most 4000. Default: 1.",
	"CreateHoldInput.note":       "Purpose of the hold, for people.",
	"CreateHoldInput.activation": "Id of the installation that the slots are held for.",
	"CreateHoldInput.part": "Fingerprint part that identifies the holder, such as a user name reported " +
		"by the program; instead of activation.",
	"CreateHoldInput.from":  "Start of the hold. Default: now.",
	"CreateHoldInput.until": "End of the hold.",

	// Events, webhooks and notifications
	"Event.id":                          "Id of the event; the same however often it is delivered.",
	"Event.type":                        "Type of the event.",
	"Event.timestamp":                   "Time of the event.",
	"Event.data":                        "Records that the event is about, and details.",
	"EventData.name":                    "Name of the license.",
	"EventData.customer":                "Name of the customer.",
	"EventData.details":                 "Details of the type of event; see docs/events.md.",
	"Webhook.name":                      "Name of the webhook.",
	"Webhook.url":                       "Address that events are sent to.",
	"Webhook.events":                    "Types of the events that are sent.",
	"Webhook.disabled":                  "True if no events are sent.",
	"Webhook.disabled_reason":           "Reason for which the server disabled the webhook; absent if a member did.",
	"CreateWebhookInput.name":           "Name of the webhook.",
	"CreateWebhookInput.url":            "Address that events are sent to: https, at a public host.",
	"CreateWebhookInput.events":         "Types of the events to send.",
	"CreatedWebhook.secret":             "Secret that signs the requests, as Standard Webhooks defines. It is shown only here.",
	"UpdateWebhookInput.name":           "New name of the webhook.",
	"UpdateWebhookInput.url":            "New address.",
	"UpdateWebhookInput.events":         "Types of the events to send; they replace all present ones.",
	"UpdateWebhookInput.disabled":       "True to stop sending events, false to send them again.",
	"Delivery.id":                       "Id of the delivery.",
	"Delivery.event":                    "Id of the event, sent as the header webhook-id.",
	"Delivery.type":                     "Type of the event.",
	"Delivery.state":                    "State of the delivery.",
	"Delivery.next_attempt":             "Time of the next attempt; absent if there is none.",
	"Delivery.body":                     "Body of the request, as sent.",
	"Delivery.attempts":                 "Latest attempts, oldest first.",
	"DeliveryAttempt.time":              "Time of the attempt.",
	"DeliveryAttempt.duration_ms":       "Milliseconds until the response or the failure.",
	"DeliveryAttempt.status":            "HTTP status of the response; absent if there was none.",
	"DeliveryAttempt.error":             "Reason for which there was no response.",
	"DeliveryAttempt.response_excerpt":  "Beginning of the response.",
	"NotificationPreferences.events":    "Types of the events that are mailed.",
	"NotificationPreferences.is_custom": "True if the types were chosen; false for the default.",
	"UpdateNotificationsInput.events":   "Types of the events to mail; an empty list for none.",

	// Audit log
	"AuditLine.type":     "Format of the line: onelicense/audit/1.",
	"AuditLine.chain":    "Chain of the line: the id of the organisation, or server.",
	"AuditLine.number":   "Number of the line in its chain, from 1 without gaps.",
	"AuditLine.previous": "SHA-256 of the line before, in hex; 64 zeros in line 1.",
	"AuditLine.id":       "Random id of the change; two lines share it if the second resolves an unknown outcome.",
	"AuditLine.time":     "Time at which the change began.",
	"AuditLine.actor":    "Author of the change.",
	"AuditLine.action":   "Id of the operation, or the name of what the server did by itself.",
	"AuditLine.records":  "Records concerned, as kind/id, the outermost first.",
	"AuditLine.changed":  "Changed members of the innermost record, with dots between levels.",
	"AuditLine.refused":  "Problem code of the refusal; absent on success.",
	"AuditLine.unknown":  "True if it is unknown whether the change was made.",
	"AuditLine.missing":  "Number of earlier failed logins that have no line.",
	"AuditLine.request":  "Id of the request, as in the header X-Request-ID.",
	"AuditHead.chain":    "Chain: the id of the organisation, or server.",
	"AuditHead.number":   "Number of the last line; 0 if the chain is empty.",
	"AuditHead.hash":     "SHA-256 of the last line, in hex.",
	"Actor.kind":         "Kind of author: member, token, system or nobody.",
	"Actor.id":           "Id of the member or API token.",
	"Actor.member":       "Id of the member for whom an API token acts.",
	"Actor.name":         "Name of the member at that time.",
	"Change.from":        "Value before; absent if there was none.",
	"Change.to":          "Value after; absent if there is none.",

	// Full import, and problems
	"OrganisationImportResult.created": "Numbers of created records; for a dry run, of those that would be created.",
	"OrganisationImportResult.skipped": "Numbers of records that an import does not create: history, periods, " +
		"installations and reservations.",
	"OrganisationImportResult.renamed": "New ids by old id, for records whose id was taken on this server.",
	"Counts.products":                  "Number of products.",
	"Counts.versions":                  "Number of versions.",
	"Counts.customers":                 "Number of customers.",
	"Counts.licenses":                  "Number of licenses.",
	"Counts.history_entries":           "Number of renewals and transfers.",
	"Counts.periods":                   "Number of past periods of usage.",
	"Counts.activations":               "Number of installations.",
	"Counts.reservations":              "Number of reservations.",
	"Problem.type":                     "URI about:blank; the code tells problems apart.",
	"Problem.title":                    "Name of the HTTP status.",
	"Problem.status":                   "HTTP status.",
	"Problem.code":                     "Code of the problem, for programs; its meaning never changes.",
	"Problem.errors":                   "Members of the request that are invalid.",
	"FieldError.field":                 "Name of the member as in the request, with dots between levels.",
}

// memberSources name the schema whose descriptions a schema shares, where it has none of its own.
var memberSources = map[string]string{
	"MFAEnabled": "Session", "MemberDetails": "Member", "CreatedInvitation": "Invitation", "CreatedToken": "Token",
	"CreatedWebhook": "Webhook", "OIDCProviderInput": "OIDCProvider",
}

// parameterDescriptions are those of query parameters, by name.
var parameterDescriptions = map[string]string{
	"action":   "Id of an operation of this document, or the name of what the server does by itself.",
	"actor":    "Id of a member or API token.",
	"after":    "Number of the last line of the previous export; 0 starts at the first line.",
	"archived": "True for archived records only, false for others only. Default: both.",
	"authuser": "Parameter of the provider, ignored.",
	"chain": "Chain: the organisation's, or the server's, which only the organisation created with it can read. Default: " +
		"organisation.",
	"code":              "Authorization code; absent if the provider refuses the login.",
	"cursor":            "Cursor of the page, from next of the page before. Default: the first page.",
	"customer":          "Exact name of the customer as in the license.",
	"customer_id":       "Id of the customer's record.",
	"dry_run":           "True to check the request without creating anything. Default: false.",
	"error":             "Error code of the provider.",
	"error_description": "Error text of the provider.",
	"error_uri":         "Error page of the provider.",
	"expires_after":     "Earliest end: licenses that expire at this time or later.",
	"expires_before":    "Limit of the end: licenses that expire before this time.",
	"from":              "Earliest time of the lines.",
	"hd":                "Domain at the provider, ignored.",
	"iss":               "Issuer of the response.",
	"limit":             "Number of records of a page.",
	"never_activated": "True for licenses that no installation has ever activated. A page may then be short or empty and still have a " +
		"next one.",
	"organisation":  "Id of the organisation.",
	"product":       "Id of the product.",
	"prompt":        "Parameter of the provider, ignored.",
	"record":        "Record concerned, such as licenses/5edb1264cc150913cb7640f8.",
	"scope":         "Scope granted by the provider.",
	"search":        "Part of the name, ignoring case.",
	"session_state": "Parameter of the provider, ignored.",
	"sort":          "Order of the list; a hyphen means descending, and names are compared ignoring case.",
	"state":         "State of the login, as sent to the provider.",
	"status":        "Status of the license.",
	"type":          "Type of the version's policy.",
	"until":         "Limit of the time: lines before it.",
	"version":       "Id of the version.",
}

// describeMembers writes the descriptions of members and query parameters into the document.
func describeMembers(d *huma.OpenAPI) {
	for name, schema := range d.Components.Schemas.Map() {
		for member, property := range schema.Properties {
			if text := memberDescription(name, member); text != "" {
				property.Description = text
			}
		}
	}
	for _, path := range d.Paths {
		for _, o := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if o == nil {
				continue
			}
			for _, p := range o.Parameters {
				if text := parameterDescriptions[p.Name]; text != "" && p.In == "query" {
					p.Description = text
				}
			}
		}
	}
}

// memberDescription returns the description of a schema's member: its own, that of the schema whose members it shares, or that of the name;
// empty if there is none.
func memberDescription(schema, member string) string {
	source := memberSources[schema]
	return cmp.Or(memberDescriptions[schema+"."+member], memberDescriptions[source+"."+member], revisionOfInput(schema, member),
		memberDescriptions[member])
}

// revisionOfInput describes the member revision of an update.
func revisionOfInput(schema, member string) string {
	if member != "revision" || !strings.HasSuffix(schema, "Input") {
		return ""
	}
	return "Revision of the record as it was read; required unless If-Match gives it. The update is refused if the record was edited since."
}
