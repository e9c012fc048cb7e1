// Command module builds the client core, the module that every host embeds, and describes it.
//
//	go run ./internal/gen/module           writes wasm/dist/client.wasm and client.json, and the hash into the hosts' packages
//	go run ./internal/gen/module -check    builds a copy of the sources in another folder and compares the result
//
// Run it at the root of the repository. The build is reproducible: the same Go version gives the same bytes in any folder on
// any machine, so that anybody can check the published hash. -check therefore asks for the Go version that client.json names.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	modulePath      = "wasm/dist/client.wasm"
	descriptionPath = "wasm/dist/client.json"
)

// The limits of the module. Web engines refuse one with more than 100 000 data segments, and Go makes many; the
// size is a budget, since browsers fetch it.
const (
	maxSize         = 7_500_000
	maxDataSegments = 90_000
)

// description is the contents of client.json.
type description struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
	Go     string `json:"go"`
}

func main() {
	check := flag.Bool("check", false, "compare a new build with the committed one instead of writing it")
	flag.Parse()
	err := write
	if *check {
		err = compare
	}
	if err := err(build); err != nil {
		fmt.Fprintln(os.Stderr, "module:", err)
		os.Exit(1)
	}
}

// builder builds the module from the sources in dir into the file at path and returns the Go version that did. An empty toolchain
// means the one at hand.
type builder func(dir, path, toolchain string) (goVersion string, err error)

// sources lists the folders that the module is built from, besides its dependencies.
var sources = []string{"license", "wasm"}

func write(build builder) error {
	if err := os.MkdirAll(filepath.Dir(modulePath), 0o755); err != nil {
		return err
	}
	version, err := build(".", modulePath, "")
	if err != nil {
		return err
	}
	d, err := describe(modulePath, version)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(descriptionPath, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s  %s  %d bytes, %s\n", d.SHA256, modulePath, d.Size, d.Go)
	return writePins(d)
}

func compare(build builder) error {
	text, err := os.ReadFile(descriptionPath)
	if err != nil {
		return err
	}
	var stated description
	if err := json.Unmarshal(text, &stated); err != nil {
		return fmt.Errorf("reading %s: %w", descriptionPath, err)
	}
	committed, err := describe(modulePath, stated.Go)
	if err != nil {
		return err
	}
	if committed != stated {
		return fmt.Errorf("%s is not the module that %s describes:\n  described %+v\n  is        %+v", modulePath, descriptionPath, stated,
			committed)
	}

	dir, err := os.MkdirTemp("", "module-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, folder := range sources {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(folder)); err != nil {
			return err
		}
	}
	goMod, err := os.ReadFile("go.mod") // it only marks the root; the build reads wasm/pinned.mod
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), goMod, 0o644); err != nil {
		return err
	}
	fresh := filepath.Join(dir, "client.wasm")
	version, err := build(dir, fresh, stated.Go)
	if err != nil {
		return err
	}
	rebuilt, err := describe(fresh, version)
	if err != nil {
		return err
	}
	if rebuilt != stated {
		return fmt.Errorf("the sources build another module than %s (run 'make wasm'):\n  committed %+v\n  rebuilt   %+v", modulePath, stated,
			rebuilt)
	}
	return comparePins(stated)
}

// packagesWithoutInlining lists the packages that are compiled without inlining: none of them needs much time, and together they save
// 0.15 MB.
var packagesWithoutInlining = []string{"github.com/onelicense/onelicense/...", "math/big", "fmt"}

// build builds the module. All options of the build are here.
func build(dir, path, toolchain string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	env := append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOWASM=", "GOFIPS140=off", "GOWORK=off") // what else could change the bytes
	if toolchain != "" {
		env = append(env, "GOTOOLCHAIN="+toolchain)
	}
	arguments := []string{"build", "-modfile=wasm/pinned.mod", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w"}
	for _, pattern := range packagesWithoutInlining {
		arguments = append(arguments, "-gcflags="+pattern+"=-l")
	}
	goBuild := exec.Command("go", append(arguments, "-o", path, "./wasm")...)
	goBuild.Dir, goBuild.Env = dir, env
	goBuild.Stderr = os.Stderr
	if err := goBuild.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", goBuild, err)
	}
	goVersion := exec.Command("go", "env", "GOVERSION")
	goVersion.Dir, goVersion.Env = dir, env
	version, err := goVersion.Output()
	return strings.TrimSpace(string(version)), err
}

func describe(path, goVersion string) (description, error) {
	module, err := os.ReadFile(path)
	if err != nil {
		return description{}, err
	}
	segments, err := dataSegments(module)
	if err != nil {
		return description{}, fmt.Errorf("%s: %w", path, err)
	}
	if segments > maxDataSegments {
		return description{}, fmt.Errorf("%s has %d data segments, more than %d", path, segments, maxDataSegments)
	}
	if len(module) > maxSize {
		return description{}, fmt.Errorf("%s has %d bytes, more than %d", path, len(module), maxSize)
	}
	sum := sha256.Sum256(module)
	return description{SHA256: hex.EncodeToString(sum[:]), Size: len(module), Go: goVersion}, nil
}

var errNotWasm = errors.New("not a WebAssembly module")

// dataSegments counts the segments of a module's data section.
func dataSegments(module []byte) (uint64, error) {
	const data = 11 // the id of the data section
	rest, ok := strings.CutPrefix(string(module), "\x00asm\x01\x00\x00\x00")
	if !ok {
		return 0, errNotWasm
	}
	for len(rest) > 0 {
		id := rest[0]
		size, n := binary.Uvarint([]byte(rest[1:min(len(rest), 11)]))
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return 0, errNotWasm
		}
		section := rest[1+n : 1+n+int(size)]
		if id == data {
			count, n := binary.Uvarint([]byte(section[:min(len(section), 10)]))
			if n <= 0 {
				return 0, errNotWasm
			}
			return count, nil
		}
		rest = rest[1+n+int(size):]
	}
	return 0, nil
}
