package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/onelicense/onelicense/server/apiclient"
)

// An edit is made from the record as it is. The API replaces a record within a record, such as a policy, as a whole, and so does PUT with all of
// it; a flag means one member and leaves the others. So the record is read, and what the call does not say is sent back as it was. If it was
// changed in between, the revision is another one, and the server refuses.

// revision is the member that says which state of a record an edit was made from; the header If-Match is another way to say it.
const revision = "revision"

// edits tells whether the body is of a record that was read.
func (b *body) edits() bool { return b.schema.Properties[revision] != nil }

// edit puts below the members of a call what the record says, as far as the call is silent on what would be lost.
func (c *call) edit(ctx context.Context, client *apiclient.Client, path string, members map[string]any) error {
	_, named := members[revision]
	named = named || c.matches()
	parts := c.body.parts(c.method == http.MethodPut)
	if named && len(parts) == 0 {
		return nil
	}
	there, err := present(ctx, client, path)
	if err != nil {
		return err
	}
	for _, name := range parts {
		said, given := members[name]
		if one, ok := over(c.document, c.body.schema.Properties[name], there[name], said, given); ok {
			members[name] = one
		}
	}
	if !named {
		members[revision] = there[revision]
	}
	return nil
}

// parts are the members that flags give in part. Where the whole record is replaced, also those that they do not give. A file is whole.
func (b *body) parts(whole bool) (names []string) {
	if b.file != "" {
		return nil
	}
	for _, name := range b.schema.names() {
		some, all := false, true
		for _, m := range b.members {
			if m.path[0] == name {
				some, all = some || m.given, all && m.given && !m.taken()
			}
		}
		if name != revision && !all && (some || whole) {
			names = append(names, name)
		}
	}
	return names
}

// over is a member as it may be sent: what is there, and over it what is said. There may be nothing of either.
func over(d *document, s *schema, there, said any, given bool) (any, bool) {
	s = d.resolve(s)
	if len(s.Properties) == 0 {
		if given {
			return said, said != nil || s.is("null")
		}
		return there, there != nil
	}
	record, _ := there.(map[string]any)
	more, _ := said.(map[string]any)
	if record == nil && !given {
		return nil, false
	}
	all := map[string]any{}
	for _, name := range s.names() {
		said, given := more[name]
		if one, ok := over(d, s.Properties[name], record[name], said, given); ok {
			all[name] = one
		}
	}
	return all, true
}

// present is the record as it is.
func present(ctx context.Context, client *apiclient.Client, path string) (map[string]any, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, client.URL(path), nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var record map[string]any
	if err == nil {
		err = decode(string(text), &record)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record that is to be edited: %w", err)
	}
	return record, nil
}
