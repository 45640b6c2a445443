// Package transport composes stacks of [http.RoundTripper] layers and sends
// single API calls through them.
//
// A [Stack] is an immutable list of [Layer] values, the outermost first. It is
// edited by position and by name, prints itself, and is checked as a whole when
// it is built on a base round tripper:
//
//	stack := middleware.Default(cfg).PerCall(audit).Wire(signing)
//	rt, err := stack.RoundTripper(middleware.NewBase(cfg))
//	client, err := transport.NewClient(cfg.APIURL, rt)
//
// A [Client] turns an operation ([Op]) and its input into one request, sends it
// through the round tripper, and turns the response into the operation's
// document or an [errs.Error]. It works over any round tripper: whatever layer
// is missing, results are decoded and errors typed all the same.
//
// # Writing a layer
//
// Most layers are a [LayerFunc], which owns the request that it gets:
//
//	mesh := transport.NewLayerFunc("mesh", transport.PerAttempt,
//		func(req *http.Request, next transport.Next) (*http.Response, error) {
//			req.Header.Set("X-Mesh", "blue")
//			return next(req)
//		})
//
// A layer of your own keeps the contract of [http.RoundTripper]. In particular:
//
//   - A response comes back without an error, and an error without a response.
//     An error status is a response; its error is what [Read] tells.
//   - A request that came through RoundTrip is never changed, and one that goes
//     on to another round tripper isn't touched again.
//   - Every request body is closed, also where nothing is sent, and every
//     response body that isn't returned.
//   - A body is sent again only from GetBody.
//   - State of one call lives in its context or on the stack, not in the layer.
//   - An inner round tripper can be had from Unwrap, and CloseIdleConnections
//     is handed on.
//   - A layer that refuses calls returns an [errs.RejectedError].
//
// # What a layer may learn
//
// [CallFrom] tells which API call a request belongs to: operation, route, key,
// attempts so far. [Read] tells what an answer says. Both work at any position
// and with any foreign layer in between, because what is learned of a response
// rides in its body: status, header and bytes stay as the server sent them.
//
// A layer that makes requests of its own on the side, such as for a token, does
// so under [WithoutCall].
package transport
