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
//
// # Without the server
//
//	err = client.Reserve(ctx, "ui", "rendering", onelicense.Borrow(72*time.Hour)) // the slot stays here, if the policy allows it
//	...
//	request, err := client.ExportRequest(ctx) // text, to be carried to the server: POST it to the ServerURL and /sync
//	err = client.ImportAnswer(ctx, answer)    // the text that came back
//
// Release gives a borrowed slot back early. An answer that is not the server's, or not to this request, is refused and changes nothing.
//
// A program on a machine that never reaches the server is started with Config.Offline. It is then neither kept from starting nor stopped by
// unreachable, server_error and lease_expired, which say no more than that the server was not heard; so the first activation, and the
// renewal of a lease that has run out, are carried by hand as well. Everything else, such as suspended, fails as always; no call is granted
// that would else be refused, and what MustCheck refuses stops the program as ever. With license files nothing is asked at the start, so
// Offline only keeps the program from being stopped later. A whole run:
//
//	check := func(err error) {
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//	cfg.Offline = true
//	client, err := onelicense.New(ctx, cfg)
//	check(err) // refused by more than silence
//	defer client.Close(ctx)
//	status, err := client.Status()
//	check(err)
//	if !status.Licenses[0].Verdict.OK { // never activated, or the lease has run out
//		request, err := client.ExportRequest(ctx)
//		check(err)
//		check(os.WriteFile("request.txt", []byte(request), 0o600))
//		fmt.Println("Carry request.txt to the server, bring answer.txt back, and press return.")
//		fmt.Scanln()
//		answer, err := os.ReadFile("answer.txt")
//		check(err)
//		check(client.ImportAnswer(ctx, string(answer)))
//	}
//	check(client.Consume(ctx))
//
// On a machine that has a network:
//
//	curl -H 'Content-Type: text/plain; charset=utf-8' --data-binary @request.txt https://license.example.com/api/v1/sync >answer.txt
//
// The program may end in between: the request stays the same until it is answered.
//
// # What the server is told
//
// Statistics are Config.Program, the platform, this package's version and the numbers that the program gives to Client.Statistics; they
// go with a sync if the policy asks for them. Config.Fingerprint is empty unless the program fills it, with MachineParts or parts of its
// own; the server gets hashes under the license's id and never a value.
//
// # Receipts
//
//	status, err := client.Status()
//	text := status.Licenses[0].Receipt                        // the last lease, as the server signed it
//	receipt, err := onelicense.VerifyReceipt(ctx, text, ring) // at any time later: counters, time, activation, request
//
// # License files
//
// Of a directory the files *.txt and *.list are loaded: licenses, and the product's list of revoked licenses. What a file is, its contents
// say. A license file has at most 64 KiB, a list 1 MiB, all files together 2 MiB; what is beyond that, or no regular file, is named in
// Status with its reason. Verify takes a list by WithList.
//
// # Without the module
//
// With the build tag native (go build -tags native) the core is compiled into the program from the same sources, instead of the module:
// the first verdict needs no compiler and no cache, a file is verified in a fifth of the time, and the program is some 9 MB smaller. It
// is for programs that start often and live shortly, for processors on which the module is only interpreted, and where no cache may be
// written. Same calls, same verdicts, same saved state: a program may change over with any release, and back.
//
// What it gives up: the core is no longer the published one, whose hash anybody can check, but what this toolchain makes of this
// version's sources, so an audit of the module says nothing about it; and it has no memory of its own, so what goes wrong in it can
// take the program along. A panic is still caught, and answered as a trap is. The tag holds for the whole build.
package onelicense
