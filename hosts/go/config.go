package onelicense

import (
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Config holds the settings of a program. The instructions page prints the first four; the others may stay zero.
type Config struct {
	ServerURL string // https://host/api/v1#FINGERPRINT; the fragment pins the product's root key
	ProductID string // 24 hex digits, as are the next two
	VersionID string
	LicenseID string // for New only

	Keyring       string        // the product's certificate, armored; needed for license files
	AllowUnpinned bool          // accept a server without a pinned root key; always allowed on loopback
	Timeout       time.Duration // of one exchange with the server; 0: 10 s

	// Fingerprint identifies this machine by parts, name → value, at most 16: MachineParts(), for example, or the number of a dongle. The
	// values stay in this process: the server gets hashes.
	Fingerprint map[string]string
	Program     string // version of the program; sent to the server if the policy asks for statistics

	// Offline is for a machine that reaches no server: New succeeds although the server was not reached (unreachable, server_error) or the
	// last lease has expired (lease_expired), so that the activation or renewal can be made by hand: ExportRequest, then ImportAnswer.
	// Until then calls are refused with their verdict. These codes do not stop the program later either if there is no OnVerdict. Every
	// other failure is as without it. The module decides which codes these are (spec/verdicts.md).
	Offline bool

	// StorageDir is the directory for the state of this installation; one process at a time may use it. Empty: a folder of the product in the
	// user's private configuration directory.
	StorageDir string

	// OnVerdict is called with each verdict that answers no call: changes of a license's state, warnings, and refusals of MustCheck. It is
	// called from one goroutine, in order, and may call the client. If it is nil, verdicts are logged, and one that does not allow to
	// continue stops the program with exit status 1; deferred functions do not run then.
	OnVerdict func(Verdict)

	// ShutdownTimeout bounds Close: the last report to the server and the last write. 0: 5 s.
	ShutdownTimeout time.Duration

	// HTTPClient replaces the default one, for a proxy or a private certificate authority. Redirects are never followed.
	HTTPClient *http.Client

	// Storage, Transport and Clock replace parts of the host, for tests and unusual environments. StorageDir and HTTPClient are then ignored.
	Storage   Storage
	Transport Transport
	Clock     Clock
}

// FilesConfig holds the settings of a program whose licenses come as files. Config.Keyring is required, Config.LicenseID stays empty.
type FilesConfig struct {
	Config
	Directory string // its files *.txt and *.list are loaded; a missing directory holds none
	Loader    Loader // replaces Directory
}

// settings returns the module's part of the settings.
func (c *Config) settings() abi.Config {
	return abi.Config{
		ServerURL: c.ServerURL, ProductID: license.ID(c.ProductID), VersionID: license.ID(c.VersionID), LicenseID: license.ID(c.LicenseID),
		Keyring: c.Keyring, AllowUnpinned: c.AllowUnpinned, Offline: c.Offline, Timeout: c.Timeout.Milliseconds(),
		Fingerprint: c.fingerprint(), Program: c.Program, Platform: platform, Host: hostName(),
	}
}

// setDefaults completes the settings and opens the storage. The ids were checked by the module before.
func (c *Config) setDefaults() error {
	if c.ShutdownTimeout <= 0 {
		c.ShutdownTimeout = 5 * time.Second
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Transport == nil {
		c.Transport = newHTTPTransport(c.HTTPClient)
	}
	if c.Storage != nil {
		return nil
	}
	if c.StorageDir == "" {
		private, err := os.UserConfigDir()
		if err != nil {
			return newError(license.CodeMissingSetting, "StorageDir: %v", err)
		}
		id := c.LicenseID
		if id == "" {
			id = "files"
		}
		c.StorageDir = filepath.Join(private, "onelicense", c.ProductID+"-"+id)
	}
	directory, err := OpenDirectory(c.StorageDir)
	if err != nil {
		return err
	}
	c.Storage = directory
	return nil
}

// logOrExit is the default OnVerdict: it logs the verdict, and ends the program if that does not allow to continue.
func logOrExit(v Verdict) {
	if v.AllowContinue {
		log.Print(formatVerdict(v))
		return
	}
	log.Fatal(formatVerdict(v))
}
