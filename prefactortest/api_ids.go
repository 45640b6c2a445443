package prefactortest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Every fake has this account, agent and environment. The ids are PFIDs of one
// partition.
const (
	AccountID     = "013xrzp12g3nqk8nacc0000000000000"
	AgentID       = "013xrzp12g3nqk8nagent00000000000"
	EnvironmentID = "013xrzp12g3nqk8nenv0000000000000"
)

// A PFID has 32 characters: 10 of time, 6 of partition, 16 random ones.
const (
	pfidAlphabet       = "0123456789abcdefghjkmnpqrstvwxyz"
	pfidTimeChars      = 10
	pfidPartitionChars = 6
	pfidRandomChars    = 16
	pfidChars          = pfidTimeChars + pfidPartitionChars + pfidRandomChars
)

// ids generates PFIDs. It isn't safe for concurrent use.
type ids struct {
	random *rand.Rand
	clock  func() time.Time
}

// next returns a new id in the partition of related, or in a random one if
// related isn't a PFID.
func (g *ids) next(related string) string {
	id := make([]byte, 0, pfidChars)
	id = appendBase32(id, uint64(g.clock().UnixMilli()), pfidTimeChars)
	if isPFID(related) {
		id = append(id, partition(related)...)
	} else {
		id = appendBase32(id, g.random.Uint64(), pfidPartitionChars)
	}
	id = appendBase32(id, g.random.Uint64(), pfidRandomChars/2)
	id = appendBase32(id, g.random.Uint64(), pfidRandomChars/2)
	return string(id)
}

// appendBase32 appends the lowest 5*chars bits of n.
func appendBase32(b []byte, n uint64, chars int) []byte {
	for shift := 5 * (chars - 1); shift >= 0; shift -= 5 {
		b = append(b, pfidAlphabet[n>>shift&31])
	}
	return b
}

func isPFID(s string) bool {
	if len(s) != pfidChars || s[0] > '7' {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(pfidAlphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// partition returns the partition of a PFID.
func partition(id string) string {
	return id[pfidTimeChars : pfidTimeChars+pfidPartitionChars]
}

// A pfidsDoc is the response with generated PFIDs: at the top level, as the API
// documents it, and under details, where older clients read it.
type pfidsDoc struct {
	statusDoc
	pfidList
	Details pfidList `json:"details"`
}

type pfidList struct {
	AccountID string   `json:"account_id"`
	PFIDs     []string `json:"pfids"`
}

func generatePFIDs(f *Fake, c *call) action {
	const most = 1000
	count := c.body.number("count")
	account := cmp.Or(c.body.id("account_id", optional), c.grant.AccountID)
	if c.body.has("count") && (count < 1 || count > most) {
		c.body.refuse("count", fmt.Sprintf("must be between 1 and %d", most))
	}
	return func() (any, *failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		list := pfidList{AccountID: account, PFIDs: make([]string, count)}
		for i := range list.PFIDs {
			list.PFIDs[i] = f.ids.next(account)
		}
		return pfidsDoc{statusDoc{"success"}, list, list}, nil
	}
}
