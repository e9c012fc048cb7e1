package license

import (
	"strconv"
	"strings"
)

// The limits of a license's text. They bound a verifier's work before anything is trusted, and lie far above what
// a license for people to read would hold.
const (
	MaxContexts     = 64
	MaxEntitlements = 256
	MaxName         = 64
	MaxSlots        = 1_000_000
)

// Valid reports whether the id has its only form, 24 lower-case hex digits.
func (id ID) Valid() bool {
	if len(id) != 24 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ValidName reports whether s can name a context or an entitlement: [A-Za-z0-9][A-Za-z0-9_.-]{0,63}. Names are ASCII so that no two of
// them look alike; labels for people are kept on the server.
func ValidName(s string) bool {
	if s == "" || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case i > 0 && (c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// Grants reports whether the license grants the entitlement in the context.
func (c Claims) Grants(context, entitlement string) bool {
	for _, name := range c.Contexts {
		if name != context {
			continue
		}
		for _, e := range c.Entitlements {
			if e.Name == entitlement {
				return true
			}
		}
	}
	return false
}

// Text returns the three lines that are signed, each with its LF. It refuses claims that ParseClaims would not return: what can be
// written can be read, and means the same.
func (c Claims) Text() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(string(c.ID))
	b.WriteByte('\n')
	b.WriteString(strings.Join(c.Contexts, ","))
	b.WriteByte('\n')
	for i, e := range c.Entitlements {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e.Name)
		if e.Slots > 0 {
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(e.Slots))
		}
	}
	b.WriteByte('\n')
	return []byte(b.String()), nil
}

// ParseClaims reads what Text writes, and nothing else. Of a license file, only verified text may be passed to it.
func ParseClaims(text []byte) (Claims, error) {
	lines := strings.SplitAfter(string(text), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Claims{}, Refuse(CodeFileLines, "%d line ends, not 3", len(lines)-1)
	}
	contexts, err := splitItems(lines[1], "file_contexts", MaxContexts)
	if err != nil {
		return Claims{}, err
	}
	entries, err := splitItems(lines[2], "file_entitlements", MaxEntitlements)
	if err != nil {
		return Claims{}, err
	}
	c := Claims{ID: ID(strings.TrimSuffix(lines[0], "\n")), Contexts: contexts}
	for _, entry := range entries {
		e, err := parseEntitlement(entry)
		if err != nil {
			return Claims{}, err
		}
		c.Entitlements = append(c.Entitlements, e)
	}
	if err := c.validate(); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// splitItems splits a line at its commas. It checks their number before anything is allocated for them.
func splitItems(line string, code Code, most int) ([]string, error) {
	line = strings.TrimSuffix(line, "\n")
	if line == "" {
		return nil, Refuse(code, "the line is empty")
	}
	if n := strings.Count(line, ",") + 1; n > most {
		return nil, Refuse(CodeFileTooManyItems, "%d items, at most %d", n, most)
	}
	return strings.Split(line, ","), nil
}

// parseEntitlement reads `name` or `name:slots`. validate checks the name.
func parseEntitlement(entry string) (Entitlement, error) {
	name, slots, counted := strings.Cut(entry, ":")
	if !counted {
		return Entitlement{Name: name}, nil
	}
	n, err := strconv.Atoi(slots)
	// Atoi also reads +5, -5 and 007: one number has one form.
	if err != nil || n < 1 || n > MaxSlots || strconv.Itoa(n) != slots {
		return Entitlement{}, Refuse(CodeFileEntitlements, "%.80q: slots are a number from 1 to %d without leading zeros", entry, MaxSlots)
	}
	return Entitlement{Name: name, Slots: n}, nil
}

// validate checks every rule on claims, for both directions.
func (c Claims) validate() error {
	if !c.ID.Valid() {
		return Refuse(CodeFileID, "%.80q", string(c.ID))
	}
	if len(c.Contexts) == 0 {
		return Refuse(CodeFileContexts, "no context")
	}
	if len(c.Contexts) > MaxContexts {
		return Refuse(CodeFileTooManyItems, "%d contexts, at most %d", len(c.Contexts), MaxContexts)
	}
	seen := make(map[string]bool, len(c.Contexts))
	for _, name := range c.Contexts {
		if !ValidName(name) {
			return Refuse(CodeFileContexts, "%.80q is not a name", name)
		}
		if seen[name] {
			return Refuse(CodeFileContexts, "%q is repeated", name)
		}
		seen[name] = true
	}
	if len(c.Entitlements) == 0 {
		return Refuse(CodeFileEntitlements, "no entitlement")
	}
	if len(c.Entitlements) > MaxEntitlements {
		return Refuse(CodeFileTooManyItems, "%d entitlements, at most %d", len(c.Entitlements), MaxEntitlements)
	}
	clear(seen)
	for _, e := range c.Entitlements {
		if !ValidName(e.Name) {
			return Refuse(CodeFileEntitlements, "%.80q is not a name", e.Name)
		}
		if e.Slots < 0 || e.Slots > MaxSlots {
			return Refuse(CodeFileEntitlements, "%s: %d slots", e.Name, e.Slots)
		}
		if seen[e.Name] {
			return Refuse(CodeFileEntitlements, "%q is repeated", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}
