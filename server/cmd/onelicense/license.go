package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
)

func licenseCommand(w environment) *cobra.Command {
	cmd := apicmd.NewParent("license", "Check license files and explain verdict codes")
	cmd.AddCommand(licenseCheckCommand(w), explainCommand())
	return cmd
}

func licenseCheckCommand(w environment) *cobra.Command {
	var key, root, list string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE|DIRECTORY... --key FILE",
		Short: "Check whether license files are genuine, and show what they grant or what to do",
		Long: `Check whether license files are genuine, and show what each grants, or what to do if it is refused. The files are verified by
the shipped WebAssembly module, as in a licensed program. In a directory the files *.txt and *.list are read, as a program reads
them; a list of revoked licenses applies to the licenses beside it.

With --root the certificate itself must have this fingerprint, which is the part of a server_url after the #.

Exit code 0: every file is genuine. 1: one is refused, or there is none. 2: usage error.`,
		Example: "  onelicense license check /opt/cad/licenses --key /opt/cad/Acme-CAD.pub.asc --root 04FB85B5137184B55A65A2EDF5ACC4D8AD86E468",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			certificate, err := readKey(cmd, key)
			if err != nil {
				return err
			}
			c := licenseCheck{cmd: cmd, verifyInput: verifyInput{certificate: certificate, now: w.now()}}
			if err := c.checkPin(root); err != nil {
				return err
			}
			if list != "" {
				text, err := readFile(cmd, list, maxListSize)
				if err != nil {
					return usageError{err}
				}
				c.lists = append(c.lists, text)
			}
			for _, path := range args {
				if err := c.checkPath(path); err != nil {
					return err
				}
			}
			return c.printReports(asJSON)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "file with the product's certificate (public keys)")
	cmd.Flags().StringVar(&root, "root", "", "fingerprint of the root key that the certificate must have")
	cmd.Flags().StringVar(&list, "list", "", "file with the product's list of revoked licenses")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the verdicts as JSON on standard output")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

// licenseCheck holds the options and the results of checking a set of files.
type licenseCheck struct {
	cmd *cobra.Command
	verifyInput
	lists   [][]byte
	reports []report
}

// checkPin compares the certificate with a fingerprint, or with a server_url that ends with one.
func (c *licenseCheck) checkPin(root string) error {
	if root == "" {
		return nil
	}
	if _, behind, ok := strings.Cut(root, "#"); ok {
		root = behind
	}
	certificate, err := toArmored(c.certificate)
	if err != nil {
		return err
	}
	found, err := onelicense.Root(c.cmd.Context(), certificate)
	if err != nil {
		return toRefusal(err)
	}
	if !strings.EqualFold(found, strings.ReplaceAll(root, " ", "")) {
		return license.Refuse(license.CodeWrongRoot, "the certificate's root key is %s, not %s", found, root)
	}
	return nil
}

// checkPath checks a file or the files in a directory.
func (c *licenseCheck) checkPath(path string) error {
	info, err := os.Stat(path)
	if path == "-" || err != nil || !info.IsDir() {
		text, err := readFile(c.cmd, path, maxListSize)
		c.checkFile(path, text, c.lists, err)
		return nil
	}
	files, err := onelicense.DirectoryLoader(path).Load()
	if err != nil {
		return err
	}
	// The lists first, because they apply to every license here. A list that is not genuine is ignored, as in a program.
	lists := c.lists
	var licenses []onelicense.File
	for _, f := range files {
		switch {
		case f.Error == "" && isRevocationList(f.Data):
			if c.checkList(f.Name, f.Data) {
				lists = append(lists[:len(lists):len(lists)], f.Data)
			}
		default:
			licenses = append(licenses, f)
		}
	}
	for _, f := range licenses {
		var unreadable error
		if f.Error != "" {
			unreadable = license.Refuse(license.CodeFileUnreadable, "%s", f.Error)
		}
		c.checkFile(f.Name, f.Data, lists, unreadable)
	}
	return nil
}

func isRevocationList(text []byte) bool { return bytes.HasPrefix(text, []byte("{")) }

// checkFile adds the verdict on one license file, which must be genuine by every list.
func (c *licenseCheck) checkFile(name string, text []byte, lists [][]byte, unreadable error) {
	var f verifyResult
	err := unreadable
	for i := 0; err == nil && i < max(1, len(lists)); i++ {
		q := c.verifyInput
		q.file = text
		if i < len(lists) {
			q.list, q.hasList = lists[i], true
		}
		f, err = verifyWithModule(c.cmd, &q)
	}
	c.reports = append(c.reports, reportOf(name, f, err))
}

// checkList reports whether a list is genuine. The module checks a list only together with a license file: a text that is no license file
// gets the same code with a genuine list as without one.
func (c *licenseCheck) checkList(name string, text []byte) bool {
	q := c.verifyInput
	q.file = []byte("no license\n")
	_, alone := verifyWithModule(c.cmd, &q)
	q.list, q.hasList = text, true
	_, err := verifyWithModule(c.cmd, &q)
	if codeOf(err) == codeOf(alone) {
		return true
	}
	c.reports = append(c.reports, reportOf(name, verifyResult{}, err))
	return false
}

func codeOf(err error) license.Code {
	var refusal *license.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return license.CodeInternal
}

// printReports prints the verdicts, and returns the error of the command.
func (c *licenseCheck) printReports(asJSON bool) error {
	refused := 0
	for _, r := range c.reports {
		if r.Code != license.CodeOK {
			refused++
		}
	}
	out := c.cmd.OutOrStdout()
	if asJSON {
		if c.reports == nil {
			c.reports = []report{}
		}
		if err := printAny(out, c.reports); err != nil {
			return err
		}
	} else {
		for _, r := range c.reports {
			r.print(out)
		}
	}
	switch {
	case len(c.reports) == 0:
		return errors.New("no license file found; a directory needs files named *.txt")
	case refused > 0:
		return fmt.Errorf("%d of %d files were refused", refused, len(c.reports))
	}
	return nil
}

// print writes a verdict for people.
func (r report) print(out io.Writer) {
	if r.Code != license.CodeOK {
		fmt.Fprintf(out, "%s: %s\n  %s", r.File, r.Code, r.Message)
		if r.Detail != "" {
			fmt.Fprintf(out, " (%s)", r.Detail)
		}
		fmt.Fprintf(out, "\n  what to do: %s\n", r.Do)
		return
	}
	fmt.Fprintf(out, "%s: genuine\n", r.File)
	var text bytes.Buffer // the output of verify, without its first word
	r.verifyResult.print(&text)
	for line := range strings.Lines(strings.TrimPrefix(text.String(), "genuine\n")) {
		fmt.Fprintf(out, "  %s", line)
	}
}
