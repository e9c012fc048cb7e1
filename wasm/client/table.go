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
	due      trigger = "due"      // a timer, or a call that needs the server
	saved    trigger = "saved"    // the host confirmed the Save
	unsaved  trigger = "unsaved"  // the host could not save
	leased   trigger = "leased"   // a lease that answers the request
	farewell trigger = "farewell" // the lease that answers a goodbye
	failed   trigger = "failed"   // no answer, or one that is not to be trusted
	refused  trigger = "refused"  // a signed refusal; the same bytes may be accepted later
	rejected trigger = "rejected" // a signed refusal of class request: these bytes never will be
	stale    trigger = "stale"    // stale_state, with a challenge
	ousted   trigger = "ousted"   // the activation is gone, and the program was started again
)

// row is one transition. What is not in the table does not happen: the trigger is then ignored.
type row struct {
	from state
	on   trigger
	to   state
	do   func(*chain)
	why  string
}

// table is the whole machine of one chain. Write ahead: a request is sent only from saving, after the host has confirmed that it is on
// the disk, and the same bytes are sent until a lease answers them.
var table []row

// (In init, because the actions fire triggers themselves.)
func init() {
	table = []row{
		{ready, due, saving, (*chain).form, "make the next request and save it"},
		{saving, saved, sending, (*chain).send, "it is on the disk: send it"},
		{saving, unsaved, waiting, (*chain).fail, "what is not on the disk is not sent"},
		{saving, due, saving, (*chain).again, "after this exchange"},
		{sending, due, sending, (*chain).again, "after this exchange"},
		{sending, leased, ready, (*chain).take, "the lease is the new head"},
		{sending, farewell, closed, (*chain).leave, "the activation is given back"},
		{sending, failed, waiting, (*chain).fail, "count the failure, answer by the last lease"},
		//mutant:stories element 3 ready; 4 (*chain).drop: after a refusal too
		{sending, refused, waiting, (*chain).fail, "final codes act at once; the same bytes may be accepted later"},
		{sending, rejected, ready, (*chain).drop, "form another request at the next try"},
		//mutant:stories element 3 waiting; 4 (*chain).fail: a stale state activates anew
		{sending, stale, saving, (*chain).restore, "activate anew with the challenge"},
		{sending, ousted, saving, (*chain).renew, "activate as a new device"},
		//mutant:stories element 4 (*chain).form: the same bytes are sent again
		{waiting, due, saving, (*chain).resend, "the same bytes again"},
		{waiting, leased, ready, (*chain).take, "an answer that was carried by hand"},
		{waiting, farewell, closed, (*chain).leave, "the same, to a goodbye"},
		{waiting, refused, waiting, (*chain).fail, "the same, and it says no"},
		{waiting, rejected, ready, (*chain).drop, "the same: these bytes never will be accepted"},
		{waiting, stale, saving, (*chain).restore, "the same: activate anew with the challenge"},
		{waiting, ousted, saving, (*chain).renew, "the same: activate as a new device"},
		{closed, due, closed, (*chain).refuse, "a closed chain asks nothing"},
	}
}

// fire moves the chain by one row.
func (ch *chain) fire(on trigger) {
	for i := range table {
		if r := &table[i]; r.from == ch.state && r.on == on {
			ch.state = r.to
			r.do(ch)
			return
		}
	}
}
