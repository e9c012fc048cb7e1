package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const header = "\x00asm\x01\x00\x00\x00"

// fake builds a module with the given bytes after its header.
func fake(body string) builder {
	return func(_, path, _ string) (string, error) {
		return "go1.26.0", os.WriteFile(path, []byte(header+body), 0o644)
	}
}

// project makes a folder with what a check copies.
func project(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, folder := range sources {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("go.mod", []byte("module m\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWriteThenCheck(t *testing.T) {
	project(t)
	if err := write(fake("")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(descriptionPath)
	if err != nil {
		t.Fatal(err)
	}
	var got description
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := description{SHA256: "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476", Size: 8, Go: "go1.26.0"}
	if got != want {
		t.Errorf("described as %+v, want %+v", got, want)
	}
	if err := compare(fake("")); err != nil {
		t.Errorf("the same sources: %v", err)
	}
}

func TestCheckFindsChanges(t *testing.T) {
	project(t)
	if err := write(fake("")); err != nil {
		t.Fatal(err)
	}
	if err := compare(fake("\x00\x01\x00")); err == nil || !strings.Contains(err.Error(), "make wasm") {
		t.Errorf("changed sources: got %v", err)
	}
	pin := pinFiles[0].path
	if err := os.WriteFile(pin, []byte("SHA256 = \"0\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compare(fake("")); err == nil || !strings.Contains(err.Error(), pin) {
		t.Errorf("a host made for another module: got %v", err)
	}
	if err := os.WriteFile(modulePath, []byte(header+"\x00\x01\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compare(fake("")); err == nil || !strings.Contains(err.Error(), "is not the module") {
		t.Errorf("exchanged module: got %v", err)
	}
}

func TestCheckBuildsWithTheStatedGo(t *testing.T) {
	project(t)
	if err := write(fake("")); err != nil {
		t.Fatal(err)
	}
	asked := ""
	err := compare(func(dir, path, toolchain string) (string, error) {
		asked = toolchain
		return fake("")(dir, path, toolchain)
	})
	if err != nil || asked != "go1.26.0" {
		t.Errorf("asked for %q, error %v", asked, err)
	}
}

func TestTooManyDataSegmentsAreRefused(t *testing.T) {
	project(t)
	err := write(fake("\x0b\x03\x91\xbf\x05")) // a data section that announces 90 001 segments
	if err == nil || !strings.Contains(err.Error(), "90001 data segments") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(descriptionPath); err == nil {
		t.Error("it was described all the same")
	}
}

func TestDataSegments(t *testing.T) {
	cases := []struct {
		name, module string
		want         uint64
		err          error
	}{
		{"none", header, 0, nil},
		{"after_another_section", header + "\x00\x02ab" + "\x0b\x01\x05", 5, nil},
		{"empty", "", 0, errNotWasm},
		{"text", "hello, world", 0, errNotWasm},
		{"id_without_size", header + "\x0b", 0, errNotWasm},
		{"section_past_the_end", header + "\x0b\x05\x01", 0, errNotWasm},
		{"huge_size", header + "\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, errNotWasm},
		{"no_count", header + "\x0b\x00", 0, errNotWasm},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := dataSegments([]byte(c.module))
			if got != c.want || err != c.err {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}
