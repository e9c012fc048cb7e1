package ops_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/ops"
	"github.com/onelicense/onelicense/server/servertest"
)

func TestNewOrganisationLink(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	const url = "https://licenses.example.com/"
	create := func() (string, time.Time, error) {
		return ops.NewOrganisationLink(t.Context(), data.Options{Dir: dir}, url, time.Now)
	}
	if _, _, err := create(); err == nil || !strings.Contains(err.Error(), "there is no") || data.Exists(dir) {
		t.Errorf("no server: %v", err)
	}
	s := servertest.Start(t, servertest.WithData(dir))
	if _, _, err := create(); err == nil {
		t.Error("two processes hold one directory")
	}
	s.Owner()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	link, until, err := create()
	if err != nil || !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") || until.IsZero() {
		t.Errorf("%q %v %v", link, until, err)
	}
}
