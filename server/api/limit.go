package api

import "github.com/onelicense/onelicense/server/licensing"

// Limits on the wire: null is no limit, a number is the limit, and 0 allows none at all.

// limitValue returns the limit as answers have it; nil is no limit.
func limitValue(l licensing.Limit) *int64 {
	if l == licensing.Unlimited {
		return nil
	}
	n := int64(l)
	return &n
}

// limitOf returns the limit of a member; nil is no limit. A negative number, which only files can have that no schema holds, stays one that
// is refused.
func limitOf(n *int64) licensing.Limit {
	switch {
	case n == nil:
		return licensing.Unlimited
	case *n < 0:
		return licensing.Limit(*n - 1) // Unlimited is -1
	}
	return licensing.Limit(*n)
}

// assignLimit changes the limit to the member of a request. One that is absent changes nothing.
func assignLimit(to *licensing.Limit, from Nullable[int64]) {
	if from.IsGiven {
		*to = limitOf(from.Value)
	}
}

// nullableLimit returns a license's own limit; the zero Nullable, which JSON leaves out, is the version's.
func nullableLimit(l *licensing.Limit) Nullable[int64] {
	if l == nil {
		return Nullable[int64]{}
	}
	return Nullable[int64]{IsGiven: true, Value: limitValue(*l)}
}

// overriddenLimit returns the limit that a license has of its own; nil is the version's.
func overriddenLimit(n Nullable[int64]) *licensing.Limit {
	if !n.IsGiven {
		return nil
	}
	l := limitOf(n.Value)
	return &l
}

// unlimitedAsNull returns a number of slots, of calls or an age as answers have it; nil is no limit, which is 0 where license files and
// statements have the number.
func unlimitedAsNull[N int | int64](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}

// nullAsUnlimited is the opposite of unlimitedAsNull. It makes 0, which only files can have that no schema holds, a number that is refused.
func nullAsUnlimited[N int | int64](n *N) N {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return *n
}
