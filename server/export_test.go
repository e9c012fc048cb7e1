package server

// Methods that only the tests of this package call.
var (
	AuditEvent = (*Server).auditEvent
	Recipients = (*Server).recipients
)
