package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

func verifyCommand(w world) *cobra.Command {
	var key string
	var asJSON, byModule bool
	cmd := &cobra.Command{
		Use:   "verify FILE --key FILE",
		Short: "Check a license file and show what it grants",
		Long: `Check a license file and show what it grants. FILE - is standard input.

With --wasm the shipped WebAssembly module is asked, as a licensed program would ask it; the verdict must be the same.

Exit code 0: the file is genuine. 1: it is refused, and the reason is on standard error. 2: the call is wrong.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			certificate, err := readKey(cmd, key)
			if err != nil {
				return err
			}
			judge := open
			if byModule {
				judge = openByModule
			}
			l, err := judge(cmd, args[0], certificate, w.now())
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), args[0], l, err); err != nil {
					return err
				}
			} else if err == nil {
				printLicense(cmd.OutOrStdout(), l)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "file with the product's certificate")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the verdict as JSON on standard output")
	cmd.Flags().BoolVar(&byModule, "wasm", false, "ask the shipped WebAssembly module")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

func open(cmd *cobra.Command, path string, certificate []byte, now time.Time) (*license.License, error) {
	keys, err := pgp.Parse(certificate)
	if err != nil {
		return nil, err
	}
	file, err := readFile(cmd, path, license.MaxFile)
	if err != nil {
		return nil, err
	}
	return license.Open(file, keys, now)
}

// openByModule is open through the module that programs embed.
func openByModule(cmd *cobra.Command, path string, certificate []byte, now time.Time) (*license.License, error) {
	if len(certificate) > 0 && certificate[0] >= 0x80 { // hosts pass keyrings on as text
		keys, err := pgp.Parse(certificate)
		if err != nil {
			return nil, err
		}
		if certificate, err = keys.Armored(); err != nil {
			return nil, err
		}
	}
	file, err := readFile(cmd, path, license.MaxFile)
	if err != nil {
		return nil, err
	}
	found, err := onelicense.VerifyAt(cmd.Context(), file, certificate, now)
	if refusal, ok := errors.AsType[*onelicense.Error](err); ok {
		return nil, &license.Error{Code: refusal.Code, Detail: refusal.Detail}
	}
	if err != nil {
		return nil, err
	}
	l := &license.License{
		Claims:    license.Claims{ID: found.ID, Contexts: found.Contexts},
		Signature: license.Signature{Key: found.Key, Created: found.Signed.Std().UTC()},
		Root:      found.Root,
	}
	for _, e := range found.Entitlements {
		l.Entitlements = append(l.Entitlements, license.Entitlement(e))
	}
	return l, nil
}

func printLicense(out io.Writer, l *license.License) {
	fmt.Fprintf(out, "genuine\nlicense       %s\ncontexts      %s\n", l.ID, strings.Join(l.Contexts, ", "))
	for i, e := range l.Entitlements {
		title := "entitlements"
		if i > 0 {
			title = ""
		}
		slots := "any number of installations"
		if e.Slots > 0 {
			slots = fmt.Sprintf("%d at once", e.Slots)
		}
		fmt.Fprintf(out, "%-13s %s (%s)\n", title, e.Name, slots)
	}
	fmt.Fprintf(out, "signed        %s\nby key        %s\nproduct root  %s\n", l.Signature.Created.Format(time.RFC3339), l.Signature.Key, l.Root)
}

// report is what verify --json prints: the verdict and, for a genuine file, what it says.
type report struct {
	File          string        `json:"file"`
	Code          license.Code  `json:"code"`
	Class         license.Class `json:"class"`
	AllowContinue bool          `json:"allow_continue"`
	Message       string        `json:"message"`
	Detail        string        `json:"detail,omitempty"`
	Do            string        `json:"do"`
	License       *content      `json:"license,omitempty"`
}

type content struct {
	ID           license.ID    `json:"id"`
	Contexts     []string      `json:"contexts"`
	Entitlements []entitlement `json:"entitlements"`
	Key          string        `json:"key"`
	Created      time.Time     `json:"created"`
	Root         string        `json:"root"`
}

type entitlement struct {
	Name  string `json:"name"`
	Slots int    `json:"slots,omitempty"`
}

func printJSON(out io.Writer, path string, l *license.License, refused error) error {
	r := report{File: path, Code: license.CodeOK}
	if refused != nil {
		r.Code, r.Detail = license.CodeInternal, refused.Error()
		var refusal *license.Error
		if errors.As(refused, &refusal) {
			r.Code, r.Detail = refusal.Code, refusal.Detail
		}
	} else {
		r.License = &content{ID: l.ID, Contexts: l.Contexts, Key: l.Signature.Key, Created: l.Signature.Created, Root: l.Root}
		for _, e := range l.Entitlements {
			r.License.Entitlements = append(r.License.Entitlements, entitlement(e))
		}
	}
	v := r.Code.Verdict()
	r.Class, r.AllowContinue, r.Message, r.Do = v.Class, v.AllowContinue, v.Message, v.Do
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
