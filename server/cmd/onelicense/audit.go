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
	"github.com/onelicense/onelicense/server/cmd/onelicense/remote"
)

func auditCommand(w environment) *cobra.Command {
	cmd := remote.NewParent("audit", "Read and verify the audit log")
	cmd.AddCommand(auditVerifyCommand(w))
	return cmd
}

func auditVerifyCommand(w environment) *cobra.Command {
	server := remote.NewSettings(w.remote())
	var heads []string
	var chain string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Tell whether an audit log is one unbroken chain, from its export or from a server",
		Long: `Tell whether an audit log is one unbroken chain of lines (spec/audit.md): none changed, removed, moved or put in.

FILE is what onelicense audit export wrote, - is standard input; several follow each other. Without one the server is asked, for all lines.

A chain that was cut off at its end, or written anew as a whole, is unbroken in itself. Hold it to what was noted elsewhere: --head is the
chain, number and hash of a line, as the server's log has them, or a file with what onelicense audit head --json printed. It can be given
several times.

Exit code 0: the chain is unbroken, and its last line is printed, to be noted. 1: it is broken, and where. 2: the call is wrong.`,
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
	cmd.Flags().StringArrayVar(&heads, "head", nil, "CHAIN:NUMBER:HASH of a line that was noted, or a file with it")
	cmd.Flags().StringVar(&chain, "chain", "organisation", "organisation or server: which chain of the server that is asked")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the last line's head as JSON")
	return cmd
}

func runAuditVerify(cmd *cobra.Command, server *remote.Settings, files []string, chain string, known []audit.ChainHead) (last audit.ChainHead, err error) {
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
		client, done, err := server.Client(cmd)
		if err != nil {
			return last, err
		}
		defer func() { err = errors.Join(err, done()) }()
		export := &exportReader{cmd: cmd, client: client, chain: apiclient.AuditExportParamsChain(chain)}
		if !export.chain.Valid() {
			return last, usageError{fmt.Errorf("--chain %q is neither organisation nor server", chain)}
		}
		lines = export
	}
	last, err = audit.Verify(lines, known...)
	for _, head := range known {
		if err == nil && head.Chain != last.Chain {
			return last, usageError{fmt.Errorf("the chain is %q, and the head that was given is of %q", last.Chain, head.Chain)}
		}
	}
	var broken *audit.ChainError
	if errors.As(err, &broken) {
		return last, fmt.Errorf("the chain is broken: %w\nwhat to do: keep the export and the database as they are; compare with backups, and with the hashes in the server's log (msg=audit)", err)
	}
	return last, err
}

// exportReader reads a server's lines, page by page.
type exportReader struct {
	cmd    *cobra.Command
	client *apiclient.Client
	chain  apiclient.AuditExportParamsChain
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
		answer, err := e.client.AuditExport(e.cmd.Context(), &apiclient.AuditExportParams{Chain: &e.chain, After: &e.after})
		if err != nil {
			return 0, err
		}
		e.buffer, err = io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return 0, err
		}
		e.after += int64(strings.Count(string(e.buffer), "\n"))
		e.done = len(e.buffer) == 0
	}
	n := copy(to, e.buffer)
	e.buffer = e.buffer[n:]
	return n, nil
}

// readHead reads CHAIN:NUMBER:HASH, or a file with a head.
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
		return head, errors.New("is not the chain, number and hash of a line")
	}
	return head, nil
}
