// Package config reads the server's settings: from a file, the environment and the command line, where the later beats the earlier. It
// checks all of them before anything is started, and tells of everything that is wrong at once.
//
// Start with Read. Table lists the settings, for a command's flags and for docs/configuration.md.
package config

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"strings"
	"time"
)

// Settings are the checked settings, in the types in which they are used.
type Settings struct {
	Listen                                     string // host:port
	Data                                       string // directory
	Mongo                                      string // address with its password; empty: the embedded store
	MasterKey, PreviousMasterKey               []byte // nil: not given so
	MasterKeyCommand, PreviousMasterKeyCommand string

	PublicURL string // https://host; empty: the address of Listen

	TLSCertificate, TLSKey string // files; empty: no TLS
	TrustedProxies         []netip.Prefix

	SyncRateAddress, SyncRateLicense int // per second; 0: no limit
	SyncRateBurst                    time.Duration

	MetricsListen string // host:port; empty: no metrics
	Traces        bool   // OTEL_ variables name a collector

	AllowPrivateAddresses bool

	SMTPHost, SMTPUser, SMTPPassword, SMTPFrom, SMTPTLS string // no host: no mail
	SMTPPort                                            int

	LogFormat string // text or json
	LogLevel  slog.Level

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	StopDelay                              time.Duration
}

// Setting is one setting: how it is called, and what it may be.
type Setting struct {
	Name        string // of the flag, and of the key in the file
	Default     string
	Allowed     string // what is allowed, for people
	Description string // what it is for
	Secret      bool   // its value is never shown, and can be given as the name of a file that holds it

	set func(s *Settings, text string) error
}

// Variable is the setting's name in the environment.
func (s Setting) Variable() string { return environmentName(s.Name) }

// FileName is the name of the setting that names a file with this one's value. Only a secret has one.
func (s Setting) FileName() string { return s.Name + "-file" }

func environmentName(name string) string {
	return "ONELICENSE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// allSpellings is a setting's name in all its spellings.
func allSpellings(name string) string {
	return fmt.Sprintf("--%s (%s, or %s in the file)", name, environmentName(name), name)
}

// Table lists every setting, in the order in which people read them.
func Table() []Setting { return settings }

// FileSetting names the file with settings. It cannot stand in that file.
const FileSetting = "config"

// Sources are where settings come from.
type Sources struct {
	Flags       map[string]string                // what the command line says, by name
	Environment func(name string) (string, bool) // os.LookupEnv
}

// Read reads and checks the settings. The error is Faults unless it is nil. An empty variable counts as one that is not set, for that is
// how most of what starts servers leaves one out.
func Read(from Sources) (Settings, error) {
	var faults Faults
	layers := []layer{flags(from.Flags), environment(from.Environment)}
	if file, ok := find(layers, FileSetting); ok {
		layers = append(layers, readFile(file.text, &faults))
	}
	var s Settings
	for _, setting := range settings {
		v := setting.resolve(layers, &faults)
		if v.unreadable != nil {
			faults = append(faults, setting.fault(v, v.unreadable))
		} else if err := setting.set(&s, v.text); err != nil {
			faults = append(faults, setting.fault(v, err))
		}
	}
	faults = append(faults, s.checkCombinations()...)
	traced, wrong := tracesEnabled(from.Environment)
	s.Traces, faults = traced, append(faults, wrong...)
	return s, faults.sorted()
}

// checkCombinations checks what no setting can know by itself.
func (s Settings) checkCombinations() (faults Faults) {
	faults = append(faults, s.checkSMTP()...)
	faults = append(faults, s.checkMasterKeys()...)
	switch {
	case (s.TLSCertificate == "") != (s.TLSKey == ""):
		faults = append(faults, Fault{Setting: "tls-certificate", Problem: "goes with --tls-key, and one of the two is missing"})
	case s.TLSCertificate != "":
		if _, err := tls.LoadX509KeyPair(s.TLSCertificate, s.TLSKey); err != nil {
			faults = append(faults, Fault{Setting: "tls-certificate", Value: s.TLSCertificate, Problem: err.Error(), Allowed: "a certificate that fits --tls-key"})
		}
	}
	return faults
}

// checkSMTP checks the settings of the mail server.
func (s Settings) checkSMTP() (faults Faults) {
	if s.SMTPHost == "" {
		return nil
	}
	if _, err := mail.ParseAddress(s.SMTPFrom); err != nil {
		faults = append(faults, Fault{Setting: "smtp-from", Value: s.SMTPFrom, Problem: "is no e-mail address, and smtp-host is set", Allowed: "an address"})
	}
	if (s.SMTPUser == "") != (s.SMTPPassword == "") {
		faults = append(faults, Fault{Setting: "smtp-user", Value: s.SMTPUser, Problem: "goes with --smtp-password, and one of the two is missing"})
	}
	if s.SMTPUser != "" && s.SMTPTLS == "none" {
		faults = append(faults, Fault{Setting: "smtp-tls", Value: s.SMTPTLS, Problem: "would send the password in the clear", Allowed: "starttls or tls with a login"})
	}
	return faults
}

// checkMasterKeys come each from one place.
func (s Settings) checkMasterKeys() (faults Faults) {
	if s.MasterKey != nil && s.MasterKeyCommand != "" {
		faults = append(faults, Fault{Setting: "master-key-command", Problem: "does not go with --master-key: the key comes from one place"})
	}
	if s.PreviousMasterKey != nil && s.PreviousMasterKeyCommand != "" {
		faults = append(faults, Fault{Setting: "other-master-key-command", Problem: "does not go with --other-master-key: the key comes from one place"})
	}
	return faults
}
