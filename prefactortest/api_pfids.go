package prefactortest

import (
	"cmp"
	"fmt"
)

type pfidsDoc struct {
	PFIDs []string `json:"pfids"`
}

func generatePFIDs(f *Fake, c *call) action {
	const most = 1000
	count := c.body.number("count")
	account := c.body.id("account_id", optional)
	if c.body.has("count") && (count < 1 || count > most) {
		c.body.refuse("count", fmt.Sprintf("must be between 1 and %d", most))
	}
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		list := pfidsDoc{PFIDs: make([]string, count)}
		for i := range list.PFIDs {
			list.PFIDs[i] = f.ids.next(cmp.Or(account, c.grant.AccountID))
		}
		if f.set.topLevelPFIDs {
			return struct {
				statusDoc
				pfidsDoc
			}{statusDoc{"success"}, list}, nil
		}
		return success(list), nil
	}
}
