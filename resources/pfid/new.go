package pfid

import (
	"math/rand/v2"
	"sync"
	"time"
)

// NewRoot returns an id of now in a random partition: for a record that no other is
// related to.
func NewRoot() ID { return New(rand.Uint32() & MaxPartition) }

// NewRelated returns an id of now in the partition of another: for a record that
// belongs to it, as a span does to its run.
func NewRelated(to ID) ID { return New(to.Partition()) }

// New returns an id of now in a partition, of which the lowest 30 bits count.
//
// The ids that a process makes in a partition only grow, also within a millisecond,
// and where the clock steps back by up to a minute. A larger step is taken for a
// correction.
func New(partition uint32) ID {
	var id ID
	millis, high, low := sequence.next()
	id.setTime(millis)
	id.setPartition(partition)
	id.setRandom(high, low)
	return id
}

// Derived returns the id with the time and the partition of another, and with data in
// place of random bits: the same input gives the same id, in every process.
func Derived(from ID, data [10]byte) ID {
	copy(from[endOfPartition:], data[:])
	return from
}

var sequence counter

// counter gives ids their times and random bits.
type counter struct {
	mu        sync.Mutex
	millis    uint64
	high, low uint64 // 40 bits each
}

const (
	mask40   = 1<<40 - 1
	stepBack = uint64(time.Minute / time.Millisecond)
)

func (c *counter) next() (millis, high, low uint64) {
	now := uint64(time.Now().UnixMilli())
	random, step := rand.Uint64(), rand.Uint64()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now > c.millis || now+stepBack < c.millis {
		c.millis, c.high, c.low = now, random>>25, step>>24 // 39 bits of high, so that there is room to grow
		return c.millis, c.high, c.low
	}
	c.low += 1 + step>>32 // at least one, and nobody guesses the next id
	c.high += c.low >> 40
	c.low &= mask40
	if c.high > mask40 { // of 2^39 steps or more
		c.millis, c.high = c.millis+1, 0
	}
	return c.millis, c.high, c.low
}
