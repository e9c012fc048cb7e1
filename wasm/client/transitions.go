package client

// state is the state of one license's chain.
type state string

const (
	ready   state = "ready"   // no request is open
	saving  state = "saving"  // a request is being saved
	sending state = "sending" // a request was sent
	waiting state = "waiting" // a request was not answered by a lease; the same bytes will be sent again
	closed  state = "closed"  // the activation was given back; no request is sent
)

// trigger is an event that moves a chain.
type trigger string

const (
	due         trigger = "due"         // a timer is due, or a call needs the server
	saved       trigger = "saved"       // the host confirmed the Save
	saveFailed  trigger = "save_failed" // the host could not save
	leased      trigger = "leased"      // a lease answers the request
	goodbye     trigger = "goodbye"     // a lease answers a goodbye
	failed      trigger = "failed"      // no answer, or one that does not verify
	refused     trigger = "refused"     // a signed refusal; the same bytes may be accepted later
	invalid     trigger = "invalid"     // a signed refusal of class request: these bytes will never be accepted
	staleState  trigger = "stale_state" // the refusal stale_state, with a challenge
	deactivated trigger = "deactivated" // the activation is gone, and the program was started again
)

// transition is one row of the state table. A trigger without a row for the present state is ignored.
type transition struct {
	from   state
	on     trigger
	to     state
	do     func(*chain)
	reason string
}

// transitions is the state table of a chain. Requests are written ahead: one is sent only from saving, after the host has confirmed that
// it is on the disk, and the same bytes are sent until a lease answers them.
var transitions []transition

// In init, because the actions fire triggers themselves.
func init() {
	transitions = []transition{
		{ready, due, saving, (*chain).sendNew, "make the next request and save it"},
		{saving, saved, sending, (*chain).send, "send the saved request"},
		{saving, saveFailed, waiting, (*chain).recordFailure, "a request that is not on the disk is not sent"},
		{saving, due, saving, (*chain).requestSyncAgain, "after this exchange"},
		{sending, due, sending, (*chain).requestSyncAgain, "after this exchange"},
		{sending, leased, ready, (*chain).acceptLease, "make the lease the current one"},
		{sending, goodbye, closed, (*chain).close, "the activation is given back"},
		{sending, failed, waiting, (*chain).recordFailure, "count the failure; calls are answered by the last lease"},
		//mutant:stories element 3 ready; 4 (*chain).discardRequest: after a refusal too
		{sending, refused, waiting, (*chain).recordFailure, "final codes act at once; the same bytes may be accepted later"},
		{sending, invalid, ready, (*chain).discardRequest, "make another request at the next attempt"},
		//mutant:stories element 3 waiting; 4 (*chain).recordFailure: a stale state activates anew
		{sending, staleState, saving, (*chain).reactivate, "re-activate with the challenge"},
		{sending, deactivated, saving, (*chain).reactivateAsNew, "activate as a new device"},
		//mutant:stories element 4 (*chain).sendNew: the same bytes are sent again
		{waiting, due, saving, (*chain).resend, "send the same bytes again"},
		{waiting, leased, ready, (*chain).acceptLease, "an imported answer"},
		{waiting, goodbye, closed, (*chain).close, "an imported answer to a goodbye"},
		{waiting, refused, waiting, (*chain).recordFailure, "an imported refusal"},
		{waiting, invalid, ready, (*chain).discardRequest, "an imported refusal: make another request at the next attempt"},
		{waiting, staleState, saving, (*chain).reactivate, "an imported refusal: re-activate with the challenge"},
		{waiting, deactivated, saving, (*chain).reactivateAsNew, "an imported refusal: activate as a new device"},
		{closed, due, closed, (*chain).refuseCalls, "a closed chain sends nothing; calls are refused"},
	}
}

// fire looks up the transition of the present state, moves the chain and runs its action.
func (ch *chain) fire(on trigger) {
	for i := range transitions {
		if r := &transitions[i]; r.from == ch.state && r.on == on {
			ch.state = r.to
			r.do(ch)
			return
		}
	}
}
