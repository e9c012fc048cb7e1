package ops

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/store/mongo"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// Level is the severity of a finding.
type Level string

// The levels.
const (
	Good    Level = "good"
	Warning Level = "warning" // works now, but needs attention
	Bad     Level = "bad"     // broken or unsafe
)

// Finding is the result of one check. Its code is stable.
type Finding struct {
	Code   string `json:"code"`
	Level  Level  `json:"level"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // what to do about it; empty when the level is good
}

// DiagnoseOptions names the server to check.
type DiagnoseOptions struct {
	Data, Mongo string           // as data.Options has them
	MasterKey   masterkey.Source // nil: the file in Data
	URL         string           // base URL of the running server; empty: it is not contacted
	HTTP        *http.Client     // nil: http.DefaultClient
	Now         func() time.Time
}

// Thresholds of the checks.
const (
	lowDiskSpace       = 1 << 30  // bytes
	minDiskSpace       = 64 << 20 // bytes
	clockSkewWarning   = 5 * time.Second
	clockSkewBad       = time.Minute
	certificateRenewal = 14 * 24 * time.Hour // before it expires
	overdueAfter       = 10 * time.Minute
	serverTimeout      = 10 * time.Second
)

// Diagnose checks a server's data and the server itself. It changes nothing, and the server may be running.
func Diagnose(ctx context.Context, o DiagnoseOptions) []Finding {
	d := &diagnosis{DiagnoseOptions: o}
	d.checkDirectory()
	keys := d.checkMasterKey(ctx)
	d.checkDatabase(ctx, keys)
	d.checkServer(ctx)
	return d.findings
}

type diagnosis struct {
	DiagnoseOptions
	findings []Finding
}

// add appends a finding; format and args make its detail.
func (d *diagnosis) add(code string, level Level, remedy, format string, args ...any) {
	d.findings = append(d.findings, Finding{code, level, fmt.Sprintf(format, args...), remedy})
}

// checkDirectory checks the data directory and the free space on its disk.
func (d *diagnosis) checkDirectory() {
	const code = "data_directory"
	info, err := os.Stat(d.Data)
	switch {
	case err != nil:
		d.add(code, Bad, "pass the directory that the server uses, or start the server, which creates it", "%v", err)
		return
	case !info.IsDir():
		d.add(code, Bad, "pass a directory", "%s is not a directory", d.Data)
		return
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		d.add(code, Warning, "chmod 700 "+d.Data, "%s is accessible to other users (mode %04o)", d.Data, info.Mode().Perm())
	default:
		d.add(code, Good, "", "%s", d.Data)
	}
	free, err := freeSpace(d.Data)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.add("disk_space", Warning, "check the disk", "%v", err)
	case free < minDiskSpace:
		d.add("disk_space", Bad, "free disk space now: the server cannot write", "%d MiB free", free>>20)
	case free < lowDiskSpace:
		d.add("disk_space", Warning, "free disk space", "%d MiB free", free>>20)
	default:
		d.add("disk_space", Good, "", "%d GiB free", free>>30)
	}
}

// checkMasterKey returns the issuer that the key opens, or nil.
func (d *diagnosis) checkMasterKey(ctx context.Context) *issuer.Issuer {
	const code = "master_key"
	var key []byte
	var err error
	if d.MasterKey != nil {
		key, err = d.MasterKey.Key(ctx)
	} else {
		key, err = data.ReadMasterKey(filepath.Join(d.Data, data.MasterKeyFile))
	}
	var keys *issuer.Issuer
	if err == nil {
		keys, err = issuer.New(key, nil)
	}
	if err != nil {
		d.add(code, Bad, "fix the error above; if the file is missing, restore master.key from your separate copy with mode 0600", "%v", err)
		return nil
	}
	d.add(code, Good, "", "present, and readable by its owner only")
	return keys
}

// readOnlyStore is the part of a store opened for reading that the checks need.
type readOnlyStore interface {
	SchemaVersion(context.Context) (version, known int, err error)
	EachProduct(context.Context, func(licensing.Product) error) error
	EachEntry(ctx context.Context, kind string, each func(licensing.Entry) error) error
	CurrentEpoch(context.Context) (licensing.Epoch, error)
	LastHeartbeat(context.Context) (lease.Time, error)
	CountOverdue(ctx context.Context, before lease.Time) (int, error)
	Close() error
}

// checkDatabase checks the database and what it contains.
func (d *diagnosis) checkDatabase(ctx context.Context, keys *issuer.Issuer) {
	const code = "database"
	store, detail := d.openDatabase(ctx)
	if store == nil {
		return
	}
	defer func() { _ = store.Close() }() // nothing was written
	version, known, err := store.SchemaVersion(ctx)
	switch {
	case err != nil:
		d.add(code, Bad, "check the database", "%v", err)
		return
	case version == 0:
		d.add(code, Bad, "check the address; start the server, which initialises the database, or restore a backup", "the database is empty")
		return
	}
	d.add(code, Good, "", "%s", detail)
	if !d.checkSchema(version, known) {
		return
	}
	d.checkProductKeys(ctx, store, keys)
	d.checkJobs(ctx, store)
	d.checkClock(ctx, store)
	d.checkAudit(ctx, store)
}

// openDatabase opens the database for reading and returns the detail of a good finding; nil when it cannot be opened.
func (d *diagnosis) openDatabase(ctx context.Context) (store readOnlyStore, detail string) {
	const code = "database"
	if d.Mongo != "" {
		s, err := mongo.OpenReadOnly(ctx, d.Mongo)
		if err != nil {
			d.add(code, Bad, "check that MongoDB runs and that the address is correct", "%v", err)
			return nil, ""
		}
		return s, "MongoDB answers"
	}
	s, err := sqlite.OpenReadOnly(d.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(code, Bad, "start the server, which creates it, or restore a backup", "no database in %s", d.Data)
		return nil, ""
	case err != nil:
		d.add(code, Bad, "check that it is a file this user can read", "%v", err)
		return nil, ""
	}
	if err := s.Check(ctx); err != nil {
		d.add(code, Bad, "stop the server, copy the directory, and restore the latest backup", "%v", errors.Join(err, s.Close()))
		return nil, ""
	}
	return s, "passed the integrity check"
}

// checkSchema reports whether this program can read the data.
func (d *diagnosis) checkSchema(version, known int) bool {
	const code = "schema"
	switch {
	case version > known:
		d.add(code, Bad, "use the program version that wrote it, or a newer one",
			"the data has schema version %d; this program supports versions up to %d", version, known)
	case version < known:
		d.add(code, Warning, "make a backup, then start this version of the server, which migrates the data",
			"the data has schema version %d, the current one is %d", version, known)
	default:
		d.add(code, Good, "", "version %d", version)
		return true
	}
	return false
}

// checkProductKeys tries the master key on each product.
func (d *diagnosis) checkProductKeys(ctx context.Context, store readOnlyStore, keys *issuer.Issuer) {
	const code = "product_keys"
	if keys == nil {
		return
	}
	products, opened := 0, 0
	err := store.EachProduct(ctx, func(p licensing.Product) error {
		products++
		if _, err := keys.Signer(p.ID, p.SealedKeys); err != nil {
			d.add(code, Bad, "use the master key that this data was created with", "%v", err)
		} else {
			opened++
		}
		return nil
	})
	if err != nil {
		d.add(code, Bad, "check the database", "%v", err)
		return
	}
	if opened == products {
		d.add(code, Good, "", "the master key opens the keys of all %d products", opened)
	}
}

// checkJobs checks that a server runs its background jobs: overdue records pile up when none does.
func (d *diagnosis) checkJobs(ctx context.Context, store readOnlyStore) {
	const code = "background_jobs"
	n, err := store.CountOverdue(ctx, lease.Time(d.Now().Add(-overdueAfter).UnixMilli()))
	switch {
	case err != nil:
		d.add(code, Bad, "check the database", "%v", err)
	case n > 0:
		d.add(code, Warning, "check that a server runs, and look for failed background jobs in its log", "overdue records: %d", n)
	default:
		d.add(code, Good, "", "no overdue records")
	}
}

// checkClock compares this machine's clock with the latest times in the data.
func (d *diagnosis) checkClock(ctx context.Context, store readOnlyStore) {
	const code, remedy = "clock", "synchronise the clock with NTP: leases and seats expire by it"
	touched, err := store.LastHeartbeat(ctx)
	var epoch licensing.Epoch
	if err == nil {
		epoch, err = store.CurrentEpoch(ctx)
	}
	now := d.Now()
	switch {
	case err != nil:
		d.add(code, Bad, "check the database", "%v", err)
	case touched.Std().Sub(now) > clockSkewWarning:
		d.add(code, Bad, remedy, "this machine's clock says %s, but a server wrote at %s",
			now.UTC().Format(time.RFC3339), touched.Std().UTC().Format(time.RFC3339))
	case epoch.Value > now.Add(clockSkewBad).Unix():
		d.add(code, Warning, remedy+"; if it is right now, it was wrong before", "this machine's clock says %s, but the epoch began at %s",
			now.UTC().Format(time.RFC3339), time.Unix(epoch.Value, 0).UTC().Format(time.RFC3339))
	default:
		d.add(code, Good, "", "not behind the data")
	}
	if epoch.Since > 0 {
		d.add("restored", Good, "",
			"epoch %d began with a restore at %s; each license grants new seats, calls and activations once its older leases have expired",
			epoch.Value, epoch.Since.Std().UTC().Format(time.RFC3339))
	}
}

// checkAudit verifies every hash chain of the audit log.
func (d *diagnosis) checkAudit(ctx context.Context, store readOnlyStore) {
	const code = "audit"
	const remedy = "keep the database unchanged; compare it with a backup and with the hashes in the server's log (msg=audit)"
	chains, lines, broken := map[string]*audit.ChainVerifier{}, 0, false
	err := store.EachEntry(ctx, audit.Kind, func(e licensing.Entry) error {
		chain := chains[string(e.Org)]
		if chain == nil {
			chain = &audit.ChainVerifier{}
			chains[string(e.Org)] = chain
		}
		lines++
		if err := chain.Next(e.Body); err != nil && !broken {
			broken = true
			d.add(code, Bad, remedy, "the chain of %s: %v", e.ID, err)
		}
		return nil
	})
	switch {
	case err != nil:
		d.add(code, Bad, "check the database", "%v", err)
	case !broken:
		d.add(code, Good, "", "verified %d entries in %d chains", lines, len(chains))
	}
}

// checkServer requests the server's readiness.
func (d *diagnosis) checkServer(ctx context.Context) {
	const code = "server"
	if d.URL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(d.URL, "/")+"/readyz", nil)
	if err != nil {
		d.add(code, Bad, "correct the address", "%v", err)
		return
	}
	client := d.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	sent := d.Now()
	response, err := client.Do(request)
	if err != nil {
		d.add(code, Bad, "start the server, or check the network in between; "+
			"for a certificate from your own authority, set SSL_CERT_FILE to the authority's certificate", "%v", err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		d.add(code, Bad, "see the server's log", "%s answers %s", request.URL, response.Status)
	} else {
		d.add(code, Good, "", "%s answers", request.URL)
	}
	d.checkServerClock(response, sent)
	d.checkCertificate(response.TLS)
}

func (d *diagnosis) checkServerClock(response *http.Response, sent time.Time) {
	const code = "server_clock"
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return
	}
	skew := date.Sub(sent)
	switch {
	case skew.Abs() > clockSkewBad:
		d.add(code, Bad, "synchronise both clocks with NTP", "the clocks of server and this machine differ by %s", skew.Abs().Round(time.Second))
	case skew.Abs() > clockSkewWarning:
		d.add(code, Warning, "synchronise both clocks with NTP", "the clocks of server and this machine differ by %s",
			skew.Abs().Round(time.Second))
	default:
		d.add(code, Good, "", "agrees with this machine's clock")
	}
}

func (d *diagnosis) checkCertificate(state *tls.ConnectionState) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return
	}
	expires := state.PeerCertificates[0].NotAfter
	if left := expires.Sub(d.Now()); left < certificateRenewal {
		d.add("certificate", Warning, "renew the certificate", "expires at %s", expires.UTC().Format(time.RFC3339))
		return
	}
	d.add("certificate", Good, "", "valid until %s", expires.UTC().Format(time.RFC3339))
}
