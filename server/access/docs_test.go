package access

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedPermissions compares the table in docs/access.md with the permissions in the code.
func TestDocumentedPermissions(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| action |")
	for _, role := range Roles {
		fmt.Fprintf(&table, " %s |", role)
	}
	table.WriteString("\n| --- |" + strings.Repeat(" --- |", len(Roles)) + "\n")
	for _, action := range slices.Concat([]Action{ActionSelf, ActionWhoami}, Scopes()) {
		fmt.Fprintf(&table, "| `%s` |", action)
		for _, role := range Roles {
			mark := " "
			if May(role, action) {
				mark = " yes "
			}
			table.WriteString(mark + "|")
		}
		table.WriteByte('\n')
	}
	page, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/access.md does not hold this table:\n%s", table.String())
	}
}
