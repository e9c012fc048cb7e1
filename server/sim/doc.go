// Package sim is a world to try the client core and the server's rules in: real clients (wasm/client) and the real domain
// (server/licensing, over server/store/memory) with clocks, disks, a network and people that fail in every way they do, and some that mean
// harm. There is no real time in it: a year takes some hundredths of a second, and the same seed gives the same year.
//
// Start with Year, which lives one through and tells what went wrong (check.go says what that can be). NewWorld and its machines make
// single stories.
package sim
