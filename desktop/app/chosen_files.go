package app

import (
	"fmt"
	"path/filepath"
	"sync"
)

// chosenFiles are the files that the person has chosen: in a dialog, or by opening them with this program. Pages name them by number, so a page
// has no say in what is read from this machine.
type chosenFiles struct {
	mu      sync.Mutex
	all     []chosenFile
	waiting []Chosen // opened, and not yet shown
}

type chosenFile struct{ name, path string }

// Chosen is such a file, for a page.
type Chosen struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func (f *chosenFiles) add(paths []string) []Chosen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.assignIDs(paths)
}

// addOpened adds files that nobody has asked for yet.
func (f *chosenFiles) addOpened(paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, f.assignIDs(paths)...)
}

// takeOpened gives what was opened, once.
func (f *chosenFiles) takeOpened() []Chosen {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.waiting
	f.waiting = nil
	return append([]Chosen{}, taken...)
}

func (f *chosenFiles) get(id int) (chosenFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 0 || id >= len(f.all) {
		return chosenFile{}, fmt.Errorf("no file was chosen with the number %d", id)
	}
	return f.all[id], nil
}

func (f *chosenFiles) assignIDs(paths []string) []Chosen {
	numbered := []Chosen{}
	for _, path := range paths {
		name := filepath.Base(path)
		numbered = append(numbered, Chosen{ID: len(f.all), Name: name})
		f.all = append(f.all, chosenFile{name, path})
	}
	return numbered
}
