package license

// Code is the stable name of a verdict. The table is spec/verdicts.json, from which codes_gen.go and the constants of every other
// language are generated; a code never changes its meaning.
type Code string

// Class groups codes by the client's reaction to them (spec/verdicts.md).
type Class string

// The classes. Only Final ends the work at once, without a grace period; Recover means that the core knows what to do by itself;
// Request means that these bytes can never be accepted, so that the core forms a new request.
const (
	ClassOK        Class = "ok"
	ClassFinal     Class = "final"
	ClassRetryAt   Class = "retry-at"
	ClassRecover   Class = "recover"
	ClassRequest   Class = "request"
	ClassTransient Class = "transient"
	ClassFile      Class = "file"
	ClassUsage     Class = "usage"
)

// Verdict is one row of the table.
type Verdict struct {
	Code             Code
	Class            Class
	AllowContinue    bool
	OfflineTolerable bool   // says no more than that the server was not reached: tolerated offline
	Message          string // one sentence for people
	Do               string // what to do about it
}

// Verdict returns the row of a code. An unknown code, from a server newer than this program, is transient and does not allow to continue.
func (c Code) Verdict() Verdict {
	if v, ok := verdicts[c]; ok {
		return v
	}
	return Verdict{Code: c, Class: ClassTransient, Message: "The server gave a reason that this program does not know.",
		Do: "update the program"}
}
