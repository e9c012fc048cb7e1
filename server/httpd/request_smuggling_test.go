package httpd

import (
	"strings"
	"testing"
)

func FuzzAmbiguity(f *testing.F) {
	f.Add([]byte("Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("Host: x\n y\n"))
	f.Fuzz(func(t *testing.T, headers []byte) {
		if ambiguity(headers) != "" {
			return
		}
		// What is let through has at most one length, in whatever way one reads it.
		head, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(string(headers)), "\r\n", "\n"), "\n\n")
		if strings.HasPrefix(head, "\n") {
			return
		}
		n := strings.Count("\n"+head, "\ncontent-length:") + strings.Count("\n"+head, "\ntransfer-encoding:")
		if n > 1 {
			t.Errorf("%q has %d lengths", headers, n)
		}
	})
}
