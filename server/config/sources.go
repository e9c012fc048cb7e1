package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// layer is one source of settings.
type layer struct {
	name   string // follows "from" in errors
	lookup func(setting string) (string, bool)
}

// settingValue is a setting's text and its source; the source is empty for the default.
type settingValue struct {
	text, from string
	unreadable error // its file could not be read
}

func flags(given map[string]string) layer {
	return layer{"the command line", func(setting string) (string, bool) { v, ok := given[setting]; return v, ok }}
}

func environment(lookup func(string) (string, bool)) layer {
	return layer{"the environment", func(setting string) (string, bool) {
		if lookup == nil {
			return "", false
		}
		v, _ := lookup(environmentName(setting))
		return v, v != ""
	}}
}

func find(layers []layer, setting string) (settingValue, bool) {
	for _, l := range layers {
		if text, ok := l.lookup(setting); ok {
			return settingValue{text: text, from: l.name}, true
		}
	}
	return settingValue{}, false
}

// resolve returns the value of the first layer that has the setting, or its default.
func (s Setting) resolve(layers []layer, faults *Faults) settingValue {
	for _, l := range layers {
		text, given := l.lookup(s.Name)
		if s.Secret {
			path, ok := l.lookup(s.FileName())
			switch {
			case ok && given:
				*faults = append(*faults, Fault{Setting: s.Name, From: l.name,
					Problem: fmt.Sprintf("given twice, directly and by the file of %s; set one of them", s.FileName())})
			case ok:
				text, err := readSecretFile(path)
				return settingValue{text, "the file " + strconv.Quote(path), err}
			}
		}
		if given {
			if text == "" {
				break
			}
			return settingValue{text: text, from: l.name}
		}
	}
	return settingValue{text: s.Default}
}

// maxSecretSize, in bytes, is ample for any address; a larger file is a mistake.
const maxSecretSize = 16 << 10

// readSecretFile reads a secret from a file, without the line break that editors and shells put at its end.
func readSecretFile(path string) (string, error) {
	text, err := readLimited(path, maxSecretSize)
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(string(text), "\r\n")
	switch {
	case line == "":
		return "", errors.New("the file is empty")
	case strings.ContainsAny(line, "\r\n\x00"):
		return "", errors.New("the file has more than one line")
	}
	return line, nil
}

// maxFileSize, in bytes, is far above what a person writes.
const maxFileSize = 1 << 20

// readFile reads the settings file, which is TOML with a flat list of keys. An unknown key is a fault: a mistyped one would otherwise be a
// setting that silently does nothing.
func readFile(path string, faults *Faults) layer {
	values := map[string]string{}
	l := layer{"the file " + strconv.Quote(path), func(setting string) (string, bool) { v, ok := values[setting]; return v, ok }}
	fault := func(setting, problem, allowed string) {
		*faults = append(*faults, Fault{Setting: setting, From: l.name, Problem: problem, Allowed: allowed})
	}
	text, err := readLimited(path, maxFileSize)
	if err != nil {
		fault(FileSetting, "cannot read the file: "+err.Error(), "a TOML file")
		return l
	}
	var keys map[string]any
	if err := toml.Unmarshal(text, &keys); err != nil {
		fault(FileSetting, err.Error(), "a TOML file")
		return l
	}
	for key, v := range keys {
		if !isKnown(key) {
			fault(key, "unknown setting; docs/configuration.md lists them", "")
			continue
		}
		text, err := formatValue(v)
		if err != nil {
			fault(key, err.Error(), "a string, a number, true or false, or a list of strings")
			continue
		}
		values[key] = text
	}
	return l
}

func isKnown(key string) bool {
	return slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == key || s.Secret && s.FileName() == key })
}

// formatValue returns a value of the file as it would be written on a command line.
func formatValue(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		var texts []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return "", errors.New("the list contains something other than strings")
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, ","), nil
	}
	return "", errors.New("the value has the wrong type")
}

// readLimited reads a file and refuses one that is larger than limit bytes, or endless.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("the file is larger than %d bytes", limit)
	}
	return text, err
}
