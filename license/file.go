package license

import (
	"bytes"
	"time"
)

// MaxFile is the size in bytes above which a file is refused unread.
const MaxFile = 65536

// Open verifies a license file and reads it; it is the only way to get a *License. The order of the checks is part of the defence
// (spec/license-file.md): size, bytes, lines, encoding of the signature, the signature over exactly these bytes, and only then the
// meaning of the lines. Every error is an *Error.
func Open(file []byte, keys Keyring, now time.Time) (*License, error) {
	text, line, err := splitFile(file)
	if err != nil {
		return nil, err
	}
	packet, err := DecodeSignature(line)
	if err != nil {
		return nil, err
	}
	signature, err := keys.Verify(UseFile, text, packet, now)
	if err != nil {
		return nil, err
	}
	claims, err := ParseClaims(text)
	if err != nil {
		return nil, err
	}
	// ParseClaims is strict enough that this cannot differ. It is checked all the same because everything depends on it: a text that means
	// something must be the only way to write that.
	again, err := claims.Text()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, text) {
		return nil, Refuse(CodeFileLines, "written again, the text differs")
	}
	return &License{Claims: claims, Signature: signature, Root: keys.Root()}, nil
}

// splitFile returns the signed text with LF line ends, and the signature line without its own. Mail and editors turn LF into CRLF and
// drop the last line end; both are accepted, and nothing else is: all line ends are of one kind.
func splitFile(file []byte) (text []byte, signature string, err error) {
	if len(file) > MaxFile {
		return nil, "", Refuse(CodeFileTooLarge, "%d bytes, at most %d", len(file), MaxFile)
	}
	for i, c := range file {
		if (c < 0x21 || c > 0x7e) && c != '\n' && c != '\r' {
			return nil, "", Refuse(CodeFileByte, "byte 0x%02x at offset %d", c, i)
		}
	}
	lf, crlf, cr := bytes.Count(file, []byte("\n")), bytes.Count(file, []byte("\r\n")), bytes.Count(file, []byte("\r"))
	switch {
	case cr != crlf:
		return nil, "", Refuse(CodeFileLines, "a CR without LF")
	case crlf != 0 && crlf != lf:
		return nil, "", Refuse(CodeFileLines, "%d line ends are CRLF and %d are LF", crlf, lf-crlf)
	}
	if crlf > 0 {
		file = bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))
	}
	body := bytes.TrimSuffix(file, []byte("\n"))
	if len(file) == 0 {
		return nil, "", Refuse(CodeFileLines, "the file is empty")
	}
	if n := bytes.Count(body, []byte("\n")) + 1; n != 4 {
		return nil, "", Refuse(CodeFileLines, "%d lines, not 4", n)
	}
	end := bytes.LastIndexByte(body, '\n') + 1
	return body[:end:end], string(body[end:]), nil
}
