package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/spf13/cobra"
)

func verifyCommand(w environment) *cobra.Command {
	var key, list string
	var asJSON, byModule bool
	cmd := &cobra.Command{
		Use:   "verify FILE --key FILE",
		Short: "Verify a license file or a receipt, and show its content",
		Long: `Verify a license file and show what it grants. FILE - is standard input.

With --list the product's list of revoked licenses is applied as well.

A file that begins with {"type":"` + lease.TypeLease + `" is a receipt: the lease with which the server confirmed calls, as in a program's
status. It proves which installation of which license had counted how many calls, and when, even after the lease has expired.

With --wasm the shipped WebAssembly module verifies the file, as in a licensed program; the verdict must be the same.

Exit code 0: the file is genuine. 1: it is refused; the reason is on standard error. 2: usage error.`,
		Example: `  onelicense verify license.txt --key keys/Vendor.pub.asc --list revoked.list
  onelicense verify receipt.txt --key keys/Vendor.pub.asc --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := readVerifyInput(cmd, args[0], key, list)
			if err != nil {
				return err
			}
			q.now = w.now()
			judge := verifyNatively
			if byModule {
				judge = verifyWithModule
			}
			f, err := q.verifyFile(cmd, args[0], judge)
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), args[0], f, err); err != nil {
					return err
				}
			} else if err == nil {
				f.print(cmd.OutOrStdout())
			}
			return err
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "file with the product's certificate (public keys)")
	cmd.Flags().StringVar(&list, "list", "", "file with the product's list of revoked licenses")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the verdict as JSON on standard output")
	cmd.Flags().BoolVar(&byModule, "wasm", false, "verify with the shipped WebAssembly module")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

// verifyInput are the files to verify, and the time.
type verifyInput struct {
	file, certificate, list []byte
	hasList                 bool // --list was given
	now                     time.Time
}

// verifyResult is the content of a genuine file; one of the two is set.
type verifyResult struct {
	License *licenseContent `json:"license,omitempty"`
	Receipt *receipt        `json:"receipt,omitempty"`
}

type verifier func(*cobra.Command, *verifyInput) (verifyResult, error)

// readVerifyInput reads the files beside the license file. A mistake there is a usage error, not a verdict on the file.
func readVerifyInput(cmd *cobra.Command, path, key, list string) (*verifyInput, error) {
	q := &verifyInput{hasList: cmd.Flags().Changed("list")}
	var err error
	if q.certificate, err = readKey(cmd, key); err != nil {
		return nil, err
	}
	if q.hasList {
		if path == "-" && list == "-" {
			return nil, usageError{errors.New("standard input cannot be the file and the list")}
		}
		if q.list, err = readFile(cmd, list, maxListSize); err != nil {
			return nil, usageError{err}
		}
	}
	return q, nil
}

// maxListSize has room for the largest list with its signature.
const maxListSize = lease.MaxStatement + 4096

// verifyFile reads the file and verifies it.
func (q *verifyInput) verifyFile(cmd *cobra.Command, path string, by verifier) (f verifyResult, err error) {
	if q.file, err = readFile(cmd, path, license.MaxFile); err != nil {
		return f, err
	}
	if q.hasList && q.isReceipt() {
		return f, usageError{errors.New("--list applies to license files only; a receipt is verified at its own time")}
	}
	return by(cmd, q)
}

// isReceipt reports whether the file claims to be a lease.
func (q *verifyInput) isReceipt() bool {
	return bytes.HasPrefix(q.file, []byte(`{"type":"`+lease.TypeLease+`"`))
}

// licenseContent is the content of a genuine license file.
type licenseContent struct {
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

// receipt is the content of a genuine lease.
type receipt struct {
	Product    license.ID     `json:"product"`
	License    license.ID     `json:"license"`
	Activation lease.Hash     `json:"activation"`
	Generation int64          `json:"generation"`
	Number     int64          `json:"number"`
	Request    lease.Hash     `json:"request"`
	Time       time.Time      `json:"time"`
	Counters   lease.Counters `json:"counters"`
	Key        string         `json:"key"`
	Root       string         `json:"root"`
}

func (f verifyResult) print(out io.Writer) {
	if f.Receipt != nil {
		f.Receipt.print(out)
	} else {
		f.License.print(out)
	}
}

func (l *licenseContent) print(out io.Writer) {
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
	fmt.Fprintf(out, "signed        %s\nby key        %s\nproduct root  %s\n", l.Created.Format(time.RFC3339), l.Key, l.Root)
}

func (r *receipt) print(out io.Writer) {
	c := r.Counters
	fmt.Fprintf(out, "genuine\nreceipt       of lease %d, generation %d\nproduct       %s\nlicense       %s\nactivation    %s\n",
		r.Number, r.Generation, r.Product, r.License, r.Activation)
	fmt.Fprintf(out, "calls         %d of this activation, %d of the license", c.Counted, c.Used)
	if c.Allowance > 0 {
		fmt.Fprintf(out, ", which allows %d", c.Allowance)
	}
	if c.Granted > 0 {
		fmt.Fprintf(out, "; prepaid up to %d of this activation", c.Granted)
	}
	fmt.Fprintln(out)
	fmt.Fprintf(out, "time          %s\nrequest       %s\nby key        %s\nproduct root  %s\n", r.Time.Format(time.RFC3339), r.Request,
		r.Key, r.Root)
}

// report is the output of verify --json: the verdict and, for a genuine file, its content.
type report struct {
	File          string        `json:"file"`
	Code          license.Code  `json:"code"`
	Class         license.Class `json:"class"`
	AllowContinue bool          `json:"allow_continue"`
	Message       string        `json:"message"`
	Detail        string        `json:"detail,omitempty"`
	Do            string        `json:"do"`
	verifyResult
}

func printJSON(out io.Writer, path string, f verifyResult, refused error) error {
	var wrong usageError
	if errors.As(refused, &wrong) {
		return nil // not a verdict on the file
	}
	return printAny(out, reportOf(path, f, refused))
}

func reportOf(path string, f verifyResult, refused error) report {
	r := report{File: path, Code: license.CodeOK, verifyResult: f}
	if refused != nil {
		r.Code, r.Detail = license.CodeInternal, refused.Error()
		var refusal *license.Error
		if errors.As(refused, &refusal) {
			r.Code, r.Detail = refusal.Code, refusal.Detail
		}
	}
	v := r.Code.Verdict()
	r.Class, r.AllowContinue, r.Message, r.Do = v.Class, v.AllowContinue, v.Message, v.Do
	return r
}

func printAny(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
