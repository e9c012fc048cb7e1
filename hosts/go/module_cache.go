//go:build !native

package onelicense

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The compiled module is machine code: anybody who can write the cache can run code in the program. So it is kept in a directory that only
// this user can write, each module in a folder of its own; without such a directory there is no cache.

// cacheLifetime is the time for which a module that no program uses any more stays in the cache.
const cacheLifetime = 60 * 24 * time.Hour

// openCache returns the folder for the module with the hash, and whether it holds a compiled module already. The folder is empty if there
// is no safe one.
func openCache(sum [32]byte) (folder string, warm bool) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", false
	}
	return openCacheIn(user, sum)
}

// openCacheIn is openCache for a given directory of the user's caches.
func openCacheIn(user string, sum [32]byte) (folder string, warm bool) {
	if !isSafeParent(user) {
		return "", false
	}
	root := filepath.Join(user, "onelicense", "wazero")
	folder = filepath.Join(root, hex.EncodeToString(sum[:8]))
	if os.MkdirAll(folder, 0o700) != nil {
		return "", false
	}
	compiled, _ := filepath.Glob(filepath.Join(folder, "wazero-*", "*"))
	for _, path := range append([]string{filepath.Dir(root), root, folder}, compiled...) {
		if !isOwnedByUser(path) || !isOwnedByUser(filepath.Dir(path)) && path != filepath.Dir(root) {
			return "", false
		}
		warm = warm || filepath.Dir(filepath.Dir(path)) == folder && !strings.HasSuffix(path, ".tmp")
	}
	now := time.Now()
	_ = os.Chtimes(folder, now, now) // only delays or hastens the next prune
	prune(root, now)
	return folder, warm
}

// prune removes the compiled modules of programs that were updated or removed.
func prune(root string, now time.Time) {
	entries, _ := os.ReadDir(root)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > cacheLifetime {
			os.RemoveAll(filepath.Join(root, entry.Name()))
		}
	}
}
