package main

import (
	"io"
	"os"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

// readFile reads a file, or standard input for "-". It reads at most limit+1 bytes: enough for the caller to notice a longer file. Its
// errors have the code file_unreadable.
func readFile(cmd *cobra.Command, path string, limit int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, license.Refuse(license.CodeFileUnreadable, "%v", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, license.Refuse(license.CodeFileUnreadable, "%v", err)
	}
	return data, nil
}

// readKey reads a certificate or private key. An unreadable path is a usage error, not a verdict on a license.
func readKey(cmd *cobra.Command, path string) ([]byte, error) {
	data, err := readFile(cmd, path, 2*pgp.MaxCertificate)
	if err != nil {
		return nil, usageError{err}
	}
	return data, nil
}
