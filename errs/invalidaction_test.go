package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prefactordev/prefactor-go/errs"
)

func TestInvalidAction(t *testing.T) {
	t.Parallel()
	refused := &errs.ConflictError{APIError: &errs.APIError{Status: 409, Code: "invalid_action"}}
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"the code", refused, true},
		{"in the error of a call", &errs.Error{Operation: "agent_spans.finish", Err: refused}, true},
		{"wrapped", fmt.Errorf("finish: %w", refused), true},
		{"in bulk, without a status", &errs.ConflictError{APIError: &errs.APIError{Code: "invalid_action"}}, true},
		{"a key that was used for another body", &errs.ConflictError{APIError: &errs.APIError{Status: 409, Code: "conflict"}}, false},
		{"a page with 409", &errs.ConflictError{APIError: &errs.APIError{Status: 409}}, false},
		{"the zero error", &errs.ConflictError{}, false},
		{"the code under another status", &errs.ValidationError{APIError: &errs.APIError{Status: 422, Code: "invalid_action"}}, false},
		{"another error", errors.New("invalid_action"), false},
	} {
		if got := errs.InvalidAction(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
