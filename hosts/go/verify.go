package onelicense

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Verify returns what a license file grants, after checking its signature with the product's keyring (an armored certificate), as of now.
// It needs no client, server or storage. A file that is not genuine is refused with its code.
func Verify(ctx context.Context, file, keyring []byte, options ...VerifyOption) (*License, error) {
	return VerifyAt(ctx, file, keyring, time.Now(), options...)
}

// VerifyAt is Verify as of another time.
func VerifyAt(ctx context.Context, file, keyring []byte, now time.Time, options ...VerifyOption) (*License, error) {
	c := verifyCall(file, keyring, now)
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	reply, err := invokeShared(ctx, c)
	if err != nil {
		return nil, err
	}
	return reply.License, nil
}

// VerifyOption adds a check to Verify.
type VerifyOption func(*abi.Call) error

// WithList also checks the file against the product's revocation list. A list that is not genuine refuses every file.
func WithList(list []byte) VerifyOption {
	return func(c *abi.Call) error {
		if len(list) == 0 {
			return newError(license.CodeStatementMalformed, "the list is empty") // the module takes an empty list for none
		}
		c.List = strings.ToValidUTF8(string(list), "\uFFFD") // bytes that are not UTF-8 cannot verify
		return nil
	}
}

// VerifyReceipt returns what a lease proves, also long after it has expired, after checking its signature with the product's keyring (an
// armored certificate). text is the Receipt of a LicenseStatus. Nothing is sent anywhere.
func VerifyReceipt(ctx context.Context, text string, keyring []byte) (*Receipt, error) {
	reply, err := invokeShared(ctx, &abi.Call{Op: abi.OpReceipt, File: []byte(text), Keys: string(keyring)})
	if err != nil {
		return nil, err
	}
	return reply.Receipt, nil
}

func verifyCall(file, keyring []byte, now time.Time) *abi.Call {
	c := &abi.Call{Op: abi.OpVerify, File: file, Keys: string(keyring)}
	setMillis(&c.Now, now)
	return c
}

// Root returns the fingerprint of a keyring's root key, which is pinned at the end of a ServerURL.
func Root(ctx context.Context, keyring []byte) (string, error) {
	reply, err := invokeShared(ctx, &abi.Call{Op: abi.OpRoot, Keys: string(keyring)})
	if err != nil {
		return "", err
	}
	return reply.Root, nil
}

func invokeShared(ctx context.Context, c *abi.Call) (*abi.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := sharedEngine()
	if err != nil {
		return nil, err
	}
	return e.invoke(c)
}

// invoke makes a call that needs no client, in one of the idle instances.
func (e *engine) invoke(c *abi.Call) (*abi.Reply, error) {
	inst, err := e.acquireInstance()
	if err != nil {
		return nil, err
	}
	reply, err := inst.invoke(c)
	return reply, e.releaseInstance(inst, err)
}

// acquireInstance returns an idle instance or a new one.
func (e *engine) acquireInstance() (*instance, error) {
	select {
	case inst := <-e.idleInstances:
		return inst, nil
	default:
	}
	inst, err := e.instance()
	if err != nil {
		return nil, err
	}
	inst.stopRecording()
	return inst, nil
}

// releaseInstance makes the instance idle again unless the call ended it. It returns the error of the call, a trap as a refusal.
func (e *engine) releaseInstance(inst *instance, err error) error {
	if t, ok := errors.AsType[*trapError](err); ok {
		inst.close()
		return toError(t)
	}
	if e.isOutdated(inst) {
		inst.close()
		return err
	}
	select {
	case e.idleInstances <- inst:
	default:
		inst.close()
	}
	return err
}
