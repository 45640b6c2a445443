package spans_test

import (
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/prefactordev/prefactor-go/resources/spans"
)

// listed is a list of spans, given by name, id and parent, each started a second
// after the one before. It ends with err.
func listed(err error, rows ...[3]string) iter.Seq2[*spans.Span, error] {
	return func(yield func(*spans.Span, error) bool) {
		for n, row := range rows {
			started := time.Date(2026, 11, 25, 10, 0, n, 0, time.UTC)
			if !yield(&spans.Span{SchemaName: row[0], ID: row[1], ParentSpanID: row[2], Status: "active", StartedAt: started}, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	broken := errors.New("the list breaks off")
	for _, tt := range []struct {
		name string
		list iter.Seq2[*spans.Span, error]
		want string
		err  error
	}{
		{"nothing", listed(nil), "", nil},
		{"a tree", listed(nil, [3]string{"a", "1", ""}, [3]string{"b", "2", "1"}, [3]string{"c", "3", "2"}, [3]string{"d", "4", "1"}),
			"a active\n  b active\n    c active\n  d active\n", nil},
		{"a child before its parent", listed(nil, [3]string{"b", "2", "1"}, [3]string{"a", "1", ""}), "a active\n  b active\n", nil},
		{"a span twice", listed(nil, [3]string{"a", "1", ""}, [3]string{"a", "1", ""}), "a active\n", nil},
		{"a parent that isn't listed", listed(nil, [3]string{"a", "1", "9"}), "a active\n", nil},
		{"a circle", listed(nil, [3]string{"a", "1", "2"}, [3]string{"b", "2", "1"}, [3]string{"c", "3", "3"}), "a active\n  b active\nc active\n", nil},
		{"spans without an id", listed(nil, [3]string{"a", "", ""}, [3]string{"b", "", ""}, [3]string{"c", "3", ""}), "a active\nb active\nc active\n", nil},
		{"a list that breaks off", listed(broken, [3]string{"a", "1", ""}), "a active\n", broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tree, err := spans.NewTree(tt.list)
			if got := tree.String(); got != tt.want || err != tt.err {
				t.Errorf("got\n%s and %v, want\n%s and %v", got, err, tt.want, tt.err)
			}
		})
	}
}
