package lease

import (
	"bytes"
	"encoding/base64"

	"github.com/onelicense/onelicense/license"
)

// Attachments holds what is sent along with an answer: one more line each, a word and base64. None of it is trusted because of its
// origin: a keyring must have the pinned root, the others are signed.
type Attachments struct {
	Keyring    []byte // the product's certificate, if the client has another one
	List       []byte // the text of the product's newest statement, if the client's is older
	Delegation []byte // the text of the answering relay's delegation
}

// lines returns the words and values in the order of the lines.
func (b *Attachments) lines() []attachmentLine {
	return []attachmentLine{{"keyring ", &b.Keyring}, {"list ", &b.List}, {"delegation ", &b.Delegation}}
}

type attachmentLine struct {
	word  string
	value *[]byte
}

// Append returns the signed text of an answer with the attachments.
func (b Attachments) Append(answer []byte) []byte {
	answer = answer[:len(answer):len(answer)]
	for _, line := range b.lines() {
		if *line.value != nil {
			answer = append(answer, line.word+base64.StdEncoding.EncodeToString(*line.value)+"\n"...)
		}
	}
	return answer
}

// SplitAttachments separates an answer from its attachments.
func SplitAttachments(answer []byte) (signed []byte, b Attachments, err error) {
	parts := bytes.SplitAfterN(answer, []byte("\n"), 3)
	if len(parts) < 3 {
		return answer, b, nil
	}
	signed, rest := answer[:len(parts[0])+len(parts[1])], parts[2]
	for _, line := range b.lines() {
		value, ok := bytes.CutPrefix(rest, []byte(line.word))
		if !ok {
			continue
		}
		value, rest, _ = bytes.Cut(value, []byte("\n"))
		// which Go skips
		if *line.value, err = base64.StdEncoding.Strict().DecodeString(string(value)); err != nil || bytes.ContainsRune(value, '\r') {
			return nil, b, license.Refuse(license.CodeLeaseMalformed, "beside it, %s: %v", line.word, err)
		}
	}
	if len(rest) > 0 {
		return nil, b, license.Refuse(license.CodeLeaseMalformed, "%d bytes too many beside it", len(rest))
	}
	return signed, b, nil
}
