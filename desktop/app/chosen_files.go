package app

import (
	"fmt"
	"path/filepath"
	"sync"
)

// chosenFiles holds the files that the user has chosen, in a dialog or by opening them with this program. Pages refer to them by number,
// so that a page cannot decide which files of this machine are read.
type chosenFiles struct {
	mu      sync.Mutex
	all     []chosenFile
	waiting []Chosen // opened and not shown yet
}

type chosenFile struct{ name, path string }

// Chosen is a chosen file in the form for pages.
type Chosen struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// add numbers and adds files.
func (f *chosenFiles) add(paths []string) []Chosen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.assignIDs(paths)
}

// addOpened adds files that takeOpened then returns.
func (f *chosenFiles) addOpened(paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, f.assignIDs(paths)...)
}

// takeOpened returns the opened files that were not returned before.
func (f *chosenFiles) takeOpened() []Chosen {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.waiting
	f.waiting = nil
	return append([]Chosen{}, taken...)
}

// get returns the file with a number.
func (f *chosenFiles) get(id int) (chosenFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 0 || id >= len(f.all) {
		return chosenFile{}, fmt.Errorf("no chosen file has the number %d", id)
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
