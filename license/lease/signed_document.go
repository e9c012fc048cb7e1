package lease

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/onelicense/onelicense/license"
)

// encode returns a document as one line of JSON, always the same for the same value.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // documents hold only strings, numbers and lists, so this is a bug of ours
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads a document of the given type. The bytes must be those that encode writes for the value read.
func decode(document []byte, kind string, v any) error {
	if !bytes.HasPrefix(document, []byte(`{"type":"`+kind+`",`)) {
		return license.Refuse(license.CodeProtocolUnsupported, "the document is not of type %s", kind)
	}
	if err := json.Unmarshal(document, v); err != nil {
		return err
	}
	if !bytes.Equal(encode(v), document) {
		return license.Refuse(license.CodeLeaseMalformed, "writing the document again gives other bytes")
	}
	return nil
}

// joinSignature returns a document and its signature as two lines.
func joinSignature(document, signature []byte) []byte {
	return append(append(document[:len(document):len(document)], '\n'), license.EncodeSignature(signature)+"\n"...)
}

// splitSignature separates the two lines of a signed document.
func splitSignature(t []byte) (document, signature []byte, err error) {
	document, line, _ := bytes.Cut(t, []byte("\n"))
	line, rest, ended := bytes.Cut(line, []byte("\n"))
	if !ended || len(rest) != 0 {
		return nil, nil, license.Refuse(license.CodeLeaseMalformed, "a signed document has two lines, each ended by a line feed")
	}
	signature, err = license.DecodeSignature(string(line))
	return document, signature, err
}

// documentType returns the type of a document; it trusts nothing else in it.
func documentType(document []byte) string {
	const head = `{"type":"`
	if !bytes.HasPrefix(document, []byte(head)) {
		return ""
	}
	kind, _, ok := strings.Cut(string(document[len(head):min(len(document), len(head)+64)]), `"`)
	if !ok {
		return ""
	}
	return kind
}
