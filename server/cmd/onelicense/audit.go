package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/apiclient"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/cmd/onelicense/apicmd"
)

func auditCommand(w environment) *cobra.Command {
	cmd := apicmd.NewParent("audit", "Read and verify the audit log")
	cmd.AddCommand(auditVerifyCommand(w))
	return cmd
}

func auditVerifyCommand(w environment) *cobra.Command {
	server := apicmd.NewSettings(w.apiEnvironment())
	var heads []string
	var chain string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Verify that an audit log is one unbroken chain, from an export or from a server",
		Long: `Verify that an audit log is one unbroken chain of lines (spec/audit.md): none was changed, removed, moved or inserted.

FILE is an output of onelicense audit export, and - is standard input; several files are read in sequence. Without FILE all lines are read
from the server.

A chain that was truncated, or rewritten as a whole, is unbroken in itself. Compare it with a head that was stored elsewhere: --head is the
chain, number and hash of a line, as in the server's log, or a file with the output of onelicense audit head --json. It can be given several
times.

Exit code 0: the chain is unbroken; its head is printed, to be stored elsewhere. 1: the chain is broken; the first fault is printed.
2: usage error.`,
		Example: "  onelicense audit head --json >/elsewhere/head.json\n  onelicense audit verify --head /elsewhere/head.json\n" +
			"  onelicense audit export >audit.ndjson; onelicense audit verify audit.ndjson --head 5edb0e99c150913cb7640f00:4711:9db8fd5e…",
		RunE: func(cmd *cobra.Command, args []string) error {
			var known []audit.ChainHead
			for _, text := range heads {
				head, err := readHead(text)
				if err != nil {
					return usageError{fmt.Errorf("--head %s: %w", text, err)}
				}
				known = append(known, head)
			}
			last, err := runAuditVerify(cmd, server, args, chain, known)
			if err != nil {
				return err
			}
			if asJSON {
				return printAny(cmd.OutOrStdout(), last)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "unbroken\nchain      %s\nlast line  %d\nhash       %s\n", last.Chain, last.Number, last.Hash)
			return err
		},
	}
	server.Flags(cmd.Flags())
	cmd.Flags().
		StringArrayVar(&heads, "head", nil, "CHAIN:NUMBER:HASH of a line that was stored elsewhere, or a file with it; can be repeated")
	cmd.Flags().StringVar(&chain, "chain", "organisation", "chain to read from the server: organisation or server")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the head of the last line as JSON")
	return cmd
}

func runAuditVerify(cmd *cobra.Command, server *apicmd.Settings, files []string, chain string,
	known []audit.ChainHead) (last audit.ChainHead, err error) {
	var lines io.Reader
	if len(files) > 0 {
		var readers []io.Reader
		for _, path := range files {
			if path == "-" {
				readers = append(readers, cmd.InOrStdin())
				continue
			}
			f, err := os.Open(path)
			if err != nil {
				return last, usageError{err}
			}
			defer f.Close()
			readers = append(readers, f)
		}
		lines = io.MultiReader(readers...)
	} else {
		if chain != "organisation" && chain != "server" {
			return last, usageError{fmt.Errorf("--chain %q is not valid; use organisation or server", chain)}
		}
		client, done, err := server.Client(cmd)
		if err != nil {
			return last, err
		}
		defer func() { err = errors.Join(err, done()) }()
		lines = &exportReader{cmd: cmd, client: client, chain: chain}
	}
	last, err = audit.Verify(lines, known...)
	for _, head := range known {
		if err == nil && head.Chain != last.Chain {
			return last, usageError{fmt.Errorf("the chain is %q, but --head is of %q", last.Chain, head.Chain)}
		}
	}
	var broken *audit.ChainError
	if errors.As(err, &broken) {
		return last, fmt.Errorf(
			"the chain is broken: %w\nwhat to do: preserve the export and the database unchanged; compare them with backups, and with the hashes "+
				"in the server's log (msg=audit)",
			err,
		)
	}
	return last, err
}

// exportReader reads the lines of a server's audit log, page by page.
type exportReader struct {
	cmd    *cobra.Command
	client *apiclient.Client
	chain  string
	after  int64
	buffer []byte
	done   bool
}

// Read implements io.Reader.
func (e *exportReader) Read(to []byte) (int, error) {
	for len(e.buffer) == 0 {
		if e.done {
			return 0, io.EOF
		}
		body, err := apiclient.Call(e.cmd.Context(), e.client, apiclient.ExportAudit, apiclient.None{},
			apiclient.Query("chain", e.chain), apiclient.Query("after", e.after))
		if err != nil {
			return 0, err
		}
		e.buffer, err = io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil {
			return 0, err
		}
		e.after += int64(strings.Count(string(e.buffer), "\n"))
		e.done = len(e.buffer) == 0
	}
	n := copy(to, e.buffer)
	e.buffer = e.buffer[n:]
	return n, nil
}

// readHead parses CHAIN:NUMBER:HASH, or reads a file with a head.
func readHead(text string) (head audit.ChainHead, err error) {
	if parts := strings.Split(text, ":"); len(parts) == 3 {
		head.Chain, head.Hash = parts[0], lease.Hash(parts[2])
		if head.Number, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
			return head, err
		}
	} else {
		file, err := os.ReadFile(text)
		if err != nil {
			return head, err
		}
		if err := json.Unmarshal(file, &head); err != nil {
			return head, err
		}
	}
	if head.Chain == "" || head.Number < 0 || !head.Hash.Valid() {
		return head, errors.New("is not of the form CHAIN:NUMBER:HASH, and not a file with a head")
	}
	return head, nil
}
