package api

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestOpenAPIDocumentIsUpToDate(t *testing.T) {
	want, err := GenerateOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../spec/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("spec/openapi.json is out of date: go run ./server/internal/gen/openapi")
	}
}

func TestOpenAPIDocumentHasEveryRoute(t *testing.T) {
	text, err := GenerateOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			Security []any `json:"security"`
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, r := range Register(fiber.New(), Config{}).Routes() {
		operation, ok := d.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s %s is not described", r.Method, r.Path)
		}
		if open := r.Action == "anyone"; open != (len(operation.Security) == 0) {
			t.Errorf("%s %s: the document asks for %v", r.Method, r.Path, operation.Security)
		}
	}
}

// A description that begins with one of these words has no noun: it cannot be read without the member's name.
var noNoun = regexp.MustCompile(`^(Of|By|As|When|Absent|Empty|That|How|What|Whether|From)\b`)

// Every operation has a summary, and every member and query parameter of the document a description that is a noun phrase.
func TestDescriptions(t *testing.T) {
	text, err := GenerateOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			OperationID, Summary string
			Parameters           []struct{ Name, In, Description string }
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Description string }
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	check := func(of, description string) {
		if description == "" {
			t.Errorf("%s has no description", of)
		} else if noNoun.MatchString(description) {
			t.Errorf("%s: %q begins with no noun", of, description)
		}
	}
	for _, methods := range d.Paths {
		for _, o := range methods {
			if o.Summary == "" {
				t.Errorf("%s has no summary", o.OperationID)
			}
			for _, p := range o.Parameters {
				if p.In == "query" {
					check(o.OperationID+"?"+p.Name, p.Description)
				}
			}
		}
	}
	used := map[string]bool{}
	for name, s := range d.Components.Schemas {
		for member, p := range s.Properties {
			used[name+"."+member], used[member] = true, true
			if name != "Policy" && name != "PolicyInput" && name != "Overrides" { // the policy's types describe their members
				check(name+"."+member, p.Description)
			}
		}
	}
	for key := range memberDescriptions {
		if !used[key] {
			t.Errorf("%s is described, and there is no such member", key)
		}
	}
}
