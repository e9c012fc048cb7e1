package server

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
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/store/mongo"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	Good    Level = "good"
	Warning Level = "warning" // it works, and will not for ever
	Bad     Level = "bad"     // something does not work, or is not safe
)

// Finding is one thing that was looked at. Its code is stable.
type Finding struct {
	Code   string `json:"code"`
	Level  Level  `json:"level"`
	Detail string `json:"found"`
	Remedy string `json:"do,omitempty"` // what to do about it; nothing when it is good
}

// DiagnoseConfig is what to look at.
type DiagnoseConfig struct {
	Data, Mongo string
	MasterKey   masterkey.Source // nil: the file in Data
	URL         string           // where the server is reached; empty: nobody asks it
	HTTP        *http.Client     // nil: one with a short patience
	Now         func() time.Time
}

// What is little room on a disk, and a clock that is off.
const (
	lowDiskSpace       = 1 << 30
	minDiskSpace       = 64 << 20
	clockSkewWarning   = 5 * time.Second
	clockSkewBad       = time.Minute
	certificateRenewal = 14 * 24 * time.Hour // left before it is time
	overdueAfter       = 10 * time.Minute
	serverTimeout      = 10 * time.Second
	readinessURL       = "/readyz"
)

// Diagnose looks at a server's data and at the server, changes nothing, and tells what it finds. The server may be running.
func Diagnose(ctx context.Context, c DiagnoseConfig) []Finding {
	d := &diagnosis{DiagnoseConfig: c}
	d.checkDirectory()
	key := d.checkMasterKey(ctx)
	d.checkDatabase(ctx, key)
	d.checkServer(ctx)
	return d.findings
}

type diagnosis struct {
	DiagnoseConfig
	findings []Finding
}

// add adds a finding.
func (d *diagnosis) add(code string, level Level, do, format string, args ...any) {
	d.findings = append(d.findings, Finding{code, level, fmt.Sprintf(format, args...), do})
}

// checkDirectory looks at the data directory and its disk.
func (d *diagnosis) checkDirectory() {
	const code = "data_directory"
	info, err := os.Stat(d.Data)
	switch {
	case err != nil:
		d.add(code, Bad, "name the directory that the server is started with, or start the server, which makes it", "%v", err)
		return
	case !info.IsDir():
		d.add(code, Bad, "name a directory", "%s is none", d.Data)
		return
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		d.add(code, Warning, "chmod 700 "+d.Data, "others may look into %s (mode %04o)", d.Data, info.Mode().Perm())
	default:
		d.add(code, Good, "", "%s", d.Data)
	}
	free, err := freeSpace(d.Data)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.add("disk_space", Warning, "look at the disk", "%v", err)
	case free < minDiskSpace:
		d.add("disk_space", Bad, "make room now: without it nothing is counted or granted", "%d MiB are free", free>>20)
	case free < lowDiskSpace:
		d.add("disk_space", Warning, "make room", "%d MiB are free", free>>20)
	default:
		d.add("disk_space", Good, "", "%d GiB are free", free>>30)
	}
}

// checkMasterKey gives the key, or nil.
func (d *diagnosis) checkMasterKey(ctx context.Context) *issuer.Issuer {
	const code = "master_key"
	var key []byte
	var err error
	if d.MasterKey != nil {
		key, err = d.MasterKey.Key(ctx)
	} else {
		key, err = readMasterKey(filepath.Join(d.Data, masterKeyFile))
	}
	var keys *issuer.Issuer
	if err == nil {
		keys, err = issuer.New(key, nil)
	}
	if err != nil {
		d.add(code, Bad, "mend what it says; where the key is gone, put the one there that was kept apart from the backups, for its owner alone to read", "%v", err)
		return nil
	}
	d.add(code, Good, "", "it is there, and its owner's alone")
	return keys
}

// readOnlyStore is a store that is only read.
type readOnlyStore interface {
	SchemaVersion(context.Context) (version, known int, err error)
	EachProduct(context.Context, func(licensing.Product) error) error
	EachEntry(ctx context.Context, kind string, each func(licensing.Entry) error) error
	CurrentEpoch(context.Context) (licensing.Epoch, error)
	LastHeartbeat(context.Context) (lease.Time, error)
	CountOverdue(ctx context.Context, before lease.Time) (int, error)
	Close() error
}

// checkDatabase looks at the data.
func (d *diagnosis) checkDatabase(ctx context.Context, keys *issuer.Issuer) {
	const code = "database"
	data, good := d.openDatabase(ctx)
	if data == nil {
		return
	}
	defer data.Close()
	version, known, err := data.SchemaVersion(ctx)
	switch {
	case err != nil:
		d.add(code, Bad, "look at the database", "%v", err)
		return
	case version == 0:
		d.add(code, Bad, "see that the address is right; start the server, which fills it, or restore a backup", "there is nothing in it")
		return
	}
	d.add(code, Good, "", "%s", good)
	if !d.checkSchema(version, known) {
		return
	}
	d.checkProductKeys(ctx, data, keys)
	d.checkJobs(ctx, data)
	d.checkClock(ctx, data)
	d.checkAudit(ctx, data)
}

// openDatabase opens the data, with what is good about it; nil when nothing is.
func (d *diagnosis) openDatabase(ctx context.Context) (data readOnlyStore, good string) {
	const code = "database"
	if d.Mongo != "" {
		there, err := mongo.OpenReadOnly(ctx, d.Mongo)
		if err != nil {
			d.add(code, Bad, "see that it runs and that the address is right", "%v", err)
			return nil, ""
		}
		return there, "it answers"
	}
	there, err := sqlite.OpenReadOnly(d.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(code, Bad, "start the server, which makes it; or restore a backup", "there is none in %s", d.Data)
		return nil, ""
	case err != nil:
		d.add(code, Bad, "see that it is a file which this user may read", "%v", err)
		return nil, ""
	}
	if err := there.Check(ctx); err != nil {
		d.add(code, Bad, "stop the server, keep a copy of the directory, and restore the last backup", "%v", errors.Join(err, there.Close()))
		return nil, ""
	}
	return there, "it is whole"
}

// checkSchema tells whether this program can read the data.
func (d *diagnosis) checkSchema(version, known int) bool {
	const code = "schema"
	switch {
	case version > known:
		d.add(code, Bad, "use the program that wrote it, or a newer one", "the data has version %d, this program knows versions up to %d", version, known)
	case version < known:
		d.add(code, Warning, "start this program's server, which brings it up to date; make a backup before", "the data has version %d of %d", version, known)
	default:
		d.add(code, Good, "", "version %d", version)
		return true
	}
	return false
}

// checkProductKeys tries the master key on each product.
func (d *diagnosis) checkProductKeys(ctx context.Context, data readOnlyStore, keys *issuer.Issuer) {
	const code = "product_keys"
	if keys == nil {
		return
	}
	tried, opened := 0, 0
	err := data.EachProduct(ctx, func(p licensing.Product) error {
		tried++
		if _, err := keys.Signer(p.ID, p.SealedKeys); err != nil {
			d.add(code, Bad, "put the master key there that this data was made with", "%v", err)
		} else {
			opened++
		}
		return nil
	})
	if err != nil {
		d.add(code, Bad, "look at the database", "%v", err)
		return
	}
	if opened == tried {
		d.add(code, Good, "", "those of %d products open", opened)
	}
}

// checkJobs tells whether the server does what nobody asks for.
func (d *diagnosis) checkJobs(ctx context.Context, data readOnlyStore) {
	const code = "upkeep"
	n, err := data.CountOverdue(ctx, lease.Time(d.Now().Add(-overdueAfter).UnixMilli()))
	switch {
	case err != nil:
		d.add(code, Bad, "look at the database", "%v", err)
	case n > 0:
		d.add(code, Warning, "see that a server runs, and what its log says of upkeep", "%d records wait to be tidied", n)
	default:
		d.add(code, Good, "", "nothing waits")
	}
}

// checkClock compares this machine's clock with what the data has seen.
func (d *diagnosis) checkClock(ctx context.Context, data readOnlyStore) {
	const code, do = "clock", "set the clock, and keep it so with NTP: leases and seats end by it"
	touched, err := data.LastHeartbeat(ctx)
	var epoch licensing.Epoch
	if err == nil {
		epoch, err = data.CurrentEpoch(ctx)
	}
	now := d.Now()
	switch {
	case err != nil:
		d.add(code, Bad, "look at the database", "%v", err)
	case touched.Std().Sub(now) > clockSkewWarning:
		d.add(code, Bad, do, "it says %s, and a server has written at %s", now.UTC().Format(time.RFC3339), touched.Std().UTC().Format(time.RFC3339))
	case epoch.Value > now.Add(clockSkewBad).Unix():
		d.add(code, Warning, do+"; if it is right now, it was wrong once", "it says %s, and the epoch began at %s",
			now.UTC().Format(time.RFC3339), time.Unix(epoch.Value, 0).UTC().Format(time.RFC3339))
	default:
		d.add(code, Good, "", "it is not behind the data")
	}
	if epoch.Since > 0 {
		d.add("restored", Good, "", "epoch %d began with a restore at %s; each license grants new things again when its older leases have run out",
			epoch.Value, epoch.Since.Std().UTC().Format(time.RFC3339))
	}
}

// checkAudit follows every chain of the audit log.
func (d *diagnosis) checkAudit(ctx context.Context, data readOnlyStore) {
	const code, do = "audit", "keep the database as it is; compare with a backup and with the hashes in the server's log (msg=audit)"
	chains, lines, broken := map[string]*audit.ChainVerifier{}, 0, false
	err := data.EachEntry(ctx, audit.Kind, func(e licensing.Entry) error {
		chain := chains[string(e.Org)]
		if chain == nil {
			chain = &audit.ChainVerifier{}
			chains[string(e.Org)] = chain
		}
		lines++
		if err := chain.Next(e.Body); err != nil && !broken {
			broken = true
			d.add(code, Bad, do, "the chain of %s: %v", e.ID, err)
		}
		return nil
	})
	switch {
	case err != nil:
		d.add(code, Bad, "look at the database", "%v", err)
	case !broken:
		d.add(code, Good, "", "%d lines in %d chains follow each other", lines, len(chains))
	}
}

// checkServer asks the server itself.
func (d *diagnosis) checkServer(ctx context.Context) {
	const code = "server"
	if d.URL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(d.URL, "/")+readinessURL, nil)
	if err != nil {
		d.add(code, Bad, "correct the address", "%v", err)
		return
	}
	client := d.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	asked := d.Now()
	response, err := client.Do(request)
	if err != nil {
		d.add(code, Bad, "start the server, or see what stands between it and here; a certificate of an authority of one's own is believed where SSL_CERT_FILE names that authority's", "%v", err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		d.add(code, Bad, "see what the server's log says", "%s answers %s", request.URL, response.Status)
	} else {
		d.add(code, Good, "", "%s answers", request.URL)
	}
	d.checkServerClock(response, asked)
	d.checkCertificate(response.TLS)
}

func (d *diagnosis) checkServerClock(response *http.Response, asked time.Time) {
	const code = "server_clock"
	said, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return
	}
	off := said.Sub(asked)
	switch {
	case off.Abs() > clockSkewBad:
		d.add(code, Bad, "set both clocks, and keep them so with NTP", "the server's clock and this one's are %s apart", off.Abs().Round(time.Second))
	case off.Abs() > clockSkewWarning:
		d.add(code, Warning, "keep both clocks with NTP", "the server's clock and this one's are %s apart", off.Abs().Round(time.Second))
	default:
		d.add(code, Good, "", "it agrees with this machine's")
	}
}

func (d *diagnosis) checkCertificate(state *tls.ConnectionState) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return
	}
	until := state.PeerCertificates[0].NotAfter
	if left := until.Sub(d.Now()); left < certificateRenewal {
		d.add("certificate", Warning, "renew it", "it is good until %s", until.UTC().Format(time.RFC3339))
		return
	}
	d.add("certificate", Good, "", "it is good until %s", until.UTC().Format(time.RFC3339))
}
