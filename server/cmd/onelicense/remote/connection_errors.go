package remote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
)

// connectionErrors says of a server that is not reached which one that is, and what to look at.
type connectionErrors struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (r connectionErrors) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil || request.Context().Err() != nil {
		return response, err
	}
	do := "check the address (http or https, the port), the network, and that the server runs; onelicense doctor, on its machine, says what is wrong there"
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		do = "check the address; where the certificate is of an authority of one's own, SSL_CERT_FILE names the file with that authority's certificate"
	}
	return nil, HintedError{fmt.Errorf("%s://%s: %w", request.URL.Scheme, request.URL.Host, err), do}
}
