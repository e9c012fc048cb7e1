package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodRow = `{"code":"a_b","class":"final","allow_continue":false,"offline_tolerable":false,` +
	`"message":"M.","when":"w","evidence":"e","changed":"c","do":"d"}`

func TestParseRefusesInvalidTables(t *testing.T) {
	if _, err := parse([]byte("[" + goodRow + "]")); err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"repeated":       "[" + goodRow + "," + goodRow + "]",
		"camel_case":     "[" + strings.Replace(goodRow, "a_b", "aB", 1) + "]",
		"unknown_class":  "[" + strings.Replace(goodRow, "final", "fatal", 1) + "]",
		"empty_message":  "[" + strings.Replace(goodRow, "M.", "", 1) + "]",
		"two_lines":      "[" + strings.Replace(goodRow, "M.", `M.\nN.`, 1) + "]",
		"unknown_member": "[" + strings.Replace(goodRow, `"when"`, `"why"`, 1) + "]",
		"final_goes_on":  "[" + strings.Replace(goodRow, "false", "true", 1) + "]",
		"final_offline":  "[" + strings.Replace(goodRow, `"offline_tolerable":false`, `"offline_tolerable":true`, 1) + "]",
		"more":           "[" + goodRow + "][]",
		"no_json":        "codes",
	} {
		if _, err := parse([]byte(table)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// The committed files are those that the table generates.
//
// proves B04
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	rows, err := read(filepath.Join(root, "spec", "verdicts.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range outputs {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(out.path)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, out.write(rows)) {
			t.Errorf("%s: run go run ./internal/gen/verdicts", out.path)
		}
	}
}
