package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// prefix of all of the server's API.
const prefix = "/api/v1"

// owner sets the server up, as a vendor does on the first day.
type owner struct {
	address, csrf string
	cookie        string
}

func (o *owner) setUp(token string) error {
	var session struct {
		CSRF string `json:"csrf_token"`
	}
	err := o.post("/setup", map[string]string{"token": token, "organisation": "bench", "name": "bench", "email": "bench@example.com",
		"password": "a password of the bench"}, &session)
	o.csrf = session.CSRF
	return err
}

// make posts a record and gives its id.
func (o *owner) make(path string, record any) (string, error) {
	var made struct{ ID string }
	err := o.post(path, record, &made)
	return made.ID, err
}

func (o *owner) post(path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest("POST", "http://"+o.address+prefix+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-CSRF-Token", o.csrf)
	request.Header.Set("Cookie", o.cookie)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s: %s", path, response.Status, answer)
	}
	for _, c := range response.Cookies() {
		o.cookie = c.Name + "=" + c.Value
	}
	return json.Unmarshal(answer, into)
}
