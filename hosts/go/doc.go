// Package onelicense licenses a Go program. It runs the client core, a WebAssembly module, and does for it what the module cannot do
// itself: HTTP, timers, storage and randomness. The module makes every decision (spec/abi.md), the same in every language.
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
// A program whose licenses come as files in a directory calls Initialize, then Reserve, Check and Release. Verify checks one license file,
// without a client and without a network.
//
// A refusal is an *Error with the whole Verdict; CodeOf returns its code, one of the constants of package license. Verdicts that answer no
// call, such as the end of the grace period, go to Config.OnVerdict; without it they are logged, and one that does not allow to continue
// stops the program.
//
// # Offline
//
//	err = client.Reserve(ctx, "ui", "rendering", onelicense.Borrow(72*time.Hour)) // the slot stays here, if the policy allows it
//	...
//	request, err := client.ExportRequest(ctx) // text, to be carried to the server: POST it to the ServerURL and /sync
//	err = client.ImportAnswer(ctx, answer)    // the text that came back
//
// Release gives a borrowed slot back early. An answer that is not the server's, or not to this request, is refused and changes nothing.
//
// A program on a machine that never reaches the server is started with Config.Offline. It is then neither kept from starting nor stopped by
// unreachable, server_error and lease_expired, which say no more than that the server was not reached; so the first activation, and the
// renewal of an expired lease, can be carried by hand as well. Every other refusal, such as suspended, acts as always; no call is granted
// that would otherwise be refused, and a refusal of MustCheck still stops the program. With license files nothing is asked at the start, so
// Offline only keeps the program from being stopped later. A complete run:
//
//	check := func(err error) {
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//	cfg.Offline = true
//	client, err := onelicense.New(ctx, cfg)
//	check(err) // refused, and not only because the server was not reached
//	defer client.Close(ctx)
//	status, err := client.Status()
//	check(err)
//	if !status.Licenses[0].Verdict.OK { // never activated, or the lease has expired
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
// The program may end in the meantime: the request stays the same until it is answered.
//
// # Data sent to the server
//
// Statistics are Config.Program, the platform, this package's version and the numbers that the program sets with Client.Statistics; they
// are sent with a sync if the policy asks for them. Config.Fingerprint is empty unless the program fills it, with MachineParts or parts
// of its own; the server gets hashes under the license's id and never a value.
//
// # Receipts
//
//	status, err := client.Status()
//	text := status.Licenses[0].Receipt                        // the last lease, as the server signed it
//	receipt, err := onelicense.VerifyReceipt(ctx, text, ring) // at any time later: counters, time, activation, request
//
// # License files
//
// Initialize loads the files *.txt and *.list of a directory: licenses, and the product's revocation list. The contents of a file decide
// which it is. A license file has at most 64 KiB, a revocation list 1 MiB, all files together 2 MiB; a larger file, or one that is not a
// regular file, is listed in Status with its reason. WithList passes a revocation list to Verify.
//
// # Without the module
//
// With the build tag native (go build -tags native) the core is compiled into the program from the same sources, instead of the module:
// the first verdict needs no compiler and no cache, a file is verified in a fifth of the time, and the program is some 9 MB smaller. It
// suits programs that start often and end soon, processors on which the module is only interpreted, and machines where no cache may be
// written. Calls, verdicts and the saved state are the same: a program may change over with any release, and back.
//
// The price: the core is no longer the published one, whose hash anybody can check, but what this toolchain makes of this version's
// sources, so an audit of the module does not cover it; and it has no memory of its own, so a failure in it can affect the whole program.
// A panic is still caught and handled like a trap. The tag applies to the whole build.
package onelicense
