package apicmd

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/onelicense/onelicense/server/apiclient"
)

// An edit starts from the stored record. The API replaces a nested record, such as a policy, as a whole, and PUT replaces all of it; a flag
// sets one member and leaves the others. So the record is read, and what the command line does not give is sent back unchanged. If the
// record was changed in between, its revision differs and the server refuses.

// revision is the member that names the state that an edit was made from; the header If-Match is another way.
const revision = "revision"

// needsRevision reports whether the body is an edit of a record that was read.
func (b *body) needsRevision() bool { return b.schema.Properties[revision] != nil }

// mergeCurrent adds to members the values of the stored record that would be lost otherwise.
func (c *call) mergeCurrent(ctx context.Context, client *apiclient.Client, path string, members map[string]any) error {
	_, named := members[revision]
	named = named || c.hasIfMatch()
	parts := c.body.partialMembers(c.method == http.MethodPut)
	if named && len(parts) == 0 {
		return nil
	}
	there, err := fetchCurrent(ctx, client, path)
	if err != nil {
		return err
	}
	for _, name := range parts {
		said, given := members[name]
		if one, ok := merge(c.document, c.body.schema.Properties[name], there[name], said, given); ok {
			members[name] = one
		}
	}
	if !named {
		members[revision] = there[revision]
	}
	return nil
}

// partialMembers returns the members of which flags give a part. If the whole record is replaced, it also returns those that are not given.
// A member that the file gives is complete.
func (b *body) partialMembers(whole bool) (names []string) {
	if b.file != "" {
		return nil
	}
	for _, name := range b.schema.memberNames() {
		some, all := false, true
		for _, m := range b.members {
			if m.path[0] == name {
				some, all = some || m.isSet, all && m.isSet && !m.isRemoval()
			}
		}
		if name != revision && !all && (some || whole) {
			names = append(names, name)
		}
	}
	return names
}

// merge returns the value of a member to send: the stored value, overridden by the given one. Either may be absent.
func merge(d *document, s *schema, there, said any, given bool) (any, bool) {
	s = d.resolve(s)
	if len(s.Properties) == 0 {
		if given {
			return said, said != nil || s.hasType("null")
		}
		return there, there != nil
	}
	record, _ := there.(map[string]any)
	more, _ := said.(map[string]any)
	if record == nil && !given {
		return nil, false
	}
	all := map[string]any{}
	for _, name := range s.memberNames() {
		said, given := more[name]
		if one, ok := merge(d, s.Properties[name], record[name], said, given); ok {
			all[name] = one
		}
	}
	return all, true
}

// fetchCurrent returns the stored record.
func fetchCurrent(ctx context.Context, client *apiclient.Client, path string) (map[string]any, error) {
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
		err = decodeJSON(string(text), &record)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record that is to be edited: %w", err)
	}
	return record, nil
}
