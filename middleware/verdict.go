package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/prefactordev/prefactor-go/errs"
	"github.com/prefactordev/prefactor-go/transport"
)

// verdict returns the failure that came of sending req, typed; nil for a
// success.
func verdict(req *http.Request, resp *http.Response, err error) error {
	if err != nil || resp == nil {
		return errs.FromLayer(err)
	}
	return errs.FromLayer(transport.Read(req, resp).Err())
}

// abandoned reports whether a request that ended in err, or in an answer with
// this failure, failed because whoever sent it no longer wants its answer: the
// caller, or a hedge that has a better one. The expiry of the timeout layer is
// none of that.
func abandoned(ctx context.Context, err, failure error) bool {
	if ctx.Err() == nil {
		return false
	}
	if _, late := context.Cause(ctx).(expired); late {
		return false
	}
	return err != nil || errors.Is(failure, errs.ErrNetwork)
}
