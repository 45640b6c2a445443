package pfid_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/resources/pfid"
)

// The rows of the file are a time, a partition, 80 bits and the text of the id.
func TestIDsHaveTheAPIsFormat(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/ids.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); rows++ {
		row := strings.Split(lines.Text(), ",")
		millis, _ := strconv.ParseInt(row[0], 10, 64)
		partition, _ := strconv.ParseUint(row[1], 10, 32)
		random, _ := hex.DecodeString(row[2])
		id, err := pfid.Parse(row[3])
		if err != nil {
			t.Errorf("%s: %v", row[3], err)
			continue
		}
		bits, _ := id.MarshalBinary()
		if id.Time().UnixMilli() != millis || uint64(id.Partition()) != partition || string(bits[10:]) != string(random) || id.String() != row[3] {
			t.Errorf("%s is of %d in %d with %x, want %v", id, id.Time().UnixMilli(), id.Partition(), bits[10:], row)
		}
	}
	if rows != 6 {
		t.Errorf("%d rows", rows)
	}
}

func TestWhatIsNoIDIsRefused(t *testing.T) {
	t.Parallel()
	const good = "013xrzp12g3nqk8n0000000000000000"
	for _, text := range []string{"", good[1:], good + "0", "8" + good[1:], strings.ToUpper(good), "0i" + good[2:], "0l" + good[2:], "0o" + good[2:], "0u" + good[2:], "-" + good[1:], good[:30] + "é"} {
		if id, err := pfid.Parse(text); errs.KindOf(err) != errs.KindClient || !id.IsZero() {
			t.Errorf("%q gives %s, %v", text, id, err)
		}
	}
	var id pfid.ID
	for _, b := range [][]byte{nil, make([]byte, 19), make([]byte, 21), append([]byte{0, 0, 0, 0, 0, 0, 0x40}, make([]byte, 13)...)} {
		if err := id.UnmarshalBinary(b); errs.KindOf(err) != errs.KindClient {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestIDsAreTextInJSON(t *testing.T) {
	t.Parallel()
	type record struct {
		ID    pfid.ID            `json:"id"`
		Known map[pfid.ID]string `json:"known"`
	}
	want := record{ID: pfid.NewRoot(), Known: map[pfid.ID]string{pfid.NewRoot(): "x"}}
	text, err := json.Marshal(want)
	var got record
	if err != nil || json.Unmarshal(text, &got) != nil || got.ID != want.ID || len(got.Known) != 1 || !strings.Contains(string(text), `"`+want.ID.String()+`"`) {
		t.Errorf("%s became %+v, %v", text, got, err)
	}
}

func TestNewIDsAreOfNowAndInTheirPartition(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Millisecond)
	root := pfid.NewRoot()
	related := pfid.NewRelated(root)
	if related.Partition() != root.Partition() || related.Compare(root) <= 0 || related.Time().Before(before.Truncate(time.Millisecond)) {
		t.Errorf("%s is related to %s", related, root)
	}
	if got := pfid.New(pfid.MaxPartition + 5).Partition(); got != 4 {
		t.Errorf("the partition is %d, want the lowest 30 bits", got)
	}
}

func TestNewIDsOnlyGrow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all []string
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			ids := make([]string, 10_000)
			for i := range ids {
				ids[i] = pfid.New(7).String()
			}
			if !slices.IsSorted(ids) {
				t.Error("the ids of a goroutine aren't sorted")
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, ids...)
		})
	}
	workers.Wait()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 80_000 {
		t.Errorf("%d different ids, want 80000", n)
	}
}

// It runs alone, because it sets the clock of all.
func TestAClockThatIsSetBackIsFollowed(t *testing.T) {
	pfid.New(9)
	synctest.Test(t, func(t *testing.T) { // where it is the year 2000
		id := pfid.New(9)
		if !id.Time().Equal(time.Now()) {
			t.Errorf("the id is of %s", id.Time())
		}
	})
}

// Each bubble begins in the year 2000.
func TestIDsGrowWhereTheClockStepsBack(t *testing.T) {
	var before pfid.ID
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Second)
		before = pfid.New(9)
	})
	synctest.Test(t, func(t *testing.T) {
		if after := pfid.New(9); after.Compare(before) <= 0 {
			t.Errorf("%s follows %s", after, before)
		}
	})
}

func TestDerivedIDsAreTheSameForTheSameInput(t *testing.T) {
	t.Parallel()
	run := pfid.NewRoot()
	a, b := pfid.Derived(run, [10]byte{1}), pfid.Derived(run, [10]byte{2})
	if a != pfid.Derived(run, [10]byte{1}) || a == b || a.Partition() != run.Partition() || !a.Time().Equal(run.Time()) {
		t.Errorf("%s and %s are derived from %s", a, b, run)
	}
}

func TestIDsAllocateTheirTextOnly(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { sink = pfid.New(7).String() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
	text := pfid.NewRoot().String()
	if n := testing.AllocsPerRun(1000, func() { _, _ = pfid.Parse(text) }); n > 1 {
		t.Errorf("%v allocations to parse", n)
	}
}

var sink string

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		sink = pfid.New(7).String()
	}
}

func FuzzParse(f *testing.F) {
	f.Add("013xrzp12g3nqk8n0000000000000000")
	f.Add("7zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := pfid.Parse(text)
		if err != nil {
			return
		}
		bits, _ := id.MarshalBinary()
		var again pfid.ID
		if id.String() != text || again.UnmarshalBinary(bits) != nil || again != id {
			t.Errorf("%q became %s and %s", text, id, again)
		}
	})
}
