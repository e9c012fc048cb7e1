// Command apiclient writes server/apiclient/client_gen.go, the Go client of the management API, from spec/openapi.json. Run it at the root
// of the module.
//
// The generator is oapi-codegen, at the version in tool.mod: a list of its own, so that a tool's dependencies are nobody's who embeds this
// module.
package main

import (
	"log"
	"os"
	"os/exec"
)

func main() {
	log.SetFlags(0)
	const at = "server/internal/gen/apiclient/"
	cmd := exec.Command("go", "tool", "-modfile="+at+"tool.mod", "oapi-codegen", "-config", at+"config.yaml", "spec/openapi.json")
	cmd.Env = append(os.Environ(), "GOWORK=off") // a list of its own is no part of the workspace
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		log.Fatalf("generating the API client: %v", err)
	}
}
