package config

import (
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	Setting string // its name
	Value   string // as it was given; empty when there is none, and of a secret
	From    string // which source it comes from; empty for none
	Problem string // what is wrong
	Allowed string
}

func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString("setting ")
	b.WriteString(f.spellings())
	if f.Value != "" {
		b.WriteString(" = " + strconv.Quote(f.Value))
	}
	if f.From != "" {
		b.WriteString(", from " + f.From)
	}
	b.WriteString(": " + f.Problem)
	if f.Allowed != "" {
		b.WriteString("; allowed: " + f.Allowed)
	}
	return b.String()
}

// spellings is the setting in all its spellings; what is no setting has none but the one that was found.
func (f Fault) spellings() string {
	switch {
	case f.Setting == FileSetting:
		return "--" + FileSetting + " (" + environmentName(FileSetting) + ")"
	case isKnown(f.Setting):
		return allSpellings(f.Setting)
	}
	return f.Setting
}

// Faults is everything that is wrong, in the order of the settings' names.
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

func (s Setting) fault(v settingValue, problem error) Fault {
	f := Fault{Setting: s.Name, Value: v.text, From: v.from, Problem: problem.Error(), Allowed: s.Allowed}
	if s.Secret || v.from == "" {
		f.Value = ""
	}
	return f
}
