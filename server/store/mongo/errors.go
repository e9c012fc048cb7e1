package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/onelicense/onelicense/server/licensing"
)

// mapError maps the driver's errors to those of the store's contract. Errors that mean that MongoDB cannot be reached, or cannot do it now,
// become ErrUnavailable: the same request may succeed in a moment.
func mapError(err error) error {
	var server mongo.ServerError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mongo.ErrNoDocuments):
		return licensing.ErrNotFound
	case mongo.IsDuplicateKeyError(err):
		return licensing.ErrExists
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &server) && !isTransient(server):
		return fmt.Errorf("MongoDB: %w", err)
	case errors.As(err, &server), mongo.IsNetworkError(err), mongo.IsTimeout(err), isConnectionLoss(err):
		return fmt.Errorf("%w: MongoDB: %w", licensing.ErrUnavailable, err)
	}
	return fmt.Errorf("MongoDB: %w", err)
}

// isTransient reports whether the server's error is temporary: an election, a shutdown, a lost majority.
func isTransient(err mongo.ServerError) bool {
	for _, label := range []string{"RetryableWriteError", "TransientTransactionError", "NetworkError"} {
		if err.HasErrorLabel(label) {
			return true
		}
	}
	for _, code := range []int{
		6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, // as listed in the drivers' specification of retryable writes
		50, 64, 100, // MaxTimeMSExpired, WriteConcernFailed, UnsatisfiableWriteConcern
	} {
		if err.HasErrorCode(code) {
			return true
		}
	}
	return false
}

// isConnectionLoss reports whether the request got no connection or lost it.
func isConnectionLoss(err error) bool {
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	var queue topology.WaitQueueTimeoutError
	var pool topology.PoolError
	var cleared interface{ Retryable() bool } // the pool was cleared because another request lost its connection
	return errors.Is(err, mongo.ErrClientDisconnected) || errors.As(err, &selection) || errors.As(err, &connection) ||
		errors.As(err, &queue) || errors.As(err, &pool) || errors.As(err, &cleared) && cleared.Retryable()
}

// lastServerError shortens the driver's error about finding no server to the last error of a server or of the network.
func lastServerError(err error) error {
	if _, after, ok := strings.Cut(err.Error(), "Last error: "); ok {
		text, _, _ := strings.Cut(after, " }")
		return errors.New(text)
	}
	return err
}
