package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every command line in the documents is valid, and docs/cli.md names every command that is not made from an operation of the API.
//
// proves part of B11
func TestDocumentedCommandsExist(t *testing.T) {
	line := regexp.MustCompile("(?m)^ *(?:\\$ )?onelicense (.*(?:\\\\\n.*)*)$|`onelicense ([a-z][^`]*)`")
	found := 0
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "spec/*.md", "server/bench/*.md", "hosts/*/*.md", "frontend/*.md"} {
		some, err := filepath.Glob("../../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, some...)
	}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range line.FindAllStringSubmatch(strings.ReplaceAll(string(text), "build/onelicense", "onelicense"), -1) {
			words := strings.Fields(strings.ReplaceAll(match[1]+match[2], "\\\n", " "))
			for i, word := range words {
				if strings.ContainsAny(word[:1], "#<>|;)") || strings.HasPrefix(word, "2>") {
					words = words[:i]
					break
				}
			}
			found++
			if problem := commandProblem(words); problem != "" {
				t.Errorf("%s: onelicense %s: %s", path, strings.Join(words, " "), problem)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d command lines were found", found)
	}
	page, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range root(environment{now: time.Now}).Commands() {
		if c.GroupID == "local" && !strings.Contains(string(page), "onelicense "+c.Name()) {
			t.Errorf("docs/cli.md does not name %s", c.Name())
		}
	}
}

// commandProblem returns what is wrong with a command line: an unknown command or flag; "" if it is valid.
func commandProblem(words []string) string {
	all := root(environment{now: time.Now})
	all.InitDefaultCompletionCmd("completion", "bash")
	cmd, _, err := all.Find(words)
	if err != nil {
		return err.Error()
	}
	given := strings.Split(strings.TrimPrefix(cmd.CommandPath(), "onelicense"), " ")[1:]
	if cmd.HasSubCommands() && len(words) > len(given) && !strings.HasPrefix(words[len(given)], "-") {
		return "there is no command " + words[len(given)]
	}
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, _, _ = strings.Cut(name, "=")
			if cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				return "there is no flag --" + name
			}
		}
	}
	return ""
}
