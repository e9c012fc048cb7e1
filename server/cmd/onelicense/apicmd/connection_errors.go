package apicmd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
)

// connectionErrors adds the server's address and a hint to the error of a server that cannot be reached.
type connectionErrors struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r connectionErrors) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil || request.Context().Err() != nil {
		return response, err
	}
	do := "check the address (http or https, the port), the network, and that the server runs; onelicense doctor, on its machine, shows " +
		"what is wrong there"
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		do = "check the address; for a certificate of your own authority, set SSL_CERT_FILE to the file with the authority's certificate"
	}
	return nil, HintedError{fmt.Errorf("%s://%s: %w", request.URL.Scheme, request.URL.Host, err), do}
}
