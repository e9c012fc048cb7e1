// Code samples for a program, filled with the values of one license. The end-to-end tests run them unchanged.

export interface SampleValues {
  server_url: string;
  product_id: string;
  version_id: string;
  license_id: string;
  /** A context and an entitlement of the license that the sample reserves. */
  context: string;
  entitlement: string;
}

export interface CodeSample {
  language: string;
  file: string;
  install: string;
  code: (values: SampleValues) => string;
}

const quote = (text: string) => JSON.stringify(text); // the same syntax in all three languages for the characters that the server allows

export const codeSamples: CodeSample[] = [
  {
    language: "Go",
    file: "main.go",
    install: "go get github.com/onelicense/onelicense/hosts/go",
    code: (v) => `package main

import (
	"context"
	"fmt"
	"log"

	onelicense "github.com/onelicense/onelicense/hosts/go"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err) // not licensed: prints the code, the message and the detail
	}
}

func run(ctx context.Context) error {
	client, err := onelicense.New(ctx, onelicense.Config{
		ServerURL: ${quote(v.server_url)},
		ProductID: ${quote(v.product_id)},
		VersionID: ${quote(v.version_id)},
		LicenseID: ${quote(v.license_id)},
	})
	if err != nil {
		return err // not activated
	}
	defer client.Close(ctx)

	// Take one slot until Release.
	if err := client.Reserve(ctx, ${quote(v.context)}, ${quote(v.entitlement)}); err != nil {
		return err
	}
	defer client.Release(${quote(v.context)}, ${quote(v.entitlement)})

	fmt.Println("licensed")
	return client.Consume(ctx) // count one licensed call
}
`,
  },
  {
    language: "Python",
    file: "main.py",
    install: "pip install onelicense",
    code: (v) => `from onelicense import OneLicenseClient

# Raises LicenseError when the program is not licensed.
client = OneLicenseClient(
    server_url=${quote(v.server_url)},
    product_id=${quote(v.product_id)},
    version_id=${quote(v.version_id)},
    license_id=${quote(v.license_id)},
)

# Take one slot until release().
client.reserve(${quote(v.context)}, ${quote(v.entitlement)})
try:
    print("licensed")
    client.consume()  # count one licensed call
finally:
    client.release(${quote(v.context)}, ${quote(v.entitlement)})
    client.shutdown()
`,
  },
  {
    language: "Node",
    file: "main.mjs",
    install: "npm install onelicense",
    code: (v) => `import { OneLicenseClient } from "onelicense";

// Rejects with a LicenseError when the program is not licensed.
const client = await OneLicenseClient.create({
  server_url: ${quote(v.server_url)},
  product_id: ${quote(v.product_id)},
  version_id: ${quote(v.version_id)},
  license_id: ${quote(v.license_id)},
});

// Take one slot until release().
await client.reserve(${quote(v.context)}, ${quote(v.entitlement)});
try {
  console.log("licensed");
  await client.consume(); // count one licensed call
} finally {
  await client.release(${quote(v.context)}, ${quote(v.entitlement)});
  await client.shutdown();
}
`,
  },
];
