package main

import (
	"errors"

	onelicense "github.com/onelicense/onelicense/hosts/go"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/spf13/cobra"
)

// There are two ways to judge a file: by the code that the server has too, and by the module that programs embed. They never differ.

// natively judges with the server's code.
func natively(_ *cobra.Command, q *question) (finding, error) {
	if q.listed && len(q.list) == 0 {
		return finding{}, license.Refuse(license.CodeStatementMalformed, "the list is empty")
	}
	keys, err := pgp.Parse(q.certificate)
	if err != nil {
		return finding{}, err
	}
	if q.receipt() {
		return openReceipt(q.file, keys)
	}
	l, err := q.open(keys)
	if err != nil {
		return finding{}, err
	}
	c := &content{ID: l.ID, Contexts: l.Contexts, Key: l.Signature.Key, Created: l.Signature.Created, Root: l.Root}
	for _, e := range l.Entitlements {
		c.Entitlements = append(c.Entitlements, entitlement(e))
	}
	return finding{License: c}, nil
}

// open opens the license file, with what the list says of keys and licenses if there is one.
func (q *question) open(keys license.Keyring) (l *license.License, err error) {
	var list *lease.Statement
	if q.listed {
		if list, err = lease.OpenStatement(q.list, keys, q.now); err != nil {
			return nil, err
		}
	}
	return lease.OpenFile(q.file, keys, list, q.now)
}

// openReceipt judges a lease at its own time.
func openReceipt(text []byte, keys license.Keyring) (finding, error) {
	a, err := lease.Open(text, keys, lease.ClaimedTime(text).Std())
	if err != nil {
		return finding{}, err
	}
	l := a.Lease // its type was looked at before
	return finding{Receipt: &receipt{
		Product: l.Product, License: l.License, Activation: l.Activation, Generation: l.Generation, Number: l.Number, Request: l.Request,
		Time: l.Time.Std().UTC(), Counters: l.Counters, Key: a.Key, Root: keys.Root(),
	}}, nil
}

// byTheModule asks the module that programs embed.
func byTheModule(cmd *cobra.Command, q *question) (f finding, err error) {
	certificate, err := armored(q.certificate)
	if err != nil {
		return f, err
	}
	if q.receipt() {
		r, err := onelicense.VerifyReceipt(cmd.Context(), string(q.file), certificate)
		if err != nil {
			return f, refusalOf(err)
		}
		return finding{Receipt: &receipt{
			Product: r.Product, License: r.License, Activation: r.Activation, Generation: r.Generation, Number: r.Number, Request: r.Request,
			Time: r.Time.Std().UTC(), Counters: r.Counters, Key: r.Key, Root: r.Root,
		}}, nil
	}
	var options []onelicense.VerifyOption
	if q.listed {
		options = append(options, onelicense.WithList(q.list))
	}
	l, err := onelicense.VerifyAt(cmd.Context(), q.file, certificate, q.now, options...)
	if err != nil {
		return f, refusalOf(err)
	}
	c := &content{ID: l.ID, Contexts: l.Contexts, Key: l.Key, Created: l.Signed.Std().UTC(), Root: l.Root}
	for _, e := range l.Entitlements {
		c.Entitlements = append(c.Entitlements, entitlement(e))
	}
	return finding{License: c}, nil
}

// armored is a certificate as hosts pass it on: as text.
func armored(certificate []byte) ([]byte, error) {
	if len(certificate) == 0 || certificate[0] < 0x80 {
		return certificate, nil
	}
	keys, err := pgp.Parse(certificate)
	if err != nil {
		return nil, err
	}
	return keys.Armored()
}

// refusalOf is the error that the native way would give.
func refusalOf(err error) error {
	if refusal, ok := errors.AsType[*onelicense.Error](err); ok {
		return &license.Error{Code: refusal.Code, Detail: refusal.Detail}
	}
	return err
}
