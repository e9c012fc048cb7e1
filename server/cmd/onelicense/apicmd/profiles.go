package apicmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/onelicense/onelicense/server/apiclient"
)

// The environment overrides the profile, so that a script needs none.
const (
	urlVariable     = "ONELICENSE_URL"
	tokenVariable   = "ONELICENSE_TOKEN"
	profileVariable = "ONELICENSE_PROFILE"
)

// defaultProfile is the profile that is used without a name.
const defaultProfile = "default"

// serverTarget is a server and the token for it.
type serverTarget struct {
	URL   string `json:"url"`
	Token string `json:"token,omitempty"`
}

// profiles is the file in the user's configuration directory.
type profiles struct {
	Current  string                  `json:"current"`
	Profiles map[string]serverTarget `json:"profiles"`
}

func (p profiles) names() []string { return slices.Sorted(maps.Keys(p.Profiles)) }

func profilesFile() (string, error) {
	directory, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the directory of profiles: %w", err)
	}
	return filepath.Join(directory, "onelicense", "config.json"), nil
}

// readProfiles reads the file; without a file there are no profiles. It refuses a file that others may read, because it holds tokens.
func readProfiles() (p profiles, err error) {
	path, err := profilesFile()
	if err != nil {
		return p, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return profiles{Current: defaultProfile, Profiles: map[string]serverTarget{}}, nil
	}
	if err != nil {
		return p, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return p, err
	}
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return p, fmt.Errorf("%s can be read by others (mode %04o); set its mode to 0600", path, info.Mode().Perm())
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	if p.Profiles == nil {
		p.Profiles = map[string]serverTarget{}
	}
	return p, nil
}

// write replaces the file atomically.
func (p profiles) write() error {
	path, err := profilesFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "config-*") // created with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = printJSON(f, p)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// profileName returns the name of the profile that flag, environment or file select.
func (s *Settings) profileName(p profiles) (name string, asked bool) {
	if s.profile != "" {
		return s.profile, true
	}
	if name := os.Getenv(profileVariable); name != "" {
		return name, true
	}
	if p.Current != "" {
		return p.Current, false
	}
	return defaultProfile, false
}

// target returns the server to call. A profile's token is sent to the profile's server only.
func (s *Settings) target() (serverTarget, error) {
	known, err := readProfiles()
	if err != nil {
		return serverTarget{}, err
	}
	name, asked := s.profileName(known)
	t, ok := known.Profiles[name]
	if asked && !ok {
		return t, UsageError{fmt.Errorf("unknown profile %q; create it with: onelicense login --profile %s --server URL", name, name)}
	}
	for _, address := range []string{os.Getenv(urlVariable), s.server} {
		if address != "" && !sameServer(address, t.URL) {
			t = serverTarget{URL: address}
		}
	}
	if token := os.Getenv(tokenVariable); token != "" {
		t.Token = token
	}
	if t.URL == "" {
		return t, UsageError{fmt.Errorf("no server given; log in with onelicense login --server URL, or set --server or %s", urlVariable)}
	}
	return t, nil
}

// sameServer reports whether two addresses are of one server.
func sameServer(a, b string) bool {
	one, err := apiclient.New(a, apiclient.Options{})
	if err != nil {
		return false
	}
	other, err := apiclient.New(b, apiclient.Options{})
	return err == nil && one.URL("") == other.URL("")
}
