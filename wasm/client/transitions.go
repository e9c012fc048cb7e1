package client

// State of one license's chain.
type state string

const (
	ready   state = "ready"   // nothing is asked
	saving  state = "saving"  // a request is on its way to the disk
	sending state = "sending" // a request is on its way to the server
	waiting state = "waiting" // a request was not answered by a lease; the same bytes are sent again
	closed  state = "closed"  // the activation was given back
)

// trigger is what moves a chain.
type trigger string

const (
	due         trigger = "due"      // a timer, or a call that needs the server
	saved       trigger = "saved"    // the host confirmed the Save
	saveFailed  trigger = "unsaved"  // the host could not save
	leased      trigger = "leased"   // a lease that answers the request
	goodbye     trigger = "farewell" // the lease that answers a goodbye
	failed      trigger = "failed"   // no answer, or one that is not to be trusted
	refused     trigger = "refused"  // a signed refusal; the same bytes may be accepted later
	invalid     trigger = "rejected" // a signed refusal of class request: these bytes never will be
	staleState  trigger = "stale"    // stale_state, with a challenge
	deactivated trigger = "ousted"   // the activation is gone, and the program was started again
)

// transition is one transition. What is not in the table does not happen: the trigger is then ignored.
type transition struct {
	from   state
	on     trigger
	to     state
	do     func(*chain)
	reason string
}

// transitions is the whole machine of one chain. Write ahead: a request is sent only from saving, after the host has confirmed that it is on
// the disk, and the same bytes are sent until a lease answers them.
var transitions []transition

// (In init, because the actions fire triggers themselves.)
func init() {
	transitions = []transition{
		{ready, due, saving, (*chain).sendNew, "make the next request and save it"},
		{saving, saved, sending, (*chain).send, "it is on the disk: send it"},
		{saving, saveFailed, waiting, (*chain).recordFailure, "what is not on the disk is not sent"},
		{saving, due, saving, (*chain).requestSyncAgain, "after this exchange"},
		{sending, due, sending, (*chain).requestSyncAgain, "after this exchange"},
		{sending, leased, ready, (*chain).acceptLease, "the lease is the new head"},
		{sending, goodbye, closed, (*chain).close, "the activation is given back"},
		{sending, failed, waiting, (*chain).recordFailure, "count the failure, answer by the last lease"},
		//mutant:stories element 3 ready; 4 (*chain).discardRequest: after a refusal too
		{sending, refused, waiting, (*chain).recordFailure, "final codes act at once; the same bytes may be accepted later"},
		{sending, invalid, ready, (*chain).discardRequest, "form another request at the next try"},
		//mutant:stories element 3 waiting; 4 (*chain).recordFailure: a stale state activates anew
		{sending, staleState, saving, (*chain).reactivate, "activate anew with the challenge"},
		{sending, deactivated, saving, (*chain).reactivateAsNew, "activate as a new device"},
		//mutant:stories element 4 (*chain).sendNew: the same bytes are sent again
		{waiting, due, saving, (*chain).resend, "the same bytes again"},
		{waiting, leased, ready, (*chain).acceptLease, "an answer that was carried by hand"},
		{waiting, goodbye, closed, (*chain).close, "the same, to a goodbye"},
		{waiting, refused, waiting, (*chain).recordFailure, "the same, and it says no"},
		{waiting, invalid, ready, (*chain).discardRequest, "the same: these bytes never will be accepted"},
		{waiting, staleState, saving, (*chain).reactivate, "the same: activate anew with the challenge"},
		{waiting, deactivated, saving, (*chain).reactivateAsNew, "the same: activate as a new device"},
		{closed, due, closed, (*chain).refuseCalls, "a closed chain asks nothing"},
	}
}

// fire moves the chain by one row.
func (ch *chain) fire(on trigger) {
	for i := range transitions {
		if r := &transitions[i]; r.from == ch.state && r.on == on {
			ch.state = r.to
			r.do(ch)
			return
		}
	}
}
