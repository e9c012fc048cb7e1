// Command openapi writes spec/openapi.json, the description of the HTTP API, from the types of its handlers. Run it at the root of the
// module.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/onelicense/onelicense/server/api"
)

func main() {
	log.SetFlags(0)
	text, err := api.GenerateOpenAPI()
	if err != nil {
		log.Fatalf("describing the API: %v", err)
	}
	if err := os.WriteFile(filepath.Join("spec", "openapi.json"), text, 0o644); err != nil {
		log.Fatal(err)
	}
}
