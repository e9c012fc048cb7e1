package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault describes one invalid setting.
type Fault struct {
	Setting string // its name
	Value   string // as given; empty when there is none, and for secrets
	From    string // source of the value; empty when there is none
	Problem string // what is wrong; follows the value if there is one
	Allowed string // the values it takes; empty when Problem says it
}

// Error returns for example: log-format: "xml" is not valid; use text or json (from the environment; set by --log-format, …).
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Setting + ": ")
	if f.Value != "" {
		b.WriteString(strconv.Quote(f.Value) + " ")
	}
	b.WriteString(f.Problem)
	if f.Allowed != "" {
		b.WriteString("; use " + f.Allowed)
	}
	var notes []string
	if f.From != "" {
		notes = append(notes, "from "+f.From)
	}
	if spellings := f.spellings(); spellings != "" {
		notes = append(notes, "set by "+spellings)
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, "; ") + ")")
	}
	return b.String()
}

// spellings lists how the setting can be given; empty for what is not one of ours.
func (f Fault) spellings() string {
	switch {
	case f.Setting == FileSetting:
		return fmt.Sprintf("--%s or %s", FileSetting, environmentName(FileSetting))
	case isKnown(f.Setting):
		return fmt.Sprintf("--%s, %s, or %s in the file", f.Setting, environmentName(f.Setting), f.Setting)
	}
	return ""
}

// Faults are all invalid settings, in the order of their names.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int { return strings.Compare(a.Setting, b.Setting) })
	return f
}

// fault describes a value that the setting does not take. Problem follows the value, or words in its place.
func (s Setting) fault(v settingValue, problem error) Fault {
	f := Fault{Setting: s.Name, Value: v.text, From: v.from, Problem: problem.Error(), Allowed: s.Allowed}
	switch {
	case v.text == "":
	case s.Secret:
		f.Value, f.Problem = "", "the value "+f.Problem
	}
	return f
}

// SettingError is a failure to open a server that one setting causes, such as an unreachable database.
type SettingError struct {
	Setting string // its name
	Err     error
}

func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SettingError) Unwrap() error { return e.Err }
