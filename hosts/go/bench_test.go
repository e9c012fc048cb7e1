package onelicense

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/onelicense/onelicense/wasm/abi"
)

// BenchmarkConsume is a licensed call with the trigger interval. Budget: 2 µs.
func BenchmarkConsume(b *testing.B) {
	for name, every := range map[string]int64{"journal_every=100": 100, "journal_every=1000000": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			v := newVendor(b)
			v.allowance, v.settings.JournalEvery = 1<<40, every
			compiled(b)
			c := must(b, v.config(b))
			for b.Loop() {
				if err := c.Consume(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is a license file: with a keyring that the client has (budget: 0.7 ms), and with one that comes along.
func BenchmarkVerify(b *testing.B) {
	v := newVendor(b)
	compiled(b)
	file, ring := v.file(b, first, []string{"ui"}, "rendering"), []byte(v.ring)
	b.Run("keyring=known", func(b *testing.B) {
		c, err := Initialize(b.Context(), v.files(b, b.TempDir()))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(b.Context())
		for b.Loop() {
			if err := c.machine.ask(b.Context(), abi.Event{Type: abi.EventFiles, Files: []File{{Name: "a", Data: file}}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("keyring=parsed", func(b *testing.B) {
		for b.Loop() {
			if _, err := Verify(b.Context(), file, ring); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstVerdict is a whole process that verifies one file and ends. Budgets: 600 ms without a cache, 150 ms with one.
func BenchmarkFirstVerdict(b *testing.B) {
	v := newVendor(b)
	file, ring := b.TempDir()+"/license.txt", b.TempDir()+"/ring.asc"
	for path, data := range map[string][]byte{file: v.file(b, first, []string{"ui"}, "rendering"), ring: []byte(v.ring)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	process := func(b *testing.B, cache, mode string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "ONELICENSE_TEST_FILE="+file, "ONELICENSE_TEST_RING="+ring, "ONELICENSE_TEST_MODE="+mode)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			process(b, b.TempDir(), "")
		}
	})
	b.Run("warm", func(b *testing.B) {
		cache := b.TempDir()
		process(b, cache, "warm")
		for b.Loop() {
			process(b, cache, "")
		}
	})
}

func verifyOnce(file, ring string, warm bool) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 1
	}
	keys, err := os.ReadFile(ring)
	if err != nil {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := Verify(ctx, data, keys); err != nil {
		return 1
	}
	if warm && Warm(ctx) != nil {
		return 1
	}
	return 0
}
