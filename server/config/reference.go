package config

import (
	"fmt"
	"strings"
)

// Reference describes every setting in Markdown, for docs/configuration.md.
func Reference() string {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", s.Name, s.Description)
		row := func(label, text string) { fmt.Fprintf(&b, "- %s: %s\n", label, text) }
		row("flag", "`--"+s.Name+"`")
		row("variable", "`"+s.Variable()+"`")
		if s.Secret {
			row("from a file", "`--"+s.FileName()+"`, `"+environmentName(s.FileName())+"`")
		}
		row("allowed", s.Allowed)
		if s.Default != "" {
			row("default", "`"+s.Default+"`")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
