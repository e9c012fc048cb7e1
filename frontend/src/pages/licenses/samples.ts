// The code that is pasted into a program, with the values of one license. e2e runs it as it stands here.

export interface Values {
  server_url: string;
  product_id: string;
  version_id: string;
  license_id: string;
  /** Something that the license grants, for the sample to hold. */
  context: string;
  entitlement: string;
}

export interface Sample {
  language: string;
  file: string;
  install: string;
  code: (values: Values) => string;
}

const q = (text: string) => JSON.stringify(text); // the same in all three languages, for what the server allows in these

export const samples: Sample[] = [
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
		log.Fatal(err) // not licensed: the code, what happened, what decided it
	}
}

func run(ctx context.Context) error {
	client, err := onelicense.New(ctx, onelicense.Config{
		ServerURL: ${q(v.server_url)},
		ProductID: ${q(v.product_id)},
		VersionID: ${q(v.version_id)},
		LicenseID: ${q(v.license_id)},
	})
	if err != nil {
		return err // not activated: the program does not go on
	}
	defer client.Close(ctx)

	// One slot, for as long as it is held.
	if err := client.Reserve(ctx, ${q(v.context)}, ${q(v.entitlement)}); err != nil {
		return err
	}
	defer client.Release(${q(v.context)}, ${q(v.entitlement)})

	fmt.Println("licensed")
	return client.Consume(ctx) // at the end of every licensed call
}
`,
  },
  {
    language: "Python",
    file: "main.py",
    install: "pip install onelicense",
    code: (v) => `from onelicense import OneLicenseClient

# Raises LicenseError when the program may not go on.
client = OneLicenseClient(
    server_url=${q(v.server_url)},
    product_id=${q(v.product_id)},
    version_id=${q(v.version_id)},
    license_id=${q(v.license_id)},
)

# One slot, for as long as it is held.
client.reserve(${q(v.context)}, ${q(v.entitlement)})
try:
    print("licensed")
    client.consume()  # at the end of every licensed call
finally:
    client.release(${q(v.context)}, ${q(v.entitlement)})
    client.shutdown()
`,
  },
  {
    language: "Node",
    file: "main.mjs",
    install: "npm install onelicense",
    code: (v) => `import { OneLicenseClient } from "onelicense";

// Rejects with a LicenseError when the program may not go on.
const client = await OneLicenseClient.create({
  server_url: ${q(v.server_url)},
  product_id: ${q(v.product_id)},
  version_id: ${q(v.version_id)},
  license_id: ${q(v.license_id)},
});

// One slot, for as long as it is held.
await client.reserve(${q(v.context)}, ${q(v.entitlement)});
try {
  console.log("licensed");
  await client.consume(); // at the end of every licensed call
} finally {
  await client.release(${q(v.context)}, ${q(v.entitlement)});
  await client.shutdown();
}
`,
  },
];
