package demo

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// licenseFiles runs the first part: license files, without a server. proves L03 L04
func (s *runner) licenseFiles() {
	s.heading("License files")
	s.verdict("the vendor creates a keyring", "ok", s.runCommand("keygen", "--name", "Acme CAD", "--out", s.path("keys")))
	public, private := s.findFile("keys/*.pub.asc"), s.findFile("keys/*.key.asc")
	good := s.path("license.txt")
	s.verdict(
		"and issues a file: 2 contexts, 3 entitlements",
		"ok",
		s.runCommand("issue", "--key", private, "--id", "5edb1264cc150913cb7640f8",
			"--contexts", "ui,automation", "--entitlements", "solid_modeling:5,rendering,part_operations:2", "--out", good),
	)
	text, err := os.ReadFile(good)
	if err != nil {
		s.verdict("the file is there", "ok", err.Error())
		return
	}
	s.verdict("the file is genuine", "ok", s.runCommand("verify", good, "--key", public))
	s.verdict("the WebAssembly module agrees", "ok", s.runCommand("verify", good, "--key", public, "--wasm"))
	if _, err := exec.LookPath("gpg"); err == nil {
		s.verdict("GnuPG agrees", "ok", s.verifyWithGnuPG(text, public))
	} else {
		s.Skipped = append(s.Skipped, "GnuPG's opinion of the file: gpg is not installed")
	}
	for _, c := range []struct {
		text, expected string
		file           []byte
	}{
		{"Windows line endings change nothing", "ok", bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))},
		{"500 slots instead of 5", "signature_invalid", bytes.Replace(text, []byte(":5,"), []byte(":500,"), 1)},
		{"a truncated file", "signature_format", text[:len(text)-9]},
		{"text after the signature", "file_lines", append(text[:len(text):len(text)], "rendering\n"...)},
	} {
		changed := s.path("changed.txt")
		if err := os.WriteFile(changed, c.file, 0o600); err != nil {
			s.verdict(c.text, c.expected, err.Error())
			continue
		}
		s.verdict(c.text, c.expected, s.runCommand("verify", changed, "--key", public, "--wasm"))
	}
	s.runCommand("keygen", "--name", "Somebody else", "--out", s.path("other"))
	s.verdict("another product's keyring", "key_unknown", s.runCommand("verify", good, "--key", s.findFile("other/*.pub.asc")))
}

// runCommand runs onelicense and returns "ok", or the code with which standard error begins.
func (s *runner) runCommand(args ...string) string {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(s.ctx, s.Binary, args...)
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err == nil {
		return "ok"
	}
	if code, _, found := strings.Cut(stderr.String(), ":"); found && cmd.ProcessState.ExitCode() == 1 {
		return code
	}
	return "exit " + strconv.Itoa(cmd.ProcessState.ExitCode()) + " " + stderr.String()
}

// verifyWithGnuPG verifies a file with GnuPG, as the specification of license files describes.
func (s *runner) verifyWithGnuPG(file []byte, public string) string {
	lines := strings.SplitAfter(string(file), "\n")
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[3]))
	if err != nil {
		return err.Error()
	}
	home := s.path("gnupg")
	for _, make := range []func() error{
		func() error { return os.Mkdir(home, 0o700) },
		func() error { return os.WriteFile(s.path("text"), []byte(strings.Join(lines[:3], "")), 0o600) },
		func() error { return os.WriteFile(s.path("text.sig"), signature, 0o600) },
		func() error {
			return exec.CommandContext(s.ctx, "gpg", "--homedir", home, "--batch", "--quiet", "--import", public).Run()
		},
		func() error {
			return exec.CommandContext(s.ctx, "gpg", "--homedir", home, "--batch", "--verify", s.path("text.sig"), s.path("text")).Run()
		},
	} {
		if err := make(); err != nil {
			return err.Error()
		}
	}
	return "ok"
}

func (s *runner) findFile(pattern string) string {
	found, _ := filepath.Glob(s.path(pattern))
	if len(found) == 0 {
		return pattern
	}
	return found[0]
}
