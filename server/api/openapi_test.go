package api

import (
	"bytes"
	"encoding/json"
	"os"
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
