//go:build mongo

package mongo

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// Everything that the tests send is checked against what works on a single server, a replica set and a sharded cluster: only these commands
// and operators, and the equality of _id in each filter of a write.

var allowed = struct{ commands, operators []string }{
	commands: []string{"find", "getMore", "insert", "update", "delete", "aggregate", "createIndexes", "ping", "endSessions", "dropDatabase",
		"hello"},
	operators: []string{
		"$lt", "$lte", "$gt", "$gte", "$in", "$ne", "$exists", "$and", "$or", "$regex",
		"$set", "$setOnInsert", "$unset", "$inc",
		"$match", "$group", "$sum", // of CountDocuments
	},
}

// outer are members of a command that the driver adds, and that are not operators.
var outer = []string{"$db", "$clusterTime", "$readPreference"}

var (
	commandMonitor = &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) { violations.check(e) }}
	violations     = commandViolations{wrong: map[string]int{}}
)

type commandViolations struct {
	mu    sync.Mutex
	wrong map[string]int // complaint → number of times
}

func (f *commandViolations) check(e *event.CommandStartedEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, complaint := range checkCommand(e.CommandName, e.Command) {
		f.wrong[complaint]++
	}
}

// checkCommand returns what is wrong with a command.
func checkCommand(name string, command bson.Raw) (all []string) {
	if !slices.Contains(allowed.commands, name) {
		all = append(all, "the command "+name)
	}
	var document bson.D
	if err := bson.Unmarshal(command, &document); err != nil {
		return append(all, err.Error())
	}
	for _, m := range document {
		switch {
		case slices.Contains(outer, m.Key):
		case name == "insert" && m.Key == "documents": // data
		default:
			all = append(all, operators(name, m.Value)...)
		}
		filter := map[string]string{"updates": "q", "deletes": "q"}[m.Key]
		if list, ok := m.Value.(bson.A); ok && filter != "" {
			for _, one := range list {
				if q, _ := valueOf(one.(bson.D), filter).(bson.D); !matchesOneID(q) {
					all = append(all, fmt.Sprintf("%s with the filter %v, which has no equality of _id", name, q))
				}
			}
		}
	}
	if q, ok := valueOf(document, "query").(bson.D); ok && !matchesOneID(q) {
		all = append(all, fmt.Sprintf("%s with the filter %v, which has no equality of _id", name, q))
	}
	return all
}

// operators returns the operators that are not allowed, and updates that are pipelines.
func operators(command string, value any) (all []string) {
	switch v := value.(type) {
	case bson.D:
		for _, m := range v {
			if strings.HasPrefix(m.Key, "$") && !slices.Contains(allowed.operators, m.Key) {
				all = append(all, command+" with "+m.Key)
			}
			if pattern, _ := m.Value.(string); m.Key == "$regex" && (strings.Contains(pattern, "\x00") || !utf8.ValidString(pattern)) {
				all = append(all, fmt.Sprintf("%s with the pattern %q, which MongoDB refuses", command, pattern))
			}
			if _, pipeline := m.Value.(bson.A); pipeline && m.Key == "u" {
				all = append(all, command+" with a pipeline")
			}
			all = append(all, operators(command, m.Value)...)
		}
	case bson.A:
		for _, item := range v {
			all = append(all, operators(command, item)...)
		}
	}
	return all
}

func valueOf(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// matchesOneID reports whether the filter selects one document by its _id.
func matchesOneID(filter bson.D) bool {
	_, operator := valueOf(filter, "_id").(bson.D)
	return valueOf(filter, "_id") != nil && !operator
}

// reportViolations prints the violations and returns the exit code. It is called after all tests have passed.
func reportViolations() int {
	violations.mu.Lock()
	defer violations.mu.Unlock()
	for complaint, times := range violations.wrong {
		fmt.Fprintf(os.Stderr, "not allowed, %d times: %s\n", times, complaint)
	}
	return min(1, len(violations.wrong))
}
