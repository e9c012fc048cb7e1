package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/problem"
)

// Every route that changes something writes a line into the audit log, after it has changed it and before it answers. A route does nothing
// for that: what it was about stands in its address, and what it has changed is seen by reading the record before and after, through the
// route that shows it. So no line holds what no route shows: secrets.
//
// Before it changes anything, it is noted that it is about to: what a process leaves half done when it ends has its line too, later and
// from another. Only for those who are known: what strangers try must not cost a write before it is judged.
//
// A request that was refused has written nothing, and has no line but for a failed login, and for one about many that was refused on the
// way. One that failed otherwise may have done something, and its line says so. When the line cannot be written, the answer says so, and
// the line is owed (audit.Log.Append).

// auditNote holds the facts that a handler adds to the audit line of its request.
type auditNote struct {
	who          access.Identity // when the request has made its sender known
	email        string          // that somebody tries to get in with
	serverAction string          // what the server's own chain calls it, when an organisation is founded
	newRecord    any             // the new record, when no route shows it
	recordsDone  []string        // the records of a request about many, as they are done
	uncertain    bool            // one of them failed in a way that does not tell whether it was done
}

// auditNoteFrom gives the request's note. A handler without one, on a route that changes nothing, may write into it too.
func auditNoteFrom(ctx context.Context) *auditNote {
	if n, ok := ctx.Value(auditNoteKey).(*auditNote); ok {
		return n
	}
	return &auditNote{}
}

// recordReader shows a record as its own route does.
type recordReader func(ctx context.Context, who access.Identity, params map[string]string) (map[string]any, error)

// withAudit wraps the handler of a route.
func withAudit[I, O any](a *API, op operation, handle func(context.Context, access.Identity, *I) (*O, error)) func(context.Context,
	access.Identity, *I) (*O, error) {
	if isSafeMethod(op.method) && !op.login {
		a.recordReaders[op.path] = func(ctx context.Context, who access.Identity, params map[string]string) (map[string]any, error) {
			in := new(I)
			visitPathParams(reflect.ValueOf(in).Elem(), func(name string, v reflect.Value) { v.SetString(params[name]) })
			out, err := handle(ctx, who, in)
			if err != nil {
				return nil, err
			}
			return responseRecord(out)
		}
		return handle
	}
	if op.readOnly {
		return handle
	}
	return func(ctx context.Context, who access.Identity, in *I) (*O, error) {
		n := &auditNote{who: who}
		ctx = context.WithValue(ctx, auditNoteKey, n)
		params := map[string]string{}
		visitPathParams(reflect.ValueOf(in).Elem(), func(name string, v reflect.Value) { params[name] = v.String() })
		before, err := a.snapshot(ctx, n.who, recordPath(op.path, a.recordReaders), params)
		if err != nil {
			return nil, err
		}
		line := a.newAuditLine(ctx, op)
		records := recordsInPath(op.path, params)
		line.Actor, line.Records = auditActor(who), append(records, recordsInBody(in)...)
		if known := who.Member.ID != ""; known {
			if line, err = a.Audit.Begin(ctx, who.Organisation(), line); err != nil {
				return nil, err
			}
		}
		out, err := handle(ctx, who, in)
		line.Actor, line.Records, line.Unknown = auditActor(n.who), append(records, n.recordsDone...), n.uncertain
		if err != nil {
			return nil, a.auditFailure(ctx, op, n, line, err)
		}
		at := recordPath(op.path, a.recordReaders)
		if made := createdID(out); made != "" && made != params["id"] {
			kind := op.path[strings.LastIndex(op.path, "/")+1:]
			line.Records = append(line.Records, kind+"/"+made)
			at, params, before = "/"+kind+"/{id}", map[string]string{"id": made}, nil
		}
		after, err := a.snapshot(ctx, n.who, at, params)
		if err == nil && n.newRecord != nil {
			after, err = marshalRecord(n.newRecord)
		}
		if err == nil {
			line.Changed = diffRecords(before, after)
		}
		if err = errors.Join(err, a.appendAuditLine(ctx, n, line)); err != nil { // it was done, whatever can be said of it
			a.Log.ErrorContext(ctx, "a change without its line in the audit log", "line", line, "error", err)
			return nil, problem.New(problem.Unavailable, "the change was made but its audit log line is still pending; check before retrying")
		}
		return out, nil
	}
}

// auditFailure notes what became of a request that is not answered well, and gives the error that is.
func (a *API) auditFailure(ctx context.Context, op operation, n *auditNote, line audit.Line, err error) error {
	p := problem.FromError(err)
	switch {
	case op.action == access.ActionAnyone:
		a.recordFailedLogin(n, line, err)
	case len(n.recordsDone) > 0: // what was done before it failed
		line.Refused, line.Unknown = string(p.Code), p.Status >= http.StatusInternalServerError
		return errors.Join(err, a.appendAuditLine(ctx, n, line))
	case p.Status >= http.StatusInternalServerError:
		line.Unknown = true
		return errors.Join(err, a.appendAuditLine(ctx, n, line))
	default:
		a.Audit.Cancel(ctx, line)
	}
	return err
}

// newAuditLine returns a line with the facts that are known of every request.
func (a *API) newAuditLine(ctx context.Context, op operation) audit.Line {
	id, _ := ctx.Value(requestIDKey).(string)
	return audit.Line{Time: a.Audit.Now(), Action: op.id, Address: clientAddress(ctx), Request: id}
}

func auditActor(who access.Identity) audit.Actor {
	switch {
	case who.Member.ID == "":
		return audit.Actor{Kind: "nobody"}
	case who.Token != nil:
		return audit.Actor{Kind: "token", ID: who.Token.ID, Member: who.Member.ID, Name: who.Member.Name}
	}
	return audit.Actor{Kind: "member", ID: who.Member.ID, Name: who.Member.Name}
}

// appendAuditLine writes the line where it belongs. What strangers do is bounded like their failed logins.
func (a *API) appendAuditLine(ctx context.Context, n *auditNote, line audit.Line) error {
	if n.who.Member.ID == "" {
		a.Audit.RecordFailedLogin(audit.FailedLogin{Email: n.email, Line: line})
		return nil
	}
	org := n.who.Organisation()
	if n.serverAction != "" {
		line.Records = []string{"organisations/" + string(org)}
		servers := line
		servers.Action = n.serverAction
		if err := a.Audit.Append(ctx, "", servers); err != nil {
			return err
		}
	}
	return a.Audit.Append(ctx, org, line)
}

// recordFailedLogin notes a login that failed. What is wrong in other ways than by its credentials was no attempt.
func (a *API) recordFailedLogin(n *auditNote, line audit.Line, err error) {
	var denied *access.Error
	if !errors.As(err, &denied) {
		return
	}
	line.Refused = denied.Code
	a.Audit.RecordFailedLogin(audit.FailedLogin{Email: n.email, Line: line})
}

// snapshot is a record as its route shows it; nil when there is none, or no such route.
func (a *API) snapshot(ctx context.Context, who access.Identity, path string, params map[string]string) (map[string]any, error) {
	read := a.recordReaders[path]
	if read == nil {
		return nil, nil
	}
	record, err := read(ctx, who, params)
	if p := problem.FromError(err); err != nil && p.Status < http.StatusInternalServerError {
		return nil, nil
	}
	return record, err
}

// recordPath is the route that shows the record which a path is about: the longest beginning of it that ends with an id and is a route.
func recordPath(path string, readers map[string]recordReader) string {
	for end := len(path); end > 0; end = strings.LastIndex(path[:end], "/") {
		if at := path[:end]; strings.HasSuffix(at, "}") && readers[at] != nil {
			return at
		}
	}
	return ""
}

// recordsInPath names the records in a path: each id with the word before it.
func recordsInPath(path string, params map[string]string) (records []string) {
	kind := ""
	for word := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(word, "{"); ok {
			records = append(records, kind+"/"+params[strings.TrimSuffix(name, "}")])
		}
		kind = word
	}
	return records
}

// recordNamer is a body that names the records it is about.
type recordNamer interface{ records() []string }

func recordsInBody(in any) []string {
	if body := reflect.ValueOf(in).Elem(); body.Kind() == reflect.Struct && body.FieldByName("Body").IsValid() {
		if m, ok := body.FieldByName("Body").Interface().(recordNamer); ok {
			return m.records()
		}
	}
	return nil
}

// visitPathParams visits the members of an input that stand in the address.
func visitPathParams(in reflect.Value, visit func(name string, v reflect.Value)) {
	if in.Kind() != reflect.Struct {
		return
	}
	for i := range in.NumField() {
		switch f := in.Type().Field(i); {
		case f.Tag.Get("path") != "" && f.Type.Kind() == reflect.String:
			visit(f.Tag.Get("path"), in.Field(i))
		case f.Anonymous:
			visitPathParams(in.Field(i), visit)
		}
	}
}

// responseRecord is the body of an answer, as it is written; nil when it is no record.
func responseRecord(out any) (map[string]any, error) {
	v := reflect.Indirect(reflect.ValueOf(out))
	if v.Kind() != reflect.Struct || !v.FieldByName("Body").IsValid() {
		return nil, nil
	}
	return marshalRecord(v.FieldByName("Body").Interface())
}

func marshalRecord(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var record map[string]any
	_ = json.Unmarshal(text, &record) // a list, say
	return record, nil
}

// createdID is the id in an answer.
func createdID(out any) string {
	record, err := responseRecord(out)
	if err != nil {
		return ""
	}
	id, _ := record["id"].(string)
	return id
}

// unauditedFields members change without anybody's doing, or say nothing that the line does not.
var unauditedFields = map[string]bool{"id": true, "created": true, "updated": true, "used": true, "last_sync": true}

// diffRecords compares two states of a record, member by member.
func diffRecords(before, after map[string]any) map[string]audit.Change {
	found := map[string]audit.Change{}
	diffMembers(found, "", before, after)
	return found
}

func diffMembers(found map[string]audit.Change, at string, before, after map[string]any) {
	for name := range before {
		if _, still := after[name]; !still && (at != "" || !unauditedFields[name]) {
			found[at+name] = audit.Change{From: audit.Quote(before[name])}
		}
	}
	for name, to := range after {
		from, was := before[name]
		if at == "" && unauditedFields[name] || was && reflect.DeepEqual(from, to) {
			continue
		}
		fromRecord, isRecord := from.(map[string]any)
		toRecord, becomes := to.(map[string]any)
		switch {
		case isRecord && becomes:
			diffMembers(found, at+name+".", fromRecord, toRecord)
		case was:
			found[at+name] = audit.Change{From: audit.Quote(from), To: audit.Quote(to)}
		default:
			found[at+name] = audit.Change{To: audit.Quote(to)}
		}
	}
}
