// Package config reads and checks the server's settings. They come from a file, the environment and the command line; each of these takes
// precedence over those before it. Everything is checked before the server starts, and all faults are reported at once.
//
// Start with Read. Table lists the settings, for a command's flags and for docs/configuration.md.
package config

import (
	"crypto/tls"
	"log/slog"
	"net/mail"
	"net/netip"
	"strings"
	"time"
)

// Settings are the checked settings.
type Settings struct {
	Listen                                     string // host:port
	Data                                       string // directory
	Mongo                                      string // address with its password; empty: the embedded store
	MasterKey, PreviousMasterKey               []byte // 32 bytes; nil: not set
	MasterKeyCommand, PreviousMasterKeyCommand string // program and arguments; empty: not set

	PublicURL string // https://host; empty: the address of Listen

	TLSCertificate, TLSKey string // files; empty: no TLS
	TrustedProxies         []netip.Prefix

	SyncRateAddress, SyncRateLicense int // requests per second; 0: not set, no limit
	SyncRateBurst                    time.Duration

	MetricsListen string // host:port; empty: no metrics
	Traces        bool   // the OTEL_ variables name a collector

	AllowPrivateAddresses bool

	SMTPHost, SMTPUser, SMTPPassword, SMTPFrom, SMTPTLS string // empty host: no mail
	SMTPPort                                            int

	LogFormat string // text or json
	LogLevel  slog.Level

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	StopDelay                              time.Duration
}

// Setting describes one setting.
type Setting struct {
	Name        string // of the flag, and of the key in the file
	Default     string
	Allowed     string // the values it takes, for people; follows "use" in errors
	Description string
	Secret      bool // its value is never shown, and can be given as the name of a file that contains it
	Boolean     bool // its flag needs no value

	set func(s *Settings, text string) error
}

// Variable returns the setting's name in the environment.
func (s Setting) Variable() string { return environmentName(s.Name) }

// FileName returns the name of the setting for a file that contains this one's value. Only secrets have one.
func (s Setting) FileName() string { return s.Name + "-file" }

func environmentName(name string) string {
	return "ONELICENSE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Table returns every setting, in the order of the documentation.
func Table() []Setting { return settings }

// FileSetting is the name of the setting for the settings file. It cannot stand in that file.
const FileSetting = "config"

// Sources are the sources of settings beside the file that one of them names.
type Sources struct {
	Flags       map[string]string                // values of the command line, by name
	Environment func(name string) (string, bool) // os.LookupEnv
}

// Read reads and checks the settings. Its error is nil or a Faults. An empty variable counts as one that is not set: that is how most
// service managers leave one out.
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
			faults = append(faults, Fault{Setting: setting.Name, From: v.from, Problem: v.unreadable.Error(), Allowed: setting.Allowed})
		} else if err := setting.set(&s, v.text); err != nil {
			faults = append(faults, setting.fault(v, err))
		}
	}
	faults = append(faults, s.checkCombinations()...)
	enabled, traceFaults := tracesEnabled(from.Environment)
	s.Traces, faults = enabled, append(faults, traceFaults...)
	return s, faults.sorted()
}

// checkCombinations checks what no setting can check on its own.
func (s Settings) checkCombinations() (faults Faults) {
	faults = append(faults, s.checkSMTP()...)
	faults = append(faults, s.checkMasterKeys()...)
	switch {
	case (s.TLSCertificate == "") != (s.TLSKey == ""):
		faults = append(faults, Fault{Setting: "tls-certificate", Problem: "goes with tls-key; set both or neither"})
	case s.TLSCertificate != "":
		if _, err := tls.LoadX509KeyPair(s.TLSCertificate, s.TLSKey); err != nil {
			faults = append(faults, Fault{Setting: "tls-certificate", Problem: err.Error(), Allowed: "a certificate that matches tls-key"})
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
		f := Fault{Setting: "smtp-from", Value: s.SMTPFrom, Problem: "is not an e-mail address", Allowed: "an e-mail address"}
		if s.SMTPFrom == "" {
			f.Problem = "required with smtp-host"
		}
		faults = append(faults, f)
	}
	if (s.SMTPUser == "") != (s.SMTPPassword == "") {
		faults = append(faults, Fault{Setting: "smtp-user", Problem: "goes with smtp-password; set both or neither"})
	}
	if s.SMTPUser != "" && s.SMTPTLS == "none" {
		faults = append(faults, Fault{Setting: "smtp-tls", Value: s.SMTPTLS, Problem: "would send the password unencrypted",
			Allowed: "starttls or tls"})
	}
	return faults
}

// checkMasterKeys checks that each master key has one source.
func (s Settings) checkMasterKeys() (faults Faults) {
	if s.MasterKey != nil && s.MasterKeyCommand != "" {
		faults = append(faults, Fault{Setting: "master-key-command", Problem: "conflicts with master-key; set one of them"})
	}
	if s.PreviousMasterKey != nil && s.PreviousMasterKeyCommand != "" {
		faults = append(faults, Fault{Setting: "previous-master-key-command",
			Problem: "conflicts with previous-master-key; set one of them"})
	}
	return faults
}
