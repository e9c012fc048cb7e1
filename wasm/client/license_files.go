package client

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// loadFiles takes the contents of the license directory. A file that is refused is listed in the status with its reason; the others are
// used. Of two files for one license the one with the later signature counts.
func (c *Client) loadFiles(e abi.Event) {
	c.fileVerdicts = nil
	loaded := 0
	for _, f := range e.Files { // statements first, whatever their names: they decide on the license files
		if isStatement(f.Data) {
			v := abi.Describe(license.CodeOK, "")
			if err := c.acceptStatement(f.Data, c.keys); err != nil {
				v = abi.DescribeError(err)
			}
			v.File = f.Name
			c.fileVerdicts = append(c.fileVerdicts, v)
		}
	}
	for _, f := range e.Files {
		if isStatement(f.Data) {
			continue
		}
		v := c.loadFile(f)
		v.File = f.Name
		if v.OK {
			loaded++
		}
		c.fileVerdicts = append(c.fileVerdicts, v)
	}
	c.answerCall(e.Call, abi.Describe(license.CodeOK, fmt.Sprintf("%d of %d license files loaded", loaded, len(c.fileVerdicts))))
}

// loadFile verifies one license file and returns its verdict.
func (c *Client) loadFile(f abi.File) abi.Verdict {
	switch {
	case f.Error != "":
		return abi.Describe(license.CodeFileUnreadable, f.Error)
	case c.keys == nil:
		return abi.Describe(license.CodeKeyringInvalid, "no keyring is known yet")
	}
	l, err := lease.OpenFile(f.Data, c.keys, c.statement, c.clock.now().Std())
	if err != nil {
		return abi.DescribeError(err)
	}
	ch := c.chainOf(l.ID)
	if ch.file == nil || ch.file.Signature.Created.Before(l.Signature.Created) {
		ch.file = l
	}
	v := abi.Describe(license.CodeOK, "")
	v.License = l.ID
	return v
}
