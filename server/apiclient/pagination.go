package apiclient

import "iter"

// Items walks through a list, page by page as it is read:
//
//	products := apiclient.All(func(cursor *string) ([]apiclient.Product, *string, error) {
//		r, err := c.ProductsWithResponse(ctx, &apiclient.ProductsParams{Cursor: cursor})
//		if err != nil {
//			return nil, nil, err
//		}
//		return r.JSON200.Items, r.JSON200.Next, nil
//	})
//	for p, err := range products { … }
//
// An error is the last that it gives.
func Items[T any](page func(cursor *string) (items []T, next *string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var cursor *string
		for {
			items, next, err := page(cursor)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			cursor = next
		}
	}
}
