package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Requests are signed according to Standard Webhooks (https://www.standardwebhooks.com), so that receivers can use its libraries.

// Headers of a request.
const (
	headerID        = "Webhook-Id"
	headerTime      = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

const secretPrefix = "whsec_"

// newSecret returns a secret in the form that is shown.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// signatureHeader returns one signature for each secret, because while one replaces another, both are valid.
func signatureHeader(secrets []string, id string, at time.Time, body []byte) string {
	var all []string
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			continue // only newSecret creates secrets
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
