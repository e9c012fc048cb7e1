package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
)

// maxReadBytes is one byte more than a license file may have, so that the module reports a larger file as too large.
const maxReadBytes = 64<<10 + 1

// FileVerdict is the result for one license file, in the form that the pages' own verifier returns.
type FileVerdict struct {
	Name    string  `json:"name"`
	Size    int64   `json:"size,omitempty"`
	Verdict Verdict `json:"verdict"`
}

// Verdict holds either a genuine license or the refusal.
type Verdict struct {
	Genuine bool                `json:"genuine"`
	License *onelicense.License `json:"license,omitempty"`
	Answer  *onelicense.Verdict `json:"answer,omitempty"`
}

// verifyFile verifies a file with the shipped module and no other code: with a keyring, or without one with the keys of the server's
// products. Every file gets a verdict, also one that cannot be read.
func (a *App) verifyFile(ctx context.Context, file chosenFile, keyring string) FileVerdict {
	j := FileVerdict{Name: file.name}
	data, size, err := readLicense(file.path)
	if j.Size = size; err != nil {
		j.Verdict = refusedVerdict(newVerdict(license.CodeFileUnreadable, err))
		return j
	}
	if keyring != "" {
		j.Verdict = verifyWithKeyring(ctx, data, keyring)
		return j
	}
	j.Verdict = a.verifyByProducts(ctx, data)
	return j
}

// verifyByProducts looks for the product that signed a file. The first product that has the key decides.
func (a *App) verifyByProducts(ctx context.Context, data []byte) Verdict {
	nobody := newVerdict(license.CodeKeyUnknown, errors.New("no product on the server has the signing key"))
	found := refusedVerdict(nobody)
	err := a.eachKeyring(ctx, func(keyring string) bool {
		v := verifyWithKeyring(ctx, data, keyring)
		if !v.Genuine && v.Answer.Code == license.CodeKeyUnknown {
			return true
		}
		found = v
		return false
	})
	if err != nil {
		return refusedVerdict(newVerdict(license.CodeKeyUnknown, fmt.Errorf("the products' keys could not be read from the server: %w", err)))
	}
	return found
}

// eachKeyring calls more with the keyring of one product after the other, until it returns false.
func (a *App) eachKeyring(ctx context.Context, more func(keyring string) bool) error {
	b, err := a.backend(ctx)
	if err != nil {
		return err
	}
	for cursor := ""; ; {
		text, err := b.call(ctx, http.MethodGet, "/products?cursor="+url.QueryEscape(cursor), nil)
		if err != nil {
			return err
		}
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return err
		}
		for _, product := range page.Items {
			keys, err := b.call(ctx, http.MethodGet, "/products/"+url.PathEscape(product.ID)+"/public-keys", nil)
			if err != nil {
				return err
			}
			if !more(string(keys)) {
				return nil
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func verifyWithKeyring(ctx context.Context, data []byte, keyring string) Verdict {
	l, err := onelicense.Verify(ctx, data, []byte(keyring))
	if err == nil {
		return Verdict{Genuine: true, License: l}
	}
	if refusal, ok := errors.AsType[*onelicense.Error](err); ok {
		return refusedVerdict(refusal.Verdict)
	}
	return refusedVerdict(newVerdict(license.CodeInternal, err))
}

func refusedVerdict(v onelicense.Verdict) Verdict { return Verdict{Answer: &v} }

// newVerdict returns a refusal that does not come from the module.
func newVerdict(code license.Code, reason error) onelicense.Verdict {
	row := code.Verdict()
	return onelicense.Verdict{
		Code: code, Class: row.Class, AllowContinue: row.AllowContinue, Message: row.Message, Do: row.Do, Detail: reason.Error(),
	}
}

// readLicense reads as much of a file as a license can have, and returns its size. Only regular files are opened: reading a pipe might
// never end.
func readLicense(path string) ([]byte, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	switch {
	case info.IsDir():
		return nil, 0, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, 0, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, info.Size(), withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxReadBytes))
	if err != nil {
		return nil, info.Size(), withoutPath(err)
	}
	return data, info.Size(), nil
}

// withoutPath removes the path from a file system error: the verdict names the file already.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
