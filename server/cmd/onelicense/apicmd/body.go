package apicmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// body is the JSON object that a command sends: a file, and the members that flags set on top of it.
type body struct {
	schema  *schema
	file    string
	members []bodyFlag
}

// bodyFlag is a member of the body that has a flag: its path and its value.
type bodyFlag struct {
	path []string
	*flagValue
}

// addFlags adds a flag for each member. Members of nested records are written with dots, as in the field of a problem:
// --policy.max-retries. A name that is reserved gets the prefix "body.".
func (b *body) addFlags(d *document, f *pflag.FlagSet) {
	f.StringVar(&b.file, "file", "", "JSON file to send, - for standard input; flags override it")
	b.addSchemaFlags(d, f, b.schema, nil)
}

func (b *body) addSchemaFlags(d *document, f *pflag.FlagSet, s *schema, path []string) {
	for _, name := range s.memberNames() {
		of, at := d.resolve(s.Properties[name]), append(slices.Clone(path), name)
		if of.hasType("object") && len(of.Properties) > 0 {
			b.addSchemaFlags(d, f, of, at)
			continue
		}
		m := &flagValue{schema: of, document: d, optional: len(path) > 0 && b.needsRevision()}
		flag := kebabCase(strings.Join(at, "."))
		if f.Lookup(flag) != nil || slices.Contains(reservedFlags, flag) {
			flag = "body." + flag
		}
		added := f.VarPF(m, flag, "", flagHelp(of, len(path) == 0 && slices.Contains(s.Required, name)))
		if of.hasType("boolean") {
			added.NoOptDefVal = "true"
		}
		b.members = append(b.members, bodyFlag{at, m})
	}
}

// flagHelp returns the help text of a value.
func flagHelp(s *schema, required bool) string {
	var parts []string
	if s.Description != "" {
		parts = append(parts, strings.TrimSuffix(s.Description, "."))
	}
	if len(s.Enum) > 0 {
		parts = append(parts, "one of "+joinWords(s.Enum))
	}
	if required {
		parts = append(parts, "required")
	}
	return strings.Join(parts, "; ")
}

// isGiven reports whether there is anything to send.
func (b *body) isGiven() bool {
	return b.file != "" || slices.ContainsFunc(b.members, func(m bodyFlag) bool { return m.isSet })
}

// read returns the members that the command line gives.
func (b *body) read(cmd *cobra.Command) (map[string]any, error) {
	all := map[string]any{}
	if b.file != "" {
		text, err := readAll(cmd, b.file)
		if err != nil {
			return nil, UsageError{err}
		}
		if err := decodeJSON(string(text), &all); err != nil || all == nil {
			return nil, UsageError{errors.Join(fmt.Errorf("%s does not contain exactly one JSON object", b.file), err)}
		}
	}
	for _, m := range b.members {
		if !m.isSet {
			continue
		}
		within := all
		for _, name := range m.path[:len(m.path)-1] {
			below, ok := within[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				within[name] = below
			}
			within = below
		}
		within[m.path[len(m.path)-1]] = m.value
	}
	return all, nil
}

// checkRequired returns an error that names the required members that are missing.
func (b *body) checkRequired(all map[string]any) error {
	var missing []string
	for _, name := range b.schema.Required {
		if _, ok := all[name]; !ok {
			missing = append(missing, kebabCase(name))
		}
	}
	if len(missing) > 0 {
		return UsageError{fmt.Errorf("missing, give them as flags or in --file: %s", strings.Join(missing, ", "))}
	}
	return nil
}

// maxFileSize is more than any server accepts in one request.
const maxFileSize = 64 << 20

// readAll reads a file, or standard input for "-".
func readAll(cmd *cobra.Command, path string) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFileSize+1))
	if err == nil && len(text) > maxFileSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFileSize)
	}
	return text, err
}
