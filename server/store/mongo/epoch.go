package mongo

import "context"

// Epoch of the server: the given one if it has none yet, and from then on the stored one, on every node. Only a restore raises it.
func (s *Store) Epoch(ctx context.Context, first int64) (int64, error) {
	const id = "epoch"
	if err := s.put(ctx, s.settings, byID(id), with("$setOnInsert", with("value", first))); err != nil {
		return 0, err
	}
	d, err := one[struct{ Value int64 }](ctx, s.settings, with("_id", id))
	return d.Value, err
}
