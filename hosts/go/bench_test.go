package onelicense

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/onelicense/onelicense/wasm/abi"
)

// BenchmarkConsume measures a licensed call with the trigger interval. Budget: 2 µs.
func BenchmarkConsume(b *testing.B) {
	for name, every := range map[string]int64{"journal_every=100": 100, "journal_every=1000000": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			v := newFakeServer(b)
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

// BenchmarkVerify measures a license file: with a keyring that was parsed before (budget: 0.7 ms), and with a new one.
func BenchmarkVerify(b *testing.B) {
	v := newFakeServer(b)
	compiled(b)
	file, ring := v.file(b, first, []string{"ui"}, "rendering"), []byte(v.ring)
	b.Run("keyring=known", func(b *testing.B) {
		c, err := Initialize(b.Context(), v.files(b, b.TempDir()))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(b.Context())
		for b.Loop() {
			if err := c.runner.call(b.Context(), abi.Event{Type: abi.EventFiles, Files: []File{{Name: "a", Data: file}}}); err != nil {
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

// BenchmarkFirstVerdict measures a whole process that verifies one file and ends. Budgets: 600 ms without a cache, 150 ms with one.
func BenchmarkFirstVerdict(b *testing.B) {
	v := newFakeServer(b)
	file, ring := b.TempDir()+"/license.txt", b.TempDir()+"/ring.asc"
	for path, data := range map[string][]byte{file: v.file(b, first, []string{"ui"}, "rendering"), ring: []byte(v.ring)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	coldAndWarm(b, "ONELICENSE_TEST_FILE="+file, "ONELICENSE_TEST_RING="+ring)
}

// BenchmarkFirstActivation measures a whole process that activates, counts a call and closes. Budgets: 1 s without a cache, 200 ms with
// one.
func BenchmarkFirstActivation(b *testing.B) {
	v := newFakeServer(b)
	coldAndWarm(b, "ONELICENSE_TEST_SERVER="+v.config(b).ServerURL)
}

// coldAndWarm runs this program as a new process each time, with an empty and with a filled cache.
func coldAndWarm(b *testing.B, does ...string) {
	process := func(b *testing.B, cache, mode string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), does...), "XDG_CACHE_HOME="+cache, "ONELICENSE_TEST_MODE="+mode)
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

func verifyOnce(ctx context.Context, file, ring string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	keys, err := os.ReadFile(ring)
	if err != nil {
		return err
	}
	_, err = Verify(ctx, data, keys)
	return err
}

func activateOnce(ctx context.Context, server string) error {
	dir, err := os.MkdirTemp("", "onelicense-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := New(ctx, Config{ServerURL: server, ProductID: product, VersionID: version, LicenseID: first, StorageDir: dir})
	if err != nil {
		return err
	}
	return errors.Join(c.Consume(ctx), c.Close(ctx))
}
