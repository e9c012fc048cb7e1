// Package onelicense licenses a Go program: it runs the client core, a WebAssembly module, and does for it what it cannot do itself:
// HTTP, timers, storage and randomness. Every decision is the module's (spec/abi.md), and the same in every language.
//
// A program with one license calls New with the four values of the instructions page, then Consume at the end of each licensed call:
//
//	client, err := onelicense.New(ctx, onelicense.Config{
//		ServerURL: "https://license.example.com/api/v1#04FB85B5137184B55A65A2EDF5ACC4D8AD86E468",
//		ProductID: "5edb10fecc150913cb7640f6",
//		VersionID: "5edb1105cc150913cb7640f7",
//		LicenseID: "5edb1264cc150913cb7640f8",
//	})
//	if err != nil {
//		log.Fatal(err) // not activated: the program does not go on
//	}
//	defer client.Close(context.Background())
//	...
//	err = client.Consume(ctx)
//
// A program whose licenses come as files in a directory calls Initialize, then Reserve, Check and Release. Verify tells whether one
// file is genuine, without a client and without a network.
//
// What is refused is an *Error with the whole Verdict; CodeOf tells the code, one of the constants of package license. What happens
// without a call of the program, such as the end of the grace, goes to Config.OnVerdict; without one, the program is stopped.
package onelicense
