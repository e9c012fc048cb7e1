package httpd

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// A path that also looks like another route's parameter lists its own methods only.
func TestAllowListsMethodsOfThePath(t *testing.T) {
	app := fiber.New(fiber.Config{ErrorHandler: (&Server{options: Options{Log: slog.New(slog.DiscardHandler)}}).errorHandler})
	done := func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) }
	app.Post("/invitations/accept", done)
	app.Delete("/invitations/:id", done)
	for path, want := range map[string]string{"/invitations/accept": "POST", "/invitations/5edb1264cc150913cb7640f8": "DELETE"} {
		r, err := app.Test(httptest.NewRequest("PUT", path, nil), -1)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("Allow"); r.StatusCode != http.StatusMethodNotAllowed || got != want {
			t.Errorf("PUT %s: %d, Allow %q, want 405 and %q", path, r.StatusCode, got, want)
		}
		if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}
