package transport

import (
	"math"
	"time"
)

// ask notes that the server asks to wait for d before the next request. Of
// several times that it asked, the one that ends last counts.
func (c *Call) ask(d time.Duration) {
	if c == nil || d <= 0 {
		return
	}
	until := time.Since(c.started)
	until += min(d, math.MaxInt64-until)
	for {
		before := c.notBefore.Load()
		if before >= int64(until) || c.notBefore.CompareAndSwap(before, int64(until)) {
			return
		}
	}
}

// RetryAfter returns how long from now the server asks to wait before the next
// request of the call, by the longest Retry-After of all its responses so far,
// also of one whose body was cut; 0 if it doesn't ask. Layers that send a call
// again wait at least this long.
func (c *Call) RetryAfter() time.Duration {
	if c == nil {
		return 0
	}
	until := c.notBefore.Load()
	if until == 0 {
		return 0
	}
	if until == math.MaxInt64 {
		return math.MaxInt64
	}
	return max(0, time.Duration(until)-time.Since(c.started))
}
