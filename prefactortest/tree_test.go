package prefactortest_test

import (
	"testing"

	"github.com/prefactordev/prefactor-go/prefactortest"
)

func TestTree(t *testing.T) {
	t.Parallel()
	f := prefactortest.New()
	c := direct(t, f)
	one := c.post("/agent_instance/register", `{"external_identifier":"run-7"}`).must(t)["id"].(string)
	two := c.started()
	child := func(instance, parent string) string {
		return c.post("/agent_spans", spanBody(instance, "complete", `"parent_span_id":"`+parent+`"`)).must(t)["id"].(string)
	}
	root := c.span(one, "active")
	inner := child(one, root)
	c.span(one, "failed")
	child(one, inner)
	child(one, root)
	child(two, root) // its parent is in another instance
	f.Terminate(two, "budget")
	f.AssertTree(t, `
		instance run-7 pending
		├── app:llm active
		│   ├── app:llm complete
		│   │   └── app:llm complete
		│   └── app:llm complete
		└── app:llm failed
		instance terminated (budget)
		└── app:llm complete
	`)
}
