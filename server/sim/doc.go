// Package sim simulates a small world for the client core and the server's rules: real clients (wasm/client) and the real domain
// (server/licensing, over server/store/memory) with clocks, disks, a network and people that fail in every known way, and some attackers.
// No real time passes: a year takes some hundredths of a second, and the same seed gives the same year.
//
// Start with Year, which simulates a year and reports what went wrong (invariants.go lists what that can be). NewWorld and its machines
// make single stories.
package sim
