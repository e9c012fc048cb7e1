package main

import (
	"errors"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

// There are two verifiers: the code that the server uses too, and the module that programs embed. They must never differ.

// verifyNatively verifies with the server's code.
func verifyNatively(_ *cobra.Command, q *verifyInput) (verifyResult, error) {
	if q.hasList && len(q.list) == 0 {
		return verifyResult{}, license.Refuse(license.CodeStatementMalformed, "the list is empty")
	}
	keys, err := pgp.Parse(q.certificate)
	if err != nil {
		return verifyResult{}, err
	}
	if q.isReceipt() {
		return openReceipt(q.file, keys)
	}
	l, err := q.openLicense(keys)
	if err != nil {
		return verifyResult{}, err
	}
	c := &licenseContent{ID: l.ID, Contexts: l.Contexts, Key: l.Signature.Key, Created: l.Signature.Created, Root: l.Root}
	for _, e := range l.Entitlements {
		c.Entitlements = append(c.Entitlements, entitlement(e))
	}
	return verifyResult{License: c}, nil
}

// openLicense opens the license file, and applies the list if there is one.
func (q *verifyInput) openLicense(keys license.Keyring) (l *license.License, err error) {
	var list *lease.Statement
	if q.hasList {
		if list, err = lease.OpenStatement(q.list, keys, q.now); err != nil {
			return nil, err
		}
	}
	return lease.OpenFile(q.file, keys, list, q.now)
}

// openReceipt verifies a lease at its own time.
func openReceipt(text []byte, keys license.Keyring) (verifyResult, error) {
	a, err := lease.Open(text, keys, lease.ClaimedTime(text).Std())
	if err != nil {
		return verifyResult{}, err
	}
	l := a.Lease // the type was checked before
	return verifyResult{Receipt: &receipt{
		Product: l.Product, License: l.License, Activation: l.Activation, Generation: l.Generation, Number: l.Number, Request: l.Request,
		Time: l.Time.Std().UTC(), Counters: l.Counters, Key: a.Key, Root: keys.Root(),
	}}, nil
}

// verifyWithModule verifies with the module that programs embed.
func verifyWithModule(cmd *cobra.Command, q *verifyInput) (f verifyResult, err error) {
	certificate, err := toArmored(q.certificate)
	if err != nil {
		return f, err
	}
	if q.isReceipt() {
		r, err := onelicense.VerifyReceipt(cmd.Context(), string(q.file), certificate)
		if err != nil {
			return f, toRefusal(err)
		}
		return verifyResult{Receipt: &receipt{
			Product: r.Product, License: r.License, Activation: r.Activation, Generation: r.Generation, Number: r.Number, Request: r.Request,
			Time: r.Time.Std().UTC(), Counters: r.Counters, Key: r.Key, Root: r.Root,
		}}, nil
	}
	var options []onelicense.VerifyOption
	if q.hasList {
		options = append(options, onelicense.WithList(q.list))
	}
	l, err := onelicense.VerifyAt(cmd.Context(), q.file, certificate, q.now, options...)
	if err != nil {
		return f, toRefusal(err)
	}
	c := &licenseContent{ID: l.ID, Contexts: l.Contexts, Key: l.Key, Created: l.Signed.Std().UTC(), Root: l.Root}
	for _, e := range l.Entitlements {
		c.Entitlements = append(c.Entitlements, entitlement(e))
	}
	return verifyResult{License: c}, nil
}

// toArmored returns a certificate as text, the form that hosts use.
func toArmored(certificate []byte) ([]byte, error) {
	if len(certificate) == 0 || certificate[0] < 0x80 {
		return certificate, nil
	}
	keys, err := pgp.Parse(certificate)
	if err != nil {
		return nil, err
	}
	return keys.Armored()
}

// toRefusal returns the error that verifyNatively would return.
func toRefusal(err error) error {
	if refusal, ok := errors.AsType[*onelicense.Error](err); ok {
		return &license.Error{Code: refusal.Code, Detail: refusal.Detail}
	}
	return err
}
